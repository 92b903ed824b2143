/** A step of the runbook as its reader sees it: what it is, whose it is, what it does, and its text. Pure. */
import { formatDuration } from '../record/duration.ts';
import { harmlessLine, harmlessText } from '../record/harmless-text.ts';
import { type Style, wrap } from '../reporters/style.ts';
import type { ShownStep } from '../runbook/person.ts';
import { foldLine } from './fold-line.ts';
import { markdownLines } from './markdown-text.ts';

/** Settings for the tool are not for the reader: what they say stands in the heading. */
const settings = (language: string, info: string) => /^ya?ml$/i.test(language) && /\brehearse\b/.test(info);

/** "Step 3 of 8: Roll back", and below it owner, phase, expected time, command. */
export function stepHeading(step: ShownStep, width: number, style: Style): string[] {
  const again = step.visit > 1 ? `, ${ordinal(step.visit)} time` : '';
  const title = style.plain(harmlessLine(`Step ${step.number} of ${step.total}${again}: ${step.title}`));
  const facts = [
    step.phase,
    step.owner === undefined ? undefined : `for the ${step.owner}`,
    step.expectedMs === undefined ? undefined : `expected ${formatDuration(step.expectedMs)}`,
    step.command === undefined ? `does: ${step.does}` : undefined,
  ].filter(fact => fact !== undefined);
  const lines = wrap(title, width).map(line => style.paint(line, 'bold'));
  lines.push(...wrap(style.plain(harmlessLine(facts.join(style.marks.separator))), width).map(line => style.paint(line, 'dim')));
  if (step.command === undefined) return lines;
  const [first = '', ...more] = style.plain(harmlessText(step.command)).split('\n');
  const command = [`runs: ${first}`, ...more.map(line => `      ${line}`)];
  return [...lines, ...command.flatMap(line => foldLine(line, width)).map(line => style.paint(line, 'cyan'))];
}

export function stepText(step: ShownStep, width: number, style: Style): string[] {
  return markdownLines(step.markdown, width, style, settings);
}

function ordinal(count: number): string {
  return count === 2 ? '2nd' : count === 3 ? '3rd' : `${count}th`;
}
