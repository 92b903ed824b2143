/** What is wrong where: each workload's failures and slowness, with what its own dependencies explain taken off. Pure. */
import type { Call, Observation, RevisionObservation, RevisionTrouble, WorkloadObservation } from './observation.ts';

/** Fewer failures than this are noise. */
const MIN_FAILED = 2;
/** Share of failed requests above the normal one that counts as a symptom. */
const FAILURE_RISE = 0.02;
/** Latency must rise by this many ms and by this factor to count. */
const LATENCY_RISE = { ms: 50, factor: 1.5 };

export interface Symptoms {
  workload: WorkloadObservation;
  troubles: { revision: RevisionObservation; trouble: RevisionTrouble }[];
  /** No pod is ready, though there should be some. */
  down: boolean;
  failed: number;
  requests: number;
  failureRise: number;
  /** ms above normal of the time that is not spent waiting for others. */
  ownLatencyRiseMs: number;
  firstFailureTMs: number | undefined;
  /** Failed calls by workload called, or by name when no workload is behind it. */
  failedCalls: { service: string; to: string[]; failed: number }[];
}

/** By name of the workload. */
export function symptomsOf(observation: Observation): Map<string, Symptoms> {
  return new Map(observation.workloads.map(workload => [workload.ref.name, symptomsOfWorkload(workload, observation.calls)]));
}

function symptomsOfWorkload(workload: WorkloadObservation, calls: readonly Call[]): Symptoms {
  const { revisions } = workload;
  const traffic = revisions.map(revision => revision.traffic).filter(found => found !== undefined);
  const normal = revisions.map(revision => revision.normal).filter(found => found !== undefined);
  const sum = (items: readonly { requests: number; failed: number }[], field: 'requests' | 'failed') =>
    items.reduce((total, item) => total + item[field], 0);
  const requests = sum(traffic, 'requests');
  const failed = sum(traffic, 'failed');
  const normalRate = sum(normal, 'requests') ? sum(normal, 'failed') / sum(normal, 'requests') : 0;
  const pods = revisions.reduce((total, revision) => total + revision.pods, 0);
  const ready = revisions.reduce((total, revision) => total + revision.ready, 0);
  const firstFailures = traffic.map(item => item.firstFailureTMs).filter(found => found !== undefined);
  const failedCalls = new Map<string, { service: string; to: string[]; failed: number }>();
  for (const call of traffic.flatMap(item => item.calls)) {
    if (call.failed === 0) continue;
    const service = call.target.split(/[.:]/)[0] as string;
    const edge = calls.find(candidate => candidate.from === workload.ref.name && candidate.service === service);
    const known = failedCalls.get(service) ?? { service, to: edge?.to ?? [], failed: 0 };
    known.failed += call.failed;
    failedCalls.set(service, known);
  }
  return {
    workload,
    troubles: revisions.flatMap(revision => revision.troubles.map(trouble => ({ revision, trouble }))),
    down: pods > 0 && ready === 0,
    failed,
    requests,
    failureRise: failed >= MIN_FAILED && requests > 0 ? Math.max(0, failed / requests - normalRate) : 0,
    ownLatencyRiseMs: Math.max(0, ...revisions.map(revision => latencyRise(revision, revisions))),
    firstFailureTMs: firstFailures.length ? Math.min(...firstFailures) : undefined,
    failedCalls: [...failedCalls.values()],
  };
}

/** ms that a revision's own latency lies above the workload's normal one, or above that of the other revision serving beside it. */
export function latencyRise(revision: RevisionObservation, all: readonly RevisionObservation[]): number {
  const now = revision.traffic?.ownLatencyMs;
  if (now === undefined || (revision.traffic?.requests ?? 0) < 5) return 0;
  const others = all.filter(other => other !== revision);
  const base = [
    revision.normal?.ownLatencyMs,
    ...others.map(other => other.normal?.ownLatencyMs ?? other.traffic?.ownLatencyMs),
  ].find(found => found !== undefined);
  if (base === undefined) return 0;
  return now - base >= LATENCY_RISE.ms && now >= base * LATENCY_RISE.factor ? now - base : 0;
}

export function fails(symptoms: Symptoms): boolean {
  return symptoms.failureRise > FAILURE_RISE;
}

/** Sick by itself or because of others: something is wrong with it as its callers see it. */
export function isSick(symptoms: Symptoms): boolean {
  return symptoms.down || symptoms.troubles.length > 0 || fails(symptoms) || symptoms.ownLatencyRiseMs > 0;
}

/**
 * Failures that are the workload's own: those that its failed calls to a sick dependency do not explain.
 * A dependency that is well explains nothing: then the caller calls it wrongly, or calls something else under its name.
 */
export function ownFailures(symptoms: Symptoms, all: ReadonlyMap<string, Symptoms>): { own: number; explainedBy: string[] } {
  let explained = 0;
  const explainedBy: string[] = [];
  for (const call of symptoms.failedCalls) {
    const sick = call.to.filter(name => {
      const callee = all.get(name);
      return callee !== undefined && isSick(callee);
    });
    if (sick.length === 0) continue;
    explained += call.failed;
    explainedBy.push(...sick);
  }
  return { own: Math.max(0, symptoms.failed - explained), explainedBy };
}

/** When symptoms began anywhere; undefined while all is well. */
export function onsetOf(observation: Observation, symptoms: ReadonlyMap<string, Symptoms>): number | undefined {
  const times: number[] = [];
  if (observation.impact) times.push(observation.impact.sinceTMs);
  for (const found of symptoms.values()) {
    times.push(...found.troubles.map(({ trouble }) => trouble.sinceTMs));
    if (fails(found) && found.firstFailureTMs !== undefined) times.push(found.firstFailureTMs);
  }
  return times.length ? Math.min(...times) : undefined;
}
