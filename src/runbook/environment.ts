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
}
