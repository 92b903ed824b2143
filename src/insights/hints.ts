/** Hints on demand, from vague to the answer, each with what it costs. */
import { objectText } from '../record/event-text.ts';
import type { ObjectRef } from '../record/events.ts';

/** One that the scenario's author wrote. */
const AUTHORED_COST = 3;
/** Together as much as naming the cause gives: who takes every hint has been told it. */
const COSTS = { changes: 2, chain: 4, pair: 8, workload: 11, change: 15 } as const;

export interface HintMatter {
  /** The scenario's own, the least telling first. */
  specHints: readonly string[];
  target: ObjectRef;
  /** The bad revision and what it changed, where they are known. */
  revision?: string | undefined;
  change?: string | undefined;
  /** Other workloads that somebody could suspect, the likeliest first: those that were deployed about the same time. */
  others: readonly ObjectRef[];
}

/** The least telling first; `cost` in points of the score. */
export function hintsFor({ specHints, target, revision, change, others }: HintMatter): { text: string; cost: number }[] {
  const cause = objectText(target);
  const [other] = others.map(objectText).filter(name => name !== cause);
  return [
    ...specHints.map(text => ({ text, cost: AUTHORED_COST })),
    { text: 'Something was deployed shortly before the trouble began. List what changed lately, and when.', cost: COSTS.changes },
    {
      text: 'Who shows the trouble need not be who was changed. Follow the calls to the last one that fails, and look at the newest pods.',
      cost: COSTS.chain,
    },
    ...(other === undefined ? [] : [{ text: `It is either ${[cause, other].sort().join(' or ')}.`, cost: COSTS.pair }]),
    { text: `It is ${cause}.`, cost: COSTS.workload },
    {
      text: `It is ${revision === undefined ? 'the newest revision' : `revision ${revision}`} of ${cause}${change ? `: ${change}` : ''}.`,
      cost: COSTS.change,
    },
  ];
}
