/** Which runbook to open is a part of a blind drill: after the alert, the person chooses. */
import type { RoleContext, Runbook, RunbookActions } from '../rehearsal/ports.ts';
import { attended } from './attended.ts';
import type { RunbookEnvironment } from './environment.ts';
import { type LoadedRunbook, loadRunbook } from './load.ts';
import type { Person } from './person.ts';

/**
 * A runbook that is opened once something was detected: one of `paths`.
 *
 * @throws InvalidInput, RehearseError as loadRunbook does, for any of them: before anything is started
 */
export async function chooseRunbook(
  paths: readonly string[],
  environment: RunbookEnvironment & { person: Person },
): Promise<Runbook> {
  const books = await Promise.all([...new Set(paths)].map(path => loadRunbook(path, environment)));
  books.sort((left, right) => left.title.localeCompare(right.title));
  let alert: Promise<void> | undefined;
  return {
    title: 'opened after the alert',
    path: '',
    digest: '',
    owners: [],
    stepCount: 0,
    outline: [],
    phases: [],
    opensLater: true,
    onCall(context, actions, signal) {
      alert = untilAlert(attended(environment.person, actions, signal), context, actions, signal);
      alert.catch(() => {});
    },
    async follow(context, actions, signal) {
      const person = attended(environment.person, actions, signal);
      await (alert ?? untilAlert(person, context, actions, signal));
      const book = await open(books, person, actions, signal);
      context.emit({
        type: 'runbook.opened',
        by: environment.person.name,
        runbook: {
          path: book.path,
          title: book.title,
          digest: book.digest,
          owners: [...book.owners],
          steps: book.stepCount,
          outline: [...book.outline],
        },
      });
      return book.follow(context, actions, signal);
    },
  };
}

async function open(
  books: readonly LoadedRunbook[],
  person: Person,
  actions: RunbookActions,
  signal: AbortSignal,
): Promise<LoadedRunbook> {
  actions.spend('person');
  for (;;) {
    const choices = books.map(book => ({ value: book.path, label: book.title }));
    const reply = await person.prompt({ kind: 'choice', text: 'Which runbook do you open?', choices, commands: [] }, signal);
    const book = reply.kind === 'answer' ? books.find(one => one.path === reply.text) : undefined;
    if (book) return book;
  }
}

/** Until a detector tells, or the person does. */
async function untilAlert(person: Person, context: RoleContext, actions: RunbookActions, signal: AbortSignal): Promise<void> {
  const told = new AbortController();
  const until = AbortSignal.any([signal, told.signal]);
  const detection = actions.awaitDetection(signal).finally(() => told.abort(new Error('detected')));
  detection.catch(() => {});
  while (!told.signal.aborted) {
    try {
      const reply = await person.prompt(
        { kind: 'waiting', text: 'On call: waiting for an alert', waitingFor: 'cluster', commands: ['alert', 'note'] },
        until,
      );
      if (reply.kind !== 'command') continue;
      const text = reply.text || (await askText(person, reply.command === 'alert' ? 'What do you see?' : 'Note:', signal));
      if (reply.command === 'alert') actions.report(person.name, text);
      // An alarm before the deploy is a false one: it stays on the record, and is answered like any other.
      if (reply.command !== 'alert' || !actions.reached('detected')) context.emit({ type: 'note', by: person.name, text });
    } catch (error) {
      if (!told.signal.aborted) throw error;
    }
  }
  await detection;
}

async function askText(person: Person, text: string, signal: AbortSignal): Promise<string> {
  for (;;) {
    const reply = await person.prompt({ kind: 'text', text, commands: [] }, signal);
    if (reply.kind === 'answer' && reply.text !== '') return reply.text;
  }
}
