/** A person names the change that caused the trouble. */
import { formatDuration } from '../record/duration.ts';
import { objectText } from '../record/event-text.ts';
import type { Candidate, RoleContext, RunbookActions } from '../rehearsal/ports.ts';
import type { Asking } from './asking.ts';
import type { Choice, Person } from './person.ts';

interface CauseParts {
  asking: Asking;
  person: Person;
  actions: RunbookActions;
  context: RoleContext;
  /** Whether the answer is right shows at the end. */
  blind: boolean;
}

/**
 * Asks which change is the cause, and puts the answer on the record. In words for the record; undefined when the person is not sure yet,
 * or was wrong and is told so.
 *
 * @param automatic the automatic diagnosis, where it may be asked instead
 * @throws Cancelled when the person goes back from a question
 */
export async function nameCause(parts: CauseParts, automatic?: () => Promise<string>): Promise<string | undefined> {
  const { actions, asking, context, blind, person } = parts;
  const candidates = await actions.candidates();
  const now = context.clock.now().getTime();
  const choices: Choice[] = candidates.map(candidate => ({
    value: objectText(candidate.workload),
    label: `${objectText(candidate.workload)}${lastChanged(candidate, now)}`,
  }));
  choices.push({ value: 'later', label: 'not sure yet' });
  if (automatic) choices.push({ value: 'automatic', label: 'let the automatic diagnosis answer' });
  const chosen = await asking.choose('Which workload is the cause?', choices);
  if (chosen === 'later') return undefined;
  if (chosen === 'automatic') return automatic?.();
  const candidate = candidates.find(one => objectText(one.workload) === chosen);
  if (!candidate) return undefined;
  const revision = await whichRevision(asking, candidate, now);
  const why = await asking.text('How do you know? (Enter: no words)', '', { optional: true });
  const { correct } = await actions.nameCause(person.name, candidate.workload, revision, why);
  const said = `${chosen} revision ${revision}${why === '' ? '' : `: ${why}`}`;
  if (blind) {
    person.tell('On the record. Whether it is right shows at the end.', 'notice');
    return said;
  }
  if (correct) {
    person.tell(`That is it: ${said}`, 'notice');
    return said;
  }
  person.tell(`That is not what was deployed badly: ${chosen} revision ${revision}. Look on.`, 'warning');
  return undefined;
}

async function whichRevision(asking: Asking, { revisions }: Candidate, now: number): Promise<string> {
  const [only, second] = revisions;
  if (!only) return '';
  if (!second) return only.revision;
  return asking.choose(
    'Which of its changes?',
    revisions.map(one => ({
      value: one.revision,
      label: `revision ${one.revision}, ${ago(one.changedAt, now)}: ${one.change}`,
    })),
  );
}

function ago(at: string, nowMs: number): string {
  return `${formatDuration(Math.max(0, nowMs - new Date(at).getTime()))} ago`;
}

function lastChanged({ revisions }: Candidate, nowMs: number): string {
  const [newest] = revisions;
  return newest ? `, changed ${ago(newest.changedAt, nowMs)}: ${newest.change}` : '';
}
