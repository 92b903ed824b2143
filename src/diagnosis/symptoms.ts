/** What is wrong where: each workload's failures and slowness, with what its own dependencies explain taken off. Pure. */
import { shortName } from '../cluster/workloads.ts';
import type { Call, Observation, RevisionObservation, RevisionTrouble, Traffic, WorkloadObservation } from './observation.ts';

/** Fewer failures than this are noise. */
const MIN_FAILED = 3;
/** Share of failed requests above the normal one that counts as a symptom. */
const FAILURE_RISE = 0.02;
/** Latency must rise by this many ms and by this factor to count, on this many requests. */
const LATENCY_RISE = { ms: 60, factor: 1.5, requests: 5 };
/** A probe's service level is broken before the cluster shows why, but not long before. */
const IMPACT_LEAD_MS = 5000;

export interface FailedCall {
  service: string;
  /** Workloads behind the service. */
  to: string[];
  failed: number;
  answered: number;
}

export interface Symptoms {
  workload: WorkloadObservation;
  troubles: { revision: RevisionObservation; trouble: RevisionTrouble }[];
  /** No pod is ready, though there should be some. */
  down: boolean;
  failed: number;
  requests: number;
  failureRise: number;
  /** ms above normal of the time that is not spent waiting for others, above what slows down everything. */
  ownLatencyRiseMs: number;
  firstFailureTMs: number | undefined;
  failedCalls: FailedCall[];
}

/** By kind and name of the workload: a Deployment and a StatefulSet may share a name. */
export function symptomsOf(observation: Observation): Map<string, Symptoms> {
  const general = generalSlowdown(observation);
  return new Map(
    observation.workloads.map(workload => [
      shortName(workload.ref),
      symptomsOfWorkload(
        workload,
        observation.calls,
        Math.max(0, ...workload.revisions.map(revision => latencyRise(revision, workload) - general)),
      ),
    ]),
  );
}

/** ms by which the least slowed of several workloads got slower: a busy node slows down all of them. */
export function generalSlowdown(observation: Observation): number {
  const rises = observation.workloads
    .filter(workload => workload.revisions.some(revision => (revision.traffic?.requests ?? 0) >= LATENCY_RISE.requests))
    .map(workload => Math.max(0, ...workload.revisions.map(revision => rawRise(revision, workload))));
  return rises.length > 1 ? Math.min(...rises) : 0;
}

function symptomsOfWorkload(workload: WorkloadObservation, calls: readonly Call[], ownLatencyRiseMs: number): Symptoms {
  const { revisions } = workload;
  const traffic = revisions.map(revision => revision.traffic).filter(found => found !== undefined);
  const normalRate = failureRate(revisions.map(revision => revision.normal).filter(found => found !== undefined));
  const requests = traffic.reduce((total, item) => total + item.requests, 0);
  const failed = traffic.reduce((total, item) => total + item.failed, 0);
  const pods = revisions.reduce((total, revision) => total + revision.pods, 0);
  const ready = revisions.reduce((total, revision) => total + revision.ready, 0);
  const firstFailures = traffic.map(item => item.firstFailureTMs).filter(found => found !== undefined);
  return {
    workload,
    troubles: revisions.flatMap(revision => revision.troubles.map(trouble => ({ revision, trouble }))),
    down: pods > 0 && ready === 0,
    failed,
    requests,
    failureRise: failed >= MIN_FAILED && requests > 0 ? Math.max(0, failed / requests - normalRate) : 0,
    ownLatencyRiseMs,
    firstFailureTMs: firstFailures.length ? Math.min(...firstFailures) : undefined,
    failedCalls: failedCallsOf(traffic, workload.ref.name, calls),
  };
}

function failureRate(traffic: readonly Traffic[]): number {
  const requests = traffic.reduce((total, item) => total + item.requests, 0);
  return requests ? traffic.reduce((total, item) => total + item.failed, 0) / requests : 0;
}

export function failedCallsOf(traffic: readonly Traffic[], caller: string, calls: readonly Call[]): FailedCall[] {
  const found = new Map<string, FailedCall>();
  for (const call of traffic.flatMap(item => item.calls)) {
    if (call.failed === 0) continue;
    const service = call.target.split(/[.:]/)[0] as string;
    const edge = calls.find(candidate => candidate.from === caller && candidate.service === service);
    const known = found.get(service) ?? { service, to: edge?.to ?? [], failed: 0, answered: 0 };
    found.set(service, { ...known, failed: known.failed + call.failed, answered: known.answered + call.answered });
  }
  return [...found.values()];
}

/** ms that a revision's own latency lies above that of the other revision beside it, or else above the workload's normal one; 0 when it is not much. */
export function latencyRise(revision: RevisionObservation, workload: WorkloadObservation): number {
  const base = baseLatency(revision, workload);
  const now = revision.traffic?.ownLatencyMs;
  if (now === undefined || base === undefined || (revision.traffic?.requests ?? 0) < LATENCY_RISE.requests) return 0;
  return now - base >= LATENCY_RISE.ms && now >= base * LATENCY_RISE.factor ? now - base : 0;
}

function rawRise(revision: RevisionObservation, workload: WorkloadObservation): number {
  const base = baseLatency(revision, workload);
  const now = revision.traffic?.ownLatencyMs;
  return now === undefined || base === undefined ? 0 : Math.max(0, now - base);
}

function baseLatency(revision: RevisionObservation, workload: WorkloadObservation): number | undefined {
  const others = workload.revisions.filter(other => other !== revision);
  const served = (traffic: Traffic | undefined) =>
    (traffic?.requests ?? 0) >= LATENCY_RISE.requests ? traffic?.ownLatencyMs : undefined;
  return [
    ...others.map(other => served(other.normal)),
    ...others.map(other => served(other.traffic)),
    served(revision.normal),
  ].find(found => found !== undefined);
}

/** It served well under this very revision before anything changed: what is wrong now is not of the revision. */
export function servedWellBefore(revision: RevisionObservation): boolean {
  const { normal } = revision;
  return normal !== undefined && normal.requests >= 20 && normal.failed / normal.requests <= FAILURE_RISE;
}

export function fails(symptoms: Symptoms): boolean {
  return symptoms.failureRise > FAILURE_RISE;
}

/** Sick by itself or because of others: something is wrong with it as its callers see it. */
export function isSick(symptoms: Symptoms): boolean {
  return symptoms.down || symptoms.troubles.length > 0 || fails(symptoms) || symptoms.ownLatencyRiseMs > 0;
}

/**
 * Failures that are the workload's own: those that its failed calls do not explain.
 * A call that was answered with 5xx failed on the other side. One without an answer is explained only by a dependency that is sick:
 * when that is well, the caller calls it wrongly, or calls something else under its name. A Service that leads nowhere explains all.
 */
export function ownFailures(
  failed: number,
  failedCalls: readonly FailedCall[],
  all: ReadonlyMap<string, Symptoms>,
  dead: ReadonlyMap<string, string> = new Map(),
): { own: number; explainedBy: string[] } {
  let explained = 0;
  const explainedBy = new Set<string>();
  for (const call of failedCalls) {
    if (dead.has(call.service)) {
      explained += call.failed;
      explainedBy.add(`service ${call.service}`);
      continue;
    }
    const sick = call.to.filter(name => [...all.values()].some(callee => callee.workload.ref.name === name && isSick(callee)));
    const share = sick.length > 0 ? call.failed : call.to.length > 0 ? call.answered : 0;
    if (share === 0) continue;
    explained += share;
    for (const name of sick.length > 0 ? sick : call.to) explainedBy.add(name);
  }
  return { own: Math.max(0, failed - explained), explainedBy: [...explainedBy] };
}

/** When symptoms began anywhere; undefined while all is well. */
export function onsetOf(observation: Observation, symptoms: ReadonlyMap<string, Symptoms>): number | undefined {
  const times: number[] = [];
  for (const found of symptoms.values()) {
    times.push(...found.troubles.map(({ trouble }) => trouble.sinceTMs));
    if (fails(found) && found.firstFailureTMs !== undefined) times.push(found.firstFailureTMs);
  }
  const impactTMs = observation.impact?.sinceTMs;
  if (times.length === 0) return impactTMs;
  const shown = Math.min(...times);
  return impactTMs !== undefined && impactTMs > shown - IMPACT_LEAD_MS ? Math.min(shown, impactTMs) : shown;
}
