/**
 * A small drill without a cluster, for tests in a real terminal: events as the engine would record them, and a follower that asks
 * one prompt of every kind. `node --import tsx test/practice/follower.ts [--plain] [--flood]`; replies go to the file in FOLLOWER_LOG.
 */
import { appendFileSync } from 'node:fs';
import { createPracticeTerminal, TerminalClosed } from '../../src/practice/terminal.ts';
import type { EventBody, RehearsalEvent } from '../../src/record/events.ts';
import { foldEvents } from '../../src/record/fold.ts';
import { screenOf, systemTicker } from '../../src/reporters/reporter.ts';
import type { Prompt, Reply, ShownStep, SideCommand } from '../../src/runbook/person.ts';
import { runEvents } from '../fixtures/runs.ts';

const terminal = createPracticeTerminal({
  input: process.stdin,
  screen: screenOf(process.stdout, process.env),
  ticker: systemTicker,
  plain: process.argv.includes('--plain'),
  name: 'ada',
});
const log = (text: string) => process.env.FOLLOWER_LOG && appendFileSync(process.env.FOLLOWER_LOG, `${text}\n`);

const startMs = systemTicker.monotonicMs();
const events: RehearsalEvent[] = [];
const tMs = () => Math.round(systemTicker.monotonicMs() - startMs);
const emit = (body: EventBody) => {
  const event = { seq: events.length + 1, at: new Date().toISOString(), tMs: tMs(), ...body } as RehearsalEvent;
  events.push(event);
  terminal.reporter.onEvent(event);
};
const told = (type: EventBody['type']) => {
  const event = runEvents('met').find(one => one.type === type);
  if (!event) throw new Error(`no ${type} in the fixture`);
  return event as RehearsalEvent & EventBody;
};
const again = (type: EventBody['type']) => {
  const { seq: _seq, at: _at, tMs: _tMs, ...body } = told(type);
  emit(body as EventBody);
};
const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));

const end = new AbortController();
terminal.onInterrupt(() => {
  terminal.reporter.say('SIGINT: ending the drill and restoring the target; once more gives up the restore');
  end.abort(new Error('interrupted'));
});
process.on('SIGINT', () => end.abort(new Error('interrupted')));
// A hang-up is told by the input as well; here only that way.
process.on('SIGHUP', () => log('SIGHUP'));

const ALWAYS: SideCommand[] = ['cause', 'rollback', 'show', 'note', 'escalate', 'hand-over', 'hint', 'pause', 'quit'];

/** Prompts until there is an answer; side commands are put on the record. */
async function ask(prompt: Prompt, signal: AbortSignal = end.signal): Promise<string> {
  for (;;) {
    const reply: Reply = await terminal.person.prompt(prompt, signal);
    log(JSON.stringify(reply));
    if (reply.kind === 'answer') return reply.text;
    if (reply.command === 'note') emit({ type: 'note', by: terminal.person.name, text: reply.text });
    else if (reply.command === 'show') terminal.person.tell(PODS, 'evidence');
    else if (reply.command === 'quit') {
      const sure = await ask({ kind: 'confirm', text: 'End the drill? The target is restored.', commands: [] });
      if (sure === 'yes') end.abort(new Error('ended by ada'));
    } else terminal.person.tell(`${reply.command}: on the record`, 'notice');
  }
}

const PODS = `NAME                        READY   STATUS             RESTARTS      AGE
payments-6c9f7d9b5-2xkqp    0/1     CrashLoopBackOff   3 (12s ago)   48s
payments-6c9f7d9b5-8m4tz    0/1     CrashLoopBackOff   3 (9s ago)    48s
checkout-58d7c4b9c8-lw2vn   1/1     Running            0             11m`;

const TEXT = `The youngest pods are the ones to look at. Read **STATUS** against the table, and note which *workload* they belong to:
the service that alerts is not always the one that was changed.

| What you see | What it usually is |
|---|---|
| \`CrashLoopBackOff\` | the program ends at its start: bad configuration, a missing variable |
| \`Pending\` | requests that no node can hold |

\`\`\`yaml rehearse
show: pods
\`\`\`

\`\`\`sh
kubectl get pods -n shop -o wide --sort-by=.metadata.creationTimestamp
\`\`\`

1. Look at the ages.
2. Look at the restarts:
   - more than **three** in a minute is a crash loop
   - none is not

> A deploy after the first error did not cause it. See [the wiki](https://wiki.example.com/errors).
`;

function step(number: number, title: string, of: Partial<ShownStep> = {}): ShownStep {
  return {
    id: title.toLowerCase().replaceAll(' ', '-'),
    number,
    total: 8,
    title,
    markdown: TEXT,
    phase: 'diagnosis',
    owner: 'on-call engineer',
    expectedMs: 10_000,
    does: 'show pods',
    command: undefined,
    visit: 1,
    ...of,
  };
}

/** Users as probes see them, until the drill is over. */
function sample(bad: () => boolean): () => void {
  const timer = setInterval(() => {
    const failed = bad() && Math.random() < 0.4;
    emit({
      type: 'probe.sampled',
      probe: 'buy',
      sentTMs: tMs() - 20,
      ok: !failed,
      latencyMs: failed ? 4 : 31,
      status: failed ? 502 : 200,
    });
  }, 100);
  return () => clearInterval(timer);
}

async function drill(): Promise<void> {
  let bad = false;
  again('run.started');
  again('plan.made');
  const stop = sample(() => bad);
  try {
    await pause(400);
    again('fault.injected');
    bad = true;
    moment('deployed', 'API server');
    const detected = new AbortController();
    setTimeout(() => {
      emit({
        type: 'signal.raised',
        detector: 'checkout-slo',
        kind: 'slo',
        message: 'error rate 41 % over 2 s',
        uncertaintyMs: 100,
      });
      moment('detected', 'checkout-slo');
      detected.abort(new Error('detected'));
    }, 1500);
    const waiting: Prompt = {
      kind: 'waiting',
      text: 'waiting for the alert',
      waitingFor: 'cluster',
      commands: ['alert', 'skip', ...ALWAYS],
    };
    await ask(waiting, AbortSignal.any([end.signal, detected.signal])).catch(() => end.signal.throwIfAborted());
    const pods = step(3, 'See which pods are in trouble');
    emit({
      type: 'runbook.step.started',
      stepId: pods.id,
      title: pods.title,
      does: pods.does,
      owner: 'on-call engineer',
      expectedMs: 10_000,
    });
    await ask({ kind: 'step', text: 'Enter shows the pods', step: pods, commands: ['done', 'skip', 'back', ...ALWAYS] });
    terminal.person.tell(PODS, 'evidence');
    emit({ type: 'runbook.step.finished', stepId: pods.id, outcome: 'passed', durationMs: 3000, output: '' });
    if (process.argv.includes('--flood')) await flood();
    await ask({ kind: 'text', text: 'What does the log of the newest pod say?', commands: ['skip', 'back', ...ALWAYS] });
    await ask({ kind: 'number', text: 'How many pods are not ready?', min: 0, max: 50, commands: ['skip', 'back', ...ALWAYS] });
    again('diagnosis.answered');
    moment('diagnosed', 'ada');
    await ask({
      kind: 'choice',
      text: 'What kind of trouble is it?',
      choices: [{ value: 'memory' }, { value: 'configuration' }, { value: 'image', label: 'the image itself' }],
      commands: ['skip', 'back', ...ALWAYS],
    });
    await ask({ kind: 'confirm', text: 'The release carries no migration.', commands: ['skip', 'back', ...ALWAYS] });
    await ask({
      kind: 'failed',
      error: 'kubectl rollout undo: exit code 1\nerror: unable to find specified revision 7 in history',
      text: 'Enter tries again',
      commands: ['skip', 'back', 'done', ...ALWAYS],
    });
    moment('rollback-issued', 'ada');
    moment('rolled-back', 'rollout');
    bad = false;
    await ask({ kind: 'paused', text: 'Enter goes on', reason: 'the phone', commands: [] });
    moment('restored', 'verification');
  } finally {
    stop();
  }
}

async function flood(): Promise<void> {
  const over = new AbortController();
  const prompt: Prompt = { kind: 'waiting', text: 'kubectl logs', waitingFor: 'machine', commands: ALWAYS };
  const asked = ask(prompt, AbortSignal.any([end.signal, over.signal])).catch(() => end.signal.throwIfAborted());
  for (let line = 1; line <= 1_000_000; line++) {
    terminal.person.stream(`${line} ${'x'.repeat(90)}`);
    if (line % 5000 === 0) await pause(1);
  }
  over.abort(new Error('over'));
  await asked;
}

function moment(name: 'deployed' | 'detected' | 'diagnosed' | 'rollback-issued' | 'rolled-back' | 'restored', by: string): void {
  emit({ type: 'moment.reached', moment: name, momentTMs: tMs(), by, uncertaintyMs: 0 });
}

try {
  await drill();
  emit({ type: 'run.finished', outcome: 'met', exitCode: 0, reason: 'every objective was met' });
  terminal.reporter.finish(foldEvents(events), { report: 'reports/demo/report.html', directory: 'reports/demo' });
  log('finished');
} catch (error) {
  terminal.reporter.close();
  log(`${error instanceof TerminalClosed ? 'closed' : 'ended'}: ${(error as Error).message}`);
  process.stdout.write(`The drill ended: ${(error as Error).message}\n`);
  process.exitCode = 130;
}
