/** What is known of the trouble so far. Pure. */
import { formatClock, formatDuration } from '../record/duration.ts';
import { suspectText } from '../record/event-text.ts';
import { harmlessLine } from '../record/harmless-text.ts';
import type { Progress } from '../reporters/progress.ts';

/** One fact a line. */
export function knownTexts({ moments, suspect, detectedBy }: Progress): string[] {
  const deployed = moments.get('deployed');
  // In a blind drill the time of the deploy is not known.
  const after = (tMs: number) =>
    deployed === undefined ? `at ${formatClock(tMs)}` : `${formatDuration(tMs - deployed)} after the deploy`;
  const detected = moments.get('detected');
  const texts: string[] = [];
  if (detected !== undefined) texts.push(`t1 detected ${after(detected)} by ${detectedBy ?? 'somebody'}`);
  if (suspect) {
    const diagnosed = moments.get('diagnosed');
    const when = diagnosed === undefined ? 'suspect' : `t2 diagnosed ${after(diagnosed)}:`;
    const wrong = suspect.correct ? '' : ' (it was not this one)';
    texts.push(`${when} ${suspectText(suspect.suspect)}${wrong}, ${suspect.suspect.change}`);
  }
  return texts.map(harmlessLine);
}
