/** What every part of the view needs: times as people read them, and links to the events that are on the page. */

import type { RunRecord } from '../../record/run-record.ts';
import { formatDuration } from '../format.ts';

export interface EventLink {
  seq: number;
}

export interface ViewContext {
  record: RunRecord;
  /** Run time that counts as 0: t0, or the start of a run that deployed nothing. */
  originTMs: number;
  /** "+3.0 s" after t0, "−2.1 s" before it. */
  since(tMs: number): string;
  /** "2.1 s before t0", for running text. */
  relative(tMs: number): string;
  /** Links to those of the events that the log on the page shows. */
  links(seqs: readonly (number | undefined)[]): EventLink[];
}

export function viewContext(record: RunRecord, shownEvents: ReadonlySet<number>): ViewContext {
  const originTMs = record.moments.deployed?.tMs ?? record.injected?.tMs ?? 0;
  const zero = record.moments.deployed || record.injected ? 't0' : '0';
  return {
    record,
    originTMs,
    since(tMs) {
      const after = tMs - originTMs;
      return Math.round(after) === 0 ? zero : `${after < 0 ? '−' : '+'}${formatDuration(Math.abs(after))}`;
    },
    relative(tMs) {
      const after = tMs - originTMs;
      const what = zero === 't0' ? 't0' : 'the start of the run';
      return Math.round(after) === 0
        ? `at ${what}`
        : `${formatDuration(Math.abs(after))} ${after < 0 ? 'before' : 'after'} ${what}`;
    },
    links: seqs =>
      [...new Set(seqs)].filter(seq => seq !== undefined && shownEvents.has(seq)).map(seq => ({ seq: seq as number })),
  };
}

/** "1 request", "3 requests" */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString('en')} ${n === 1 ? one : many}`;
}

/** When the drill stopped watching: what never happened did not happen until then. */
export function watchedUntil(record: RunRecord): number {
  return record.restore?.startedTMs ?? record.endedTMs;
}
