/** The score of a drill that people played, explained line by line. Pure: the same record gives the same score. */
import { formatDuration } from '../record/duration.ts';
import { objectText, suspectText } from '../record/event-text.ts';
import type { ObjectRef, PhaseName } from '../record/events.ts';
import type { RunRecord } from '../record/run-record.ts';

const CAUSE = 40;
/** The right workload, yet another revision of it. */
const WORKLOAD_ONLY = 20;
const WRONG_WORKLOAD = -10;
const WRONG_REVISION = -5;
const ROLLED_BACK = 20;
const RESTORED = 20;
const WRONG_ROLLBACK = -15;
/** Shared evenly by the phases that have an objective. */
const OBJECTIVES = 20;
/** Detection is the detectors' part. */
const PEOPLES_PHASES: readonly PhaseName[] = ['diagnosis', 'rollback', 'verification'];

export interface ScoreLine {
  text: string;
  /** What it gave or took. */
  points: number;
}

export interface Score {
  points: number;
  /** As many as there were to be had. */
  of: number;
  /** In the order in which they count; their points sum up to `points`. */
  lines: ScoreLine[];
}

/** Undefined when nothing was injected: there was nothing to find. */
export function scoreOf(record: RunRecord): Score | undefined {
  if (!record.injected) return undefined;
  const objectives = objectiveLines(record);
  const lines = [
    ...causeLines(record),
    ...recoveryLines(record),
    ...objectives,
    ...record.hints.map(({ level, cost }) => ({ text: `Hint ${level} was taken`, points: -cost })),
    ...record.escalations.map(({ to }) => ({ text: `Called ${to} for help: takes nothing off`, points: 0 })),
  ];
  const sum = lines.reduce((total, line) => total + line.points, 0);
  if (sum < 0) lines.push({ text: 'A score does not go below nothing', points: -sum });
  return {
    points: Math.max(0, sum),
    of: CAUSE + ROLLED_BACK + RESTORED + (objectives.length > 0 ? OBJECTIVES : 0),
    lines,
  };
}

/** A line of text for each line, points first. */
export function scoreText({ lines }: Score): string[] {
  return lines.map(
    ({ text, points }) => `${`${points > 0 ? '+' : points < 0 ? '−' : ''}${Math.abs(points)}`.padStart(4)}  ${text}`,
  );
}

function causeLines(record: RunRecord): ScoreLine[] {
  const { answers } = record.diagnosis;
  const target = record.injected?.target;
  const right = answers.find(answer => answer.correct);
  const byPeople = answers.filter(answer => answer.by !== AUTOMATIC);
  const wrong = byPeople.filter(answer => !answer.correct && (right === undefined || answer.tMs < right.tMs));
  const isTarget = (workload: ObjectRef | undefined) => workload?.kind === target?.kind && workload?.name === target?.name;
  const closest = wrong.find(answer => isTarget(answer.suspects[0]?.workload));
  const after = (tMs: number) => `${formatDuration(tMs - (record.injected?.tMs ?? 0))} after the deploy`;
  const [suspect] = right?.suspects ?? [];

  const named = ((): ScoreLine => {
    if (right && suspect && right.by === AUTOMATIC)
      return { text: `The cause was named by the ${AUTOMATIC}, not by a person`, points: 0 };
    if (right && suspect) return { text: `The cause was named ${after(right.tMs)}: ${suspectText(suspect)}`, points: CAUSE };
    if (closest) return { text: 'The workload was named, but not the revision that broke it', points: WORKLOAD_ONLY };
    return { text: 'The cause was never named', points: 0 };
  })();
  return [
    named,
    // An answer that gave points for the workload is not held against it as well.
    ...wrong
      .filter(answer => right !== undefined || answer !== closest)
      .map(answer => {
        const [first] = answer.suspects;
        return {
          text: `Wrong diagnosis ${after(answer.tMs)}: ${first ? suspectText(first) : 'no suspect'}`,
          points: isTarget(first?.workload) ? WRONG_REVISION : WRONG_WORKLOAD,
        };
      }),
  ];
}

const AUTOMATIC = 'automatic diagnosis';

function recoveryLines(record: RunRecord): ScoreLine[] {
  const { moments } = record;
  return [
    moments['rolled-back']
      ? { text: 'The bad deploy was rolled back', points: ROLLED_BACK }
      : { text: 'The bad deploy was not rolled back in the drill', points: 0 },
    moments.restored
      ? { text: 'The service was restored, and verified', points: RESTORED }
      : { text: 'The service was not restored in the drill', points: 0 },
    ...wronglyRolledBack(record).map(object => ({
      text: `${objectText(object)} was rolled back, and was not the cause`,
      points: WRONG_ROLLBACK,
    })),
  ];
}

/**
 * Decoys that the restore found undone already, and objects that the undo did not name at first: the drill takes those in when
 * somebody rolls back a workload that it had not touched.
 */
function wronglyRolledBack(record: RunRecord): ObjectRef[] {
  const same = (left: ObjectRef) => (right: ObjectRef) => left.kind === right.kind && left.name === right.name;
  return (record.restore?.objects ?? [])
    .filter(({ object, action }) => {
      const decoy = record.decoys.some(one => same(one.object)(object));
      const planned = record.undo?.objects.some(same(object)) ?? true;
      return decoy ? action === 'as-found' : !planned;
    })
    .map(({ object }) => object);
}

function objectiveLines(record: RunRecord): ScoreLine[] {
  const phases = PEOPLES_PHASES.map(name => ({ name, ...record.phases[name] })).filter(phase => phase.objectiveMs !== undefined);
  const share = Math.floor(OBJECTIVES / Math.max(1, phases.length));
  return phases.map(({ name, durationMs, objectiveMs = 0, met }, index) => {
    // What does not divide goes to the first.
    const points = index === 0 ? OBJECTIVES - share * (phases.length - 1) : share;
    const took = durationMs === undefined ? 'was not done' : `took ${formatDuration(durationMs)}`;
    return {
      text: `${name[0]?.toUpperCase()}${name.slice(1)} ${took}, objective ${formatDuration(objectiveMs)}`,
      points: met === true ? points : 0,
    };
  });
}
