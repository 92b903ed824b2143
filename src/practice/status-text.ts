/** Where the drill stands, as sentences that need neither colour nor columns: for screen readers, and for whoever asks. Pure. */
import { formatDuration } from '../record/duration.ts';
import { harmlessLine } from '../record/harmless-text.ts';
import { recoveryClock } from '../reporters/frame.ts';
import type { PhaseProgress, Progress } from '../reporters/progress.ts';
import type { Style } from '../reporters/style.ts';
import type { ShownStep } from '../runbook/person.ts';
import { knownTexts } from './known.ts';

const LEVEL_WINDOW_MS = 2000;

/** @param tMs ms of run time now */
export function statusText(progress: Progress, step: ShownStep | undefined, tMs: number, style: Style): string[] {
  const { started, moments } = progress;
  if (!started) return ['The drill has not begun.'];
  const deployed = moments.get('deployed');
  const objective = started.objectives.total;
  const aim = deployed === undefined || objective === undefined ? '' : ` of ${formatDuration(objective)}`;
  const lines = [`Drill: ${started.scenario.title}, ${recoveryClock(progress, tMs)}${aim}.`];
  if (deployed !== undefined || moments.has('detected')) {
    const phases = progress.phases().map(phase => phaseStatus(phase, tMs));
    lines.push(`Phases: ${phases.join('; ')}.`);
  }
  if (step)
    lines.push(
      `Step ${step.number} of ${step.total}: ${step.title}${step.owner === undefined ? '' : `, for the ${step.owner}`}.`,
    );
  lines.push(...knownTexts(progress).map(text => `Known: ${text}.`));
  lines.push(...progress.probes().map(probe => `Users, by ${probe}: ${serviceStatus(progress, probe, tMs)}.`));
  const firing = progress.signals.filter(signal => !signal.cleared);
  lines.push(...firing.map(signal => `Signal since ${ago(tMs - signal.tMs)}: ${signal.detector}, ${signal.message}.`));
  return lines.map(line => style.plain(harmlessLine(line)));
}

function phaseStatus({ name, startTMs, endTMs, objectiveMs }: PhaseProgress, tMs: number): string {
  if (startTMs === undefined) return endTMs === undefined ? `${name} not begun` : `${name} done`;
  const took = (endTMs ?? tMs) - startTMs;
  const aim = objectiveMs === undefined ? '' : ` of ${formatDuration(objectiveMs)}${took > objectiveMs ? ', late' : ''}`;
  return `${name} ${formatDuration(took)}${aim}, ${endTMs === undefined ? 'running' : 'done'}`;
}

function serviceStatus(progress: Progress, probe: string, tMs: number): string {
  const level = progress.level(probe, tMs, LEVEL_WINDOW_MS);
  return level
    ? `${(level.errorRate * 100).toFixed(1)} % errors, p95 ${formatDuration(level.p95Ms)}`
    : 'no request answered lately';
}

function ago(ms: number): string {
  return formatDuration(Math.max(0, ms));
}
