import type { Person } from './person.ts';

/** What a runbook is told of the run beside its context: for its commands, conditions and questions. */
export interface RunbookEnvironment {
  /** Kubeconfig of the run; several joined as in KUBECONFIG. Without one, commands reach no cluster at all. */
  kubeconfig?: string;
  runId?: string;
  /** Container of the target that the scenario names. */
  container?: string;
  /** Tags of the scenario, for `when: { tag }`. */
  tags?: readonly string[];
  /** Answers for `ask`, `confirm` ("yes", "no") and `decide` (a label), by step id. They win over those in the runbook. */
  answers?: Readonly<Record<string, string>>;
  /** More variables; they win over `vars` of the front matter. */
  variables?: Readonly<Record<string, string>>;
  /** Values that must never be shown. */
  secrets?: readonly string[];
  /** Where commands run; the runbook's folder when left out. */
  directory?: string;
  /** Who follows it at a terminal. Without, nobody does: it is followed automatically. */
  person?: Person;
  /** Who plays which role; one person plays them all when left out. */
  roles?: readonly RoleAssignment[];
  /** The drill is blind: variables of the target have no value before somebody named a suspect, and answers are not judged. */
  blind?: boolean;
  /** Elevated access for the steps that are marked with breakGlass. */
  breakGlass?: { kubeconfig: string; context: string };
}

export interface RoleAssignment {
  role: string;
  /** Nobody was named: the drill finds out who acts. */
  person?: string;
  /** Will not answer. */
  away: boolean;
}
