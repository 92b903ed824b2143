import type { RoleAssignment } from './environment.ts';

/** Who plays which role while a runbook is followed. Without any assignment one person plays them all. */
export class RoleBook {
  readonly #roles = new Map<string, RoleAssignment>();
  readonly solo: boolean;

  constructor(assignments: readonly RoleAssignment[]) {
    this.solo = assignments.length === 0;
    for (const assignment of assignments) this.#roles.set(key(assignment.role), assignment);
  }

  get(role: string): RoleAssignment | undefined {
    return this.#roles.get(key(role));
  }

  /** From now on this person plays the role, and is there. */
  take(role: string, person: string): void {
    const known = this.get(role)?.role ?? role;
    this.#roles.set(key(role), { role: known, person, away: false });
  }

  /** Roles by name, in the order of their assignment. */
  names(): string[] {
    return [...this.#roles.values()].map(assignment => assignment.role);
  }

  /** Everyone who is there. */
  people(): string[] {
    return [...new Set([...this.#roles.values()].flatMap(one => (one.person !== undefined && !one.away ? [one.person] : [])))];
  }
}

/** "Rollback owner" and "rollback-owner" are one role. */
function key(role: string): string {
  return role
    .toLowerCase()
    .replace(/[\s_-]+/g, ' ')
    .trim();
}
