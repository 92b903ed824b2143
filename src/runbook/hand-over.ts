/** Roles change hands: before a step that belongs to somebody else, and whenever a person says so. */
import type { RoleContext, RunbookActions } from '../rehearsal/ports.ts';
import type { Asking } from './asking.ts';
import type { RunbookDocument, Step } from './document.ts';
import type { RoleAssignment } from './environment.ts';
import type { Person } from './person.ts';
import { RoleBook } from './role-book.ts';

interface HandOverParts {
  asking: Asking;
  person: Person;
  document: RunbookDocument;
  actions: RunbookActions;
  context: RoleContext;
}

export class HandOvers {
  readonly #parts: HandOverParts;
  readonly #roles: RoleBook;

  constructor(parts: HandOverParts, roles: readonly RoleAssignment[]) {
    this.#parts = parts;
    this.#roles = new RoleBook(roles);
  }

  /** Before a step that belongs to a role: finds out who acts, and hands over to them. */
  async meet(step: Step): Promise<void> {
    const { person } = this.#parts;
    if (this.#roles.solo || step.owner === undefined) return;
    const assigned = this.#roles.get(step.owner);
    if (assigned?.person === person.name && !assigned.away) return;
    const about = { role: step.owner, stepId: step.id };
    await this.#handingOver(step.id, async () => {
      if (assigned?.person === undefined) {
        const to = await this.#parts.asking.text(`This step belongs to the ${step.owner}, and nobody was named. Who acts?`, '', {
          must: true,
        });
        return { ...about, to, reason: 'nobody had the role' };
      }
      if (assigned.away) {
        const to = await this.#parts.asking.text(
          `${assigned.person}, the ${step.owner}, does not answer. Who acts instead?`,
          '',
          {
            must: true,
          },
        );
        const reason = await this.#parts.asking.text(`Why ${to}?`, '', { must: true });
        return { ...about, from: assigned.person, to, reason: `${assigned.person} is away; ${reason}` };
      }
      await this.#parts.asking.text(
        `The next step is the ${step.owner}'s. ${assigned.person}, press Enter when you have it.`,
        '',
        {
          optional: true,
          must: true,
        },
      );
      return { ...about, from: person.name, to: assigned.person, reason: 'owner of the step' };
    });
  }

  /** A person says that somebody else takes a role. @throws Cancelled */
  async announce(given: string, step: Step | undefined): Promise<void> {
    const { document, person } = this.#parts;
    const owners = document.steps.flatMap(one => one.owner ?? []);
    const roles = [...new Set([...this.#roles.names(), ...owners])];
    await this.#handingOver(step?.id, async () => {
      const known = roles.find(role => role === given);
      const role =
        known ??
        (roles.length === 0
          ? await this.#parts.asking.text('Which role?')
          : await this.#parts.asking.choose(
              'Which role?',
              roles.map(value => ({ value })),
            ));
      const to = await this.#parts.asking.text(`Who is the ${role} from now on?`);
      const reason = await this.#parts.asking.text('Why?');
      return { role, from: this.#roles.get(role)?.person ?? person.name, to, reason, ...(step ? { stepId: step.id } : {}) };
    });
  }

  async #handingOver(
    stepId: string | undefined,
    find: () => Promise<{ role: string; from?: string; to: string; reason: string; stepId?: string }>,
  ): Promise<void> {
    const { actions, asking, context, person } = this.#parts;
    actions.spend('hand-over', stepId === undefined ? {} : { stepId });
    const start = context.clock.monotonicMs();
    const handOver = await asking.within('hand-over', find);
    this.#roles.take(handOver.role, handOver.to);
    person.name = handOver.to;
    const waitedMs = Math.round(context.clock.monotonicMs() - start);
    context.emit({ type: 'role.handed-over', ...handOver, waitedMs });
  }
}
