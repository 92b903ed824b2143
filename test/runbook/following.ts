/** Follows a runbook given as text, with real processes and real time, and gives what was recorded. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Activity, EventBody, EventOf, ObjectRef } from '../../src/record/events.ts';
import { systemClock } from '../../src/rehearsal/clock.ts';
import type { Clock, RoleContext, RunbookActions } from '../../src/rehearsal/ports.ts';
import type { RunbookEnvironment } from '../../src/runbook/environment.ts';
import { loadRunbook } from '../../src/runbook/load.ts';

type Started = Omit<EventOf<'runbook.step.started'>, 'seq' | 'at' | 'tMs'>;
type Finished = Omit<EventOf<'runbook.step.finished'>, 'seq' | 'at' | 'tMs'>;

export interface Followed {
  good: boolean;
  events: EventBody[];
  started: Started[];
  finished: Finished[];
  /** What was asked of the rehearsal, in order. */
  asked: string[];
  /** What the time went into, in order. */
  spent: Activity[];
}

export interface FollowOptions extends RunbookEnvironment {
  clock?: Clock;
  actions?: Partial<RunbookActions>;
  signal?: AbortSignal;
  files?: Record<string, string>;
  /** Otherwise one that cannot be reached. */
  cluster?: RoleContext['cluster'];
  namespace?: string;
}

const payments: ObjectRef = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'payments' };

export async function follow(markdown: string, options: FollowOptions = {}): Promise<Followed> {
  const {
    clock = systemClock,
    actions,
    signal = new AbortController().signal,
    files = {},
    cluster,
    namespace,
    ...environment
  } = options;
  const directory = await mkdtemp(join(tmpdir(), 'runbook-test-'));
  try {
    const path = join(directory, 'book.md');
    await writeFile(path, markdown);
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text, { mode: 0o755 });
    const book = await loadRunbook(path, environment);
    const events: EventBody[] = [];
    const asked: string[] = [];
    const spent: Activity[] = [];
    const ask = (name: string) => {
      asked.push(name);
      return Promise.resolve(`${name} answered`);
    };
    const context = {
      cluster: cluster ?? ({ server: 'https://127.0.0.1:1', context: 'staging' } as RoleContext['cluster']),
      clock,
      tMs: () => clock.monotonicMs(),
      namespace: namespace ?? 'shop',
      target: payments,
      emit: event => void events.push(event),
      log: { debug() {}, info() {}, warn() {} },
    } satisfies RoleContext;
    const good = await book.follow(
      context,
      {
        awaitDetection: () => ask('await-detection'),
        diagnose: () => ask('diagnose'),
        rollback: () => ask('rollback'),
        verify: () => ask('verify'),
        show: what => ask(`show ${what}`),
        spend: activity => void spent.push(activity),
        reached: () => false,
        report: () => {},
        candidates: async () => [],
        nameCause: async () => ({ correct: true }),
        commandIssued: () => void asked.push('command issued'),
        awaitRollback: () => ask('await-rollback'),
        hint: () => undefined,
        end: () => {},
        suspect: () => (asked.includes('diagnose') ? { ...payments, name: 'checkout' } : undefined),
        ...actions,
      },
      signal,
    );
    return {
      good,
      events,
      asked,
      spent,
      started: events.filter(event => event.type === 'runbook.step.started'),
      finished: events.filter(event => event.type === 'runbook.step.finished'),
    };
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** A step of a runbook: settings, then a shell fence. */
export function step(title: string, settings: string, commands?: string): string {
  const shell = commands === undefined ? '' : `\`\`\`sh\n${commands}\n\`\`\`\n`;
  return `## ${title}\n\n\`\`\`yaml rehearse\n${settings}\n\`\`\`\n\n${shell}\n`;
}
