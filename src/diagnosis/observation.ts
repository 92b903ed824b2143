/**
 * What was seen of a namespace, as plain data: the only thing that suspects are ranked from. Times are ms of run time.
 * Nothing of it comes from the scenario or from what was injected.
 */
import type { TemplateChange } from '../cluster/template-changes.ts';
import type { ObjectRef } from '../record/events.ts';

export interface Observation {
  nowTMs: number;
  /** Times of metrics are known to within one scrape. */
  scrapeMs: number;
  changes: Change[];
  workloads: WorkloadObservation[];
  calls: Call[];
  /** Services that lead nowhere, by name, with why. */
  deadServices: ReadonlyMap<string, string>;
  /** When a probe's service level was first seen broken, and how. */
  impact: { sinceTMs: number; detail: string } | undefined;
}

/** A revision that a workload, or the routing of a Service, was moved to lately. */
export interface Change {
  workload: ObjectRef;
  revision: string;
  hash: string;
  atTMs: number;
  /** Against the revision before. */
  changes: TemplateChange[];
}

export interface WorkloadObservation {
  ref: ObjectRef;
  revisions: RevisionObservation[];
}

export interface RevisionObservation {
  hash: string;
  pods: number;
  ready: number;
  troubles: RevisionTrouble[];
  /** What its pods answered and called lately. Undefined when none of it was seen. */
  traffic: Traffic | undefined;
  /** The same before the first recent change of any workload: what is normal. */
  normal: Traffic | undefined;
}

export interface RevisionTrouble {
  kind: 'waiting' | 'crash' | 'oom' | 'failed' | 'unschedulable' | 'unready' | 'deadline' | 'replicas';
  message: string;
  /** How many of its pods. */
  pods: number;
  sinceTMs: number;
}

export interface Traffic {
  fromTMs: number;
  requests: number;
  failed: number;
  /** Mean, ms; undefined without a duration metric. */
  latencyMs: number | undefined;
  /** Of it, what was not spent waiting for calls to others. */
  ownLatencyMs: number | undefined;
  /** First scrape after which failures were seen. */
  firstFailureTMs: number | undefined;
  /** `answered`: of the failed ones, those that the other side answered with 5xx; the others got no answer at all. */
  calls: { target: string; total: number; failed: number; answered: number }[];
}

/** That one workload calls a service. */
export interface Call {
  from: string;
  /** Name of the service as the caller has it. */
  service: string;
  /** Workloads behind the service; empty when there is none. */
  to: string[];
  /** The name is one of this namespace, but no service has it. */
  unresolved: boolean;
}
