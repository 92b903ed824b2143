/** The parts a reader goes to for proof: detectors, diagnosis, what was injected, restore. */

import { falseAlarms } from '../../insights/false-alarms.ts';
import { objectText, suspectText } from '../../record/event-text.ts';
import type { CheckResult, ObjectChange } from '../../record/events.ts';
import { eventNumber } from '../../record/find-event.ts';
import { meter } from '../charts/meter.ts';
import { diffLines } from '../diff.ts';
import { formatDuration } from '../format.ts';
import type { ViewContext } from './context.ts';

export function detectorsView({ record, originTMs, since, links }: ViewContext) {
  const first = record.phases.detection.durationMs;
  return record.detectors.map(detector => {
    const issued = record.moments['rollback-issued']?.tMs ?? Number.POSITIVE_INFINITY;
    const told = detector.signals.find(signal => signal.tMs >= originTMs);
    const after = detector.afterDeployMs;
    const verdict =
      after === undefined
        ? { word: 'never told', tone: record.moments.detected ? 'caution' : 'bad' }
        : detector.first
          ? { word: 'told first', tone: 'good' }
          : told && told.tMs > issued
            ? { word: 'told after the rollback', tone: 'caution' }
            : { word: 'would have told', tone: 'neutral' };
    return {
      name: detector.name,
      kind: detector.kind,
      summary: detector.summary,
      ...verdict,
      falseAlarms: falseAlarms(record, detector).length,
      when: after === undefined ? '' : since(originTMs + after),
      behind:
        after === undefined || first === undefined || detector.first
          ? ''
          : `${formatDuration(Math.max(0, after - first))} after the first`,
      uncertainty: told ? `± ${formatDuration(told.uncertaintyMs)}` : '',
      signals: detector.signals.map(signal => ({
        when: since(signal.tMs),
        message: signal.message,
        object: signal.object ? objectText(signal.object) : '',
        sourceAt: signal.sourceAt ?? '',
        events: links([eventNumber(record, 'signal.raised', signal.tMs)]),
      })),
    };
  });
}

export function diagnosisView({ record, since, relative, links }: ViewContext) {
  return record.diagnosis.answers.map((answer, index) => ({
    number: index + 1,
    when: since(answer.tMs),
    by: answer.by,
    correct: answer.correct,
    word: answer.correct ? 'correct' : 'wrong',
    tone: answer.correct ? 'good' : 'bad',
    // What was answered last matters most; earlier answers are a click away.
    open: index === record.diagnosis.answers.length - 1,
    named: answer.suspects[0] ? suspectText(answer.suspects[0]) : 'nothing',
    events: links([eventNumber(record, 'diagnosis.answered', answer.tMs)]),
    suspects: answer.suspects.map((suspect, rank) => ({
      rank: rank + 1,
      name: objectText(suspect.workload),
      revision: suspect.revision,
      change: suspect.change,
      changed: relative(suspect.changedTMs),
      score: suspect.score.toFixed(2),
      bar: meter(suspect.score, 1, rank === 0 ? (answer.correct ? 'good' : 'bad') : 'quiet', 6),
      reasons: suspect.reasons.map(reason => ({
        weight: `${reason.weight < 0 ? '−' : '+'}${Math.abs(reason.weight).toFixed(2)}`,
        against: reason.weight < 0,
        text: reason.text,
        evidence: reason.evidence ?? '',
      })),
    })),
  }));
}

export function changeView({ record, since, links }: ViewContext) {
  const change = (each: ObjectChange) => ({
    name: objectText(each.object),
    namespace: each.object.namespace ?? '',
    action: each.action,
    lines: diffLines(each.diff),
  });
  return {
    fault: record.injected
      ? {
          kind: record.injected.kind,
          summary: record.plan?.fault.summary ?? '',
          target: objectText(record.injected.target),
          when: since(record.injected.tMs),
          changes: record.injected.changes.map(change),
          events: links([eventNumber(record, 'fault.injected')]),
        }
      : undefined,
    decoys: record.decoys.map(decoy => ({
      name: objectText(decoy.object),
      summary: decoy.summary,
      when: since(decoy.tMs),
      changes: decoy.changes.map(change),
      events: links([eventNumber(record, 'decoy.deployed', decoy.tMs)]),
    })),
    rollback: record.rollback
      ? {
          summary: record.rollback.summary,
          kind: record.rollback.kind,
          toRevision: record.rollback.toRevision ?? '',
          issued: since(record.rollback.issuedTMs),
          mechanism: record.rollback.mechanismDoneTMs === undefined ? 'never' : since(record.rollback.mechanismDoneTMs),
          desired: record.rollback.desiredStateEqualTMs === undefined ? 'never' : since(record.rollback.desiredStateEqualTMs),
          detail: record.rollback.detail,
          outside: record.rollback.outside && {
            manager: record.rollback.outside.manager,
            how: record.rollback.outside.how,
            at: record.rollback.outside.at ?? '',
          },
          events: links([eventNumber(record, 'rollback.issued'), eventNumber(record, 'rollback.observed')]),
        }
      : undefined,
  };
}

const ACTIONS = {
  'as-found': 'nothing to do',
  'put-back': 'put back',
  'created-again': 'created again',
  deleted: 'deleted',
  left: 'left: somebody else changed it',
  failed: 'failed',
} as const;

/** A drill makes some dozens; one that takes hours renews its lease as often as that again and again. */
const WRITES_SHOWN = 150;

/** Every write of ours, so that it can be laid beside the API server's own audit log. */
function writesView({ record, since }: ViewContext) {
  const { writes } = record;
  return {
    count: writes.length,
    leftOut: Math.max(0, writes.length - WRITES_SHOWN),
    rows: writes.slice(0, WRITES_SHOWN).map(write => ({
      since: since(write.tMs),
      verb: write.verb,
      path: write.path.split('?')[0],
      status: write.status === 0 ? 'no answer' : write.status,
      auditId: write.auditId ?? 'not told',
    })),
  };
}

export function restoreView(context: ViewContext) {
  const { record, links, since } = context;
  const { restore, undo } = record;
  return {
    writes: writesView(context),
    needed: record.injected !== undefined || restore !== undefined,
    ran: restore !== undefined,
    proven: restore?.proven ?? false,
    reason: restore?.reason ?? '',
    when: restore ? since(restore.startedTMs) : '',
    took: restore?.finishedTMs === undefined ? '' : formatDuration(restore.finishedTMs - restore.startedTMs),
    objects: (restore?.objects ?? []).map(item => ({
      name: objectText(item.object),
      namespace: item.object.namespace ?? '',
      action: ACTIONS[item.action],
      equal: item.equal,
      kept: item.kept ?? [],
      note: item.note ?? '',
      lines: item.diff ? diffLines(item.diff) : [],
    })),
    undo: undo && {
      journal: undo.journal,
      cluster: `${objectText(undo.cluster)}${undo.cluster.namespace ? ` in ${undo.cluster.namespace}` : ''}`,
      deadline: undo.deadline,
      objects: undo.objects.map(objectText).join(', '),
    },
    events: links([eventNumber(record, 'undo.written'), eventNumber(record, 'restore.finished')]),
  };
}

/** Guard, preflight, steady state, verification: groups of checks that all speak alike. */
export function checkGroups({ record, since, links }: ViewContext) {
  const groups: { name: string; ok: boolean; word: string; note: string; checks: CheckResult[]; events: { seq: number }[] }[] =
    [];
  const add = (name: string, ok: boolean, word: string, checks: CheckResult[], seq: number | undefined, note = '') =>
    groups.push({ name, ok, word, note, checks, events: links([seq]) });
  if (record.guard)
    add(
      'Staging guard',
      record.guard.allowed,
      record.guard.allowed ? 'allowed' : 'refused',
      record.guard.checks,
      eventNumber(record, 'guard.checked'),
    );
  if (record.preflight)
    add(
      'Preflight',
      record.preflight.ok,
      record.preflight.ok ? 'passed' : 'failed',
      record.preflight.checks,
      eventNumber(record, 'preflight.checked'),
    );
  const steady = record.events.filter(event => event.type === 'steady-state.checked').map(event => event.seq);
  const { before, after } = record.steadyState;
  if (before) add('Steady state before', before.ok, before.ok ? 'held' : 'did not hold', before.checks, steady[0]);
  const last = record.verification.at(-1);
  if (last) {
    const breaks = record.verification.filter(each => !each.ok).length;
    const note = breaks === 0 || !last.ok ? '' : `, after it had not held ${breaks === 1 ? 'once' : `${breaks} times`}`;
    add(
      'Verification',
      last.ok,
      last.ok ? 'held' : 'did not hold',
      last.checks,
      eventNumber(record, 'verification.changed', last.tMs),
      `Last change ${since(last.tMs)}${note}.`,
    );
  }
  if (after) add('Steady state after', after.ok, after.ok ? 'holds' : 'does not hold', after.checks, steady.at(-1));
  return groups.map(group => ({
    ...group,
    checks: group.checks.map(check => ({ ...check, remedy: check.ok ? '' : (check.remedy ?? '') })),
  }));
}
