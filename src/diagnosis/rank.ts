/**
 * Ranks what changed lately by how well it explains what is wrong. A pure function of an observation: the same one gives the same answer.
 *
 * Every reason gives points, listed in WEIGHTS. A suspect's score is its points, divided by those of all suspects where they come to more
 * than 1, so that scores sum to at most 1: what is missing is the share of "none of these". The reasons of a suspect add up to its score.
 */
import { shortName } from '../cluster/workloads.ts';
import type { Suspect } from '../record/events.ts';
import { dependenciesOf, hostsIn } from './call-graph.ts';
import type { Change, Observation, RevisionObservation } from './observation.ts';
import {
  failedCallsOf,
  fails,
  generalSlowdown,
  isSick,
  latencyRise,
  onsetOf,
  ownFailures,
  type Symptoms,
  servedWellBefore,
  symptomsOf,
} from './symptoms.ts';

const WEIGHTS = {
  /** Pods of the new revision cannot start, crash, are out of memory or find no node. */
  trouble: 0.6,
  /** Pods of the new revision stay unready, or its rollout is stuck. */
  unready: 0.55,
  /** The old revision's pods have the same trouble: it is not the change. */
  sameTroubleBefore: -0.45,
  /** Its own requests fail, more than before and more than on the old revision: at 20 % and above the whole weight. */
  ownFailures: 0.6,
  /** Its own time per request has risen: at 300 ms and above the whole weight. */
  ownLatency: 0.6,
  /** The Service leads nowhere since it was changed. */
  deadService: 0.6,
  /** It was pointed at a service that does not exist. */
  unknownService: 0.5,
  /** All its failures come from calls to something that is sick itself. */
  explained: -0.3,
  /** Its pods are ready and serve without failures of their own. */
  healthy: -0.3,
  /** Shortly before the symptoms began; halves every two minutes of distance. */
  timing: 0.25,
  /** After the symptoms had begun: it cannot have caused them. */
  tooLate: -0.8,
  /** The same, for a change that something is directly wrong with. */
  lateButDirect: -0.05,
  /** Nothing shows but the time of the change. */
  timingAlone: 0.1,
  /** Of failures and slowness of a revision that had served well before: it is rarely the revision then. */
  servedWellFactor: 0.3,
  /** What fails depends on it. */
  onPath: 0.05,
  /** Nothing that fails depends on it. */
  offPath: -0.25,
  /** Only labels, annotations or a restart. */
  cosmetic: -0.1,
} as const;

const TIMING_HALF_LIFE_MS = 120_000;
/** A suspect below this is not named. */
const MIN_SCORE = 0.03;

interface Reason {
  text: string;
  weight: number;
  evidence?: string;
}

/** Suspects, most likely first. */
export function rankSuspects(observation: Observation): Suspect[] {
  const symptoms = symptomsOf(observation);
  const onset = onsetOf(observation, symptoms);
  const judged = observation.changes.map(change => {
    const reasons = reasonsOf(change, observation, symptoms, onset);
    return { change, reasons, points: reasons.reduce((sum, reason) => sum + reason.weight, 0) };
  });
  const total = judged.reduce((sum, { points }) => sum + Math.max(0, points), 0);
  const scale = 1 / Math.max(1, total);
  return judged
    .map(({ change, reasons, points }) => suspect(change, reasons, Math.max(0, points) * scale, scale))
    .filter(found => found.score >= MIN_SCORE)
    .sort((left, right) => right.score - left.score || right.changedTMs - left.changedTMs);
}

function suspect(change: Change, reasons: Reason[], score: number, scale: number): Suspect {
  return {
    workload: change.workload,
    revision: change.revision,
    change: change.changes.map(({ text }) => text).join('; ') || 'nothing that shows',
    changedTMs: change.atTMs,
    score: round(score),
    reasons: reasons
      .filter(reason => reason.weight !== 0)
      .sort((left, right) => Math.abs(right.weight) - Math.abs(left.weight))
      .map(({ text, weight, evidence }) => ({
        text,
        weight: round(weight * scale),
        ...(evidence === undefined ? {} : { evidence }),
      })),
  };
}

function reasonsOf(
  change: Change,
  observation: Observation,
  symptoms: ReadonlyMap<string, Symptoms>,
  onset: number | undefined,
): Reason[] {
  if (change.workload.kind === 'Service') return reasonsOfService(change, observation, onset);
  const own = symptoms.get(shortName(change.workload));
  const revision = own?.workload.revisions.find(candidate => candidate.hash === change.hash);
  const reasons: Reason[] = pointedAtNothing(change, observation);
  if (own && revision) reasons.push(...troubles(revision, own), ...traffic(change, observation, own, revision, symptoms));
  const direct = reasons.some(reason => reason.weight > 0);
  reasons.push(...timing(change, observation, onset, direct));
  if (own && revision && !direct) reasons.push(...health(revision));
  reasons.push(...position(change, observation, symptoms));
  if (change.changes.length > 0 && change.changes.every(({ aspect }) => aspect === 'metadata'))
    reasons.push({ text: 'it changed nothing that runs', weight: WEIGHTS.cosmetic });
  return reasons;
}

function reasonsOfService(change: Change, observation: Observation, onset: number | undefined): Reason[] {
  const dead = observation.deadServices.get(change.workload.name);
  const reasons: Reason[] =
    dead === undefined
      ? [{ text: 'it leads to pods that are there', weight: WEIGHTS.healthy / 3 }]
      : [{ text: dead, weight: WEIGHTS.deadService, evidence: `pods of namespace ${change.workload.namespace ?? ''}` }];
  return [...reasons, ...timing(change, observation, onset, dead !== undefined)];
}

/** @param direct something is wrong with what it changed: then symptoms that began before it may be somebody else's */
function timing(change: Change, observation: Observation, onset: number | undefined, direct: boolean): Reason[] {
  const age = observation.nowTMs - change.atTMs;
  if (onset === undefined)
    return [{ text: `changed ${ago(age)} ago; no symptom shows in the cluster`, weight: WEIGHTS.timingAlone * nearness(age) }];
  const gapMs = onset - change.atTMs;
  // Metrics tell the time of a symptom only to within a scrape.
  if (gapMs < -observation.scrapeMs)
    return [
      {
        text: `changed ${ago(-gapMs)} after the first symptoms`,
        weight: direct ? WEIGHTS.lateButDirect : WEIGHTS.tooLate,
        evidence: `symptoms since ${at(onset)}, changed at ${at(change.atTMs)}`,
      },
    ];
  return [
    {
      text: `changed ${ago(Math.max(0, gapMs))} before the first symptoms`,
      weight: WEIGHTS.timing * nearness(Math.max(0, gapMs)),
      evidence: `changed at ${at(change.atTMs)}, symptoms since ${at(onset)}`,
    },
  ];
}

function nearness(gapMs: number): number {
  return 0.5 ** (gapMs / TIMING_HALF_LIFE_MS);
}

const UNREADY = ['unready', 'deadline'];

function troubles(revision: RevisionObservation, own: Symptoms): Reason[] {
  const mild = (kind: string) => Number(UNREADY.includes(kind));
  const [worst] = [...revision.troubles].sort((left, right) => mild(left.kind) - mild(right.kind) || right.pods - left.pods);
  if (!worst) return [];
  const where =
    worst.kind === 'deadline' || worst.kind === 'replicas'
      ? 'its rollout'
      : `${worst.pods} of ${revision.pods} pods of this revision`;
  const reasons: Reason[] = [
    {
      text: `${where}: ${worst.message}`,
      weight: UNREADY.includes(worst.kind) ? WEIGHTS.unready : WEIGHTS.trouble,
      evidence: `since ${at(worst.sinceTMs)}`,
    },
  ];
  const others = own.workload.revisions.filter(candidate => candidate !== revision);
  if (others.some(other => other.troubles.some(trouble => trouble.kind === worst.kind)))
    reasons.push({ text: 'pods of the revision before have the same trouble', weight: WEIGHTS.sameTroubleBefore });
  return reasons;
}

function traffic(
  change: Change,
  observation: Observation,
  own: Symptoms,
  revision: RevisionObservation,
  symptoms: ReadonlyMap<string, Symptoms>,
): Reason[] {
  const reasons: Reason[] = [];
  const now = revision.traffic;
  const others = own.workload.revisions.filter(candidate => candidate !== revision);
  const factor = servedWellBefore(revision) ? WEIGHTS.servedWellFactor : 1;
  if (now && now.failed > 0 && fails(own)) {
    const failedCalls = failedCallsOf([now], change.workload.name, observation.calls);
    const { own: ownFailed, explainedBy } = ownFailures(now.failed, failedCalls, symptoms, observation.deadServices);
    const base = others.map(other => other.traffic ?? other.normal).find(found => found !== undefined && found.requests >= 5);
    const before = base ? base.failed / base.requests : 0;
    const share = ownFailed / Math.max(1, now.requests);
    if (ownFailed >= 2 && share - before > 0.02)
      reasons.push({
        text: `${percent(share)} of its ${now.requests} requests fail by themselves${base ? `, ${percent(before)} on the revision before` : ''}`,
        weight: WEIGHTS.ownFailures * factor * Math.min(1, 0.5 + (share - before) / 0.4) * Math.min(1, ownFailed / 5),
        evidence: `http_requests_total of its pods since ${at(now.fromTMs)}, less failed calls to others`,
      });
    else if (explainedBy.length)
      reasons.push({
        text: `its ${now.failed} failed requests come from its calls to ${explainedBy.join(', ')}, which ${explainedBy.length === 1 ? 'fails' : 'fail'} by themselves`,
        weight: WEIGHTS.explained,
        evidence: 'http_client_requests_total of its pods',
      });
  }
  const rise = latencyRise(revision, own.workload) - generalSlowdown(observation);
  if (rise > 0 && own.ownLatencyRiseMs > 0)
    reasons.push({
      text: `its own time per request rose by ${Math.round(rise)} ms to ${Math.round(now?.ownLatencyMs ?? 0)} ms`,
      weight: WEIGHTS.ownLatency * factor * Math.min(1, 0.25 + rise / 400),
      evidence: `http_request_duration_seconds of its pods, less the time of their calls, since ${at(now?.fromTMs ?? change.atTMs)}`,
    });
  return reasons;
}

/** An environment variable or argument that names a service which does not exist, set by this very change. */
function pointedAtNothing(change: Change, observation: Observation): Reason[] {
  for (const { value, name } of change.changes) {
    for (const host of hostsIn(value ?? '')) {
      const call = observation.calls.find(
        candidate => candidate.from === change.workload.name && candidate.unresolved && candidate.service === host.split('.')[0],
      );
      if (call)
        return [
          {
            text: `${name ? `${name} names` : 'it names'} ${host}, and there is no such service`,
            weight: WEIGHTS.unknownService,
            evidence: `services of namespace ${change.workload.namespace ?? ''}`,
          },
        ];
    }
  }
  return [];
}

function health(revision: RevisionObservation): Reason[] {
  if (revision.pods === 0 || revision.ready < revision.pods || revision.troubles.length > 0) return [];
  const served = revision.traffic?.requests ?? 0;
  if (served >= 5 && (revision.traffic?.failed ?? 0) <= served * 0.02)
    return [
      {
        text: `its ${revision.pods} pods are ready and served ${served} requests without failures`,
        weight: WEIGHTS.healthy,
      },
    ];
  return [{ text: `its ${revision.pods} pods are ready`, weight: WEIGHTS.healthy / 3 }];
}

function position(change: Change, observation: Observation, symptoms: ReadonlyMap<string, Symptoms>): Reason[] {
  const sick = [...symptoms.values()].filter(isSick).map(found => found.workload.ref.name);
  if (sick.length === 0) return [];
  const { name } = change.workload;
  if (sick.includes(name)) return [{ text: `${shortName(change.workload)} shows symptoms itself`, weight: WEIGHTS.onPath }];
  const dependents = sick.filter(candidate => dependenciesOf(candidate, observation.calls).has(name));
  if (dependents.length)
    return [{ text: `${dependents.join(', ')}, which shows symptoms, depends on it`, weight: WEIGHTS.onPath }];
  return [{ text: `nothing that shows symptoms depends on it (${sick.join(', ')})`, weight: WEIGHTS.offPath }];
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1).replace(/\.0$/, '')} %`;
}

function ago(ms: number): string {
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}

function at(tMs: number): string {
  return `${(tMs / 1000).toFixed(1)} s`;
}
