import type { Trouble } from '../cluster/pod-trouble.ts';

/** Whose trouble it is: a pod, or the rollout of the workload itself. */
export interface Subject {
  /** `deployment/payments`: signals are told once for each workload and kind of trouble, not for each of its pods. */
  workload: string;
  id: string;
}

interface Entry {
  trouble: Trouble;
  /** It lasts long enough to count, and was not there before the drill. */
  counts: boolean;
  ended: AbortController;
}

/**
 * Keeps what is wrong with whom, and tells of news only: the first trouble of a kind in a workload, and when nothing is wrong any more.
 * A pod that alternates between two states of the same trouble is told of once.
 */
export class TroubleBoard {
  readonly #subjects = new Map<string, Map<string, Entry>>();
  readonly #firing = new Map<string, Set<string>>();
  readonly #toldBefore = new Set<string>();
  readonly #on: { fire(subject: Subject, trouble: Trouble): void; clear(subject: Subject): void };
  readonly #wait: (ms: number, signal: AbortSignal) => Promise<void>;

  constructor(
    on: { fire(subject: Subject, trouble: Trouble): void; clear(subject: Subject): void },
    wait: (ms: number, signal: AbortSignal) => Promise<void>,
  ) {
    this.#on = on;
    this.#wait = wait;
  }

  /**
   * What is wrong with a subject now; nothing when it is gone.
   * @param atStart it was found so: it counts only when it gets worse
   */
  see(subject: Subject, troubles: readonly Trouble[], atStart: boolean): void {
    const entries = this.#subjects.get(subject.id) ?? new Map<string, Entry>();
    this.#subjects.set(subject.id, entries);
    // New ones first: a trouble that gives way to the next one has not cleared.
    for (const trouble of troubles) this.#seeOne(subject, entries, trouble, atStart);
    for (const [key, entry] of entries) {
      if (troubles.some(trouble => trouble.key === key)) continue;
      entry.ended.abort();
      entries.delete(key);
      this.#cease(subject, entry.trouble);
    }
    if (entries.size === 0) this.#subjects.delete(subject.id);
  }

  #seeOne(subject: Subject, entries: Map<string, Entry>, trouble: Trouble, atStart: boolean): void {
    const known = entries.get(trouble.key);
    if (known) {
      const worse = trouble.level > known.trouble.level;
      known.trouble = trouble;
      if (worse && !known.counts) this.#fire(subject, known);
      return;
    }
    const entry: Entry = { trouble, counts: false, ended: new AbortController() };
    entries.set(trouble.key, entry);
    if (atStart) return;
    if (trouble.afterMs === 0) this.#fire(subject, entry);
    else
      this.#wait(trouble.afterMs, entry.ended.signal).then(
        () => this.#fire(subject, entry),
        () => {},
      );
  }

  #fire(subject: Subject, entry: Entry): void {
    entry.counts = true;
    const group = groupOf(subject, entry.trouble);
    const members = this.#firing.get(group) ?? new Set<string>();
    const first = members.size === 0;
    members.add(`${subject.id} ${entry.trouble.key}`);
    this.#firing.set(group, members);
    const telling = `${subject.id} ${entry.trouble.key} ${entry.trouble.level}`;
    if (!first || this.#toldBefore.has(telling)) return;
    this.#toldBefore.add(telling);
    this.#on.fire(subject, entry.trouble);
  }

  #cease(subject: Subject, trouble: Trouble): void {
    const group = groupOf(subject, trouble);
    const members = this.#firing.get(group);
    if (!members?.delete(`${subject.id} ${trouble.key}`) || members.size > 0) return;
    this.#firing.delete(group);
    if (this.#firing.size === 0) this.#on.clear(subject);
  }
}

function groupOf(subject: Subject, trouble: Trouble): string {
  return `${subject.workload} ${trouble.kind}`;
}
