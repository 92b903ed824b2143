import { equal } from '../registry/json.ts';
import type { KubeObject } from '../registry/resources.ts';
import { type LabelSelector, selectorMatcher } from '../registry/selectors.ts';
import { type FieldError, forbidden, invalid, notSupported, required } from './field-error.ts';
import { labelValueProblems, qualifiedNameProblems } from './names.ts';
import { nonNegative, templateErrors } from './pod-validation.ts';

/** Upstream's validation of apps/v1, batch/v1 and policy/v1 (pkg/apis/apps/validation, batch/validation, policy/validation). */

const IMMUTABLE = 'field is immutable';

export const immutable = (value: unknown, old: unknown, field: string): FieldError[] =>
  equal(value, old) ? [] : [invalid(field, value ?? null, IMMUTABLE)];

const SELECTOR_OPERATORS = ['DoesNotExist', 'Exists', 'In', 'NotIn'];

function selectorErrors(selector: LabelSelector, field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    errors.push(...qualifiedNameProblems(key).map(problem => invalid(`${field}.matchLabels`, key, problem)));
    errors.push(...labelValueProblems(value).map(problem => invalid(`${field}.matchLabels`, value, problem)));
  }
  for (const [index, { operator, values }] of (selector.matchExpressions ?? []).entries()) {
    const at = `${field}.matchExpressions[${index}]`;
    if (!SELECTOR_OPERATORS.includes(operator)) errors.push(invalid(`${at}.operator`, operator, 'not a valid selector operator'));
    const withValues = operator === 'In' || operator === 'NotIn';
    if (withValues && !values?.length)
      errors.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    if (!withValues && values?.length)
      errors.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
  }
  return errors;
}

/** The selector is there, not empty, and selects the template's pods. */
function podSelectorErrors(object: KubeObject, emptyDetail: string): FieldError[] {
  const { selector, template } = object.spec ?? {};
  const labels = template?.metadata?.labels;
  const mismatch = invalid('spec.template.metadata.labels', labels ?? null, '`selector` does not match template `labels`');
  if (!selector) return [required('spec.selector'), mismatch];
  const errors = selectorErrors(selector, 'spec.selector');
  if (Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0) {
    errors.push(invalid('spec.selector', selector, emptyDetail));
  } else if (errors.length === 0 && !selectorMatcher(selector)(labels)) {
    errors.push(mismatch);
  }
  return errors;
}

function templateOf(object: KubeObject, kind: string): FieldError[] {
  const template = object.spec?.template ?? {};
  const errors = templateErrors(template, 'spec.template');
  const policy = template?.spec?.restartPolicy;
  if (policy && policy !== 'Always') errors.push(notSupported('spec.template.spec.restartPolicy', policy, ['Always']));
  if (template?.spec?.activeDeadlineSeconds !== undefined) {
    errors.push(forbidden('spec.template.spec.activeDeadlineSeconds', `activeDeadlineSeconds in ${kind} is not Supported`));
  }
  return errors;
}

const percent = (value: unknown): number | undefined =>
  typeof value === 'string' && /^\d+%$/.test(value) ? Number(value.slice(0, -1)) : undefined;

function intOrPercentErrors(value: unknown, field: string): FieldError[] {
  if (value === undefined) return [];
  if (typeof value === 'number') return nonNegative(value, field);
  if (percent(value) !== undefined) return [];
  return [
    invalid(
      field,
      value,
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
    ),
  ];
}

const isZero = (value: unknown) => value === 0 || percent(value) === 0;

function notOver100Percent(value: unknown, field: string): FieldError[] {
  return (percent(value) ?? 0) > 100 ? [invalid(field, value, 'must not be greater than 100%')] : [];
}

export function deploymentErrors(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const spec = object.spec ?? {};
  const errors = [
    ...nonNegative(spec.replicas, 'spec.replicas'),
    ...podSelectorErrors(object, 'empty selector is invalid for deployment'),
  ];
  errors.push(...templateOf(object, 'ReplicaSet'));
  const { type, rollingUpdate } = spec.strategy ?? {};
  if (type === 'Recreate') {
    if (rollingUpdate)
      errors.push(forbidden('spec.strategy.rollingUpdate', "may not be specified when strategy `type` is 'Recreate'"));
  } else if (type === 'RollingUpdate') {
    const { maxUnavailable, maxSurge } = rollingUpdate ?? {};
    errors.push(...intOrPercentErrors(maxUnavailable, 'spec.strategy.rollingUpdate.maxUnavailable'));
    errors.push(...intOrPercentErrors(maxSurge, 'spec.strategy.rollingUpdate.maxSurge'));
    if (isZero(maxUnavailable) && isZero(maxSurge)) {
      errors.push(invalid('spec.strategy.rollingUpdate.maxUnavailable', maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
    }
    errors.push(...notOver100Percent(maxUnavailable, 'spec.strategy.rollingUpdate.maxUnavailable'));
  } else
    errors.push(
      notSupported('spec.strategy', { Type: type, RollingUpdate: rollingUpdate ?? null }, ['Recreate', 'RollingUpdate']),
    );
  errors.push(...nonNegative(spec.minReadySeconds, 'spec.minReadySeconds'));
  errors.push(...nonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'));
  errors.push(...nonNegative(spec.progressDeadlineSeconds, 'spec.progressDeadlineSeconds'));
  if (spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds <= (spec.minReadySeconds ?? 0)) {
    errors.push(invalid('spec.progressDeadlineSeconds', spec.progressDeadlineSeconds, 'must be greater than minReadySeconds'));
  }
  if (old) errors.push(...immutable(spec.selector, old.spec?.selector, 'spec.selector'));
  return errors;
}

export function replicaSetErrors(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const errors = [
    ...nonNegative(object.spec?.replicas, 'spec.replicas'),
    ...nonNegative(object.spec?.minReadySeconds, 'spec.minReadySeconds'),
    ...podSelectorErrors(object, 'empty selector is invalid for deployment'),
    ...templateOf(object, 'ReplicaSet'),
  ];
  if (old) errors.push(...immutable(object.spec?.selector, old.spec?.selector, 'spec.selector'));
  return errors;
}

const STATEFUL_SET_UPDATABLE = [
  'replicas',
  'template',
  'updateStrategy',
  'minReadySeconds',
  'ordinals',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
];

export function statefulSetErrors(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const spec = object.spec ?? {};
  const errors: FieldError[] = [];
  if (!['OrderedReady', 'Parallel'].includes(spec.podManagementPolicy)) {
    errors.push(invalid('spec.podManagementPolicy', spec.podManagementPolicy, "must be 'OrderedReady' or 'Parallel'"));
  }
  const { type, rollingUpdate } = spec.updateStrategy ?? {};
  if (type === 'OnDelete') {
    if (rollingUpdate)
      errors.push(invalid('spec.updateStrategy.rollingUpdate', rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'"));
  } else if (type === 'RollingUpdate')
    errors.push(...nonNegative(rollingUpdate?.partition, 'spec.updateStrategy.rollingUpdate.partition'));
  else
    errors.push(
      invalid(
        'spec.updateStrategy',
        { Type: type, RollingUpdate: rollingUpdate ?? null },
        "must be 'RollingUpdate' or 'OnDelete'",
      ),
    );
  errors.push(...nonNegative(spec.replicas, 'spec.replicas'), ...nonNegative(spec.minReadySeconds, 'spec.minReadySeconds'));
  errors.push(...podSelectorErrors(object, 'empty selector is invalid for statefulset'));
  errors.push(...templateOf(object, 'StatefulSet'));
  if (old) {
    const fixed = (given: Record<string, unknown>) =>
      Object.fromEntries(Object.entries(given).filter(([key]) => !STATEFUL_SET_UPDATABLE.includes(key)));
    if (!equal(fixed(spec), fixed(old.spec ?? {}))) {
      errors.push(
        forbidden(
          'spec',
          "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        ),
      );
    }
  }
  return errors;
}

export function daemonSetErrors(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const spec = object.spec ?? {};
  const errors = [...podSelectorErrors(object, 'empty selector is invalid for daemonset'), ...templateOf(object, 'DaemonSet')];
  const { type, rollingUpdate } = spec.updateStrategy ?? {};
  if (!['OnDelete', 'RollingUpdate'].includes(type))
    errors.push(notSupported('spec.updateStrategy.type', type, ['OnDelete', 'RollingUpdate']));
  if (type === 'RollingUpdate') {
    for (const field of ['maxUnavailable', 'maxSurge']) {
      errors.push(...intOrPercentErrors(rollingUpdate?.[field], `spec.updateStrategy.rollingUpdate.${field}`));
      errors.push(...notOver100Percent(rollingUpdate?.[field], `spec.updateStrategy.rollingUpdate.${field}`));
    }
    if (isZero(rollingUpdate?.maxUnavailable) && isZero(rollingUpdate?.maxSurge)) {
      errors.push(required('spec.updateStrategy.rollingUpdate.maxUnavailable', 'cannot be 0 when maxSurge is 0'));
    }
  }
  errors.push(...nonNegative(spec.minReadySeconds, 'spec.minReadySeconds'));
  if (old) errors.push(...immutable(spec.selector, old.spec?.selector, 'spec.selector'));
  return errors;
}

export function jobErrors(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const spec = object.spec ?? {};
  const errors: FieldError[] = [];
  for (const field of ['parallelism', 'completions', 'activeDeadlineSeconds', 'backoffLimit', 'ttlSecondsAfterFinished']) {
    errors.push(...nonNegative(spec[field], `spec.${field}`));
  }
  if (!['NonIndexed', 'Indexed'].includes(spec.completionMode))
    errors.push(notSupported('spec.completionMode', spec.completionMode, ['Indexed', 'NonIndexed']));
  if (spec.completionMode === 'Indexed' && spec.completions === undefined)
    errors.push(required('spec.completions', 'when completion mode is Indexed'));
  errors.push(...templateErrors(spec.template, 'spec.template'));
  if (spec.template?.spec?.restartPolicy === 'Always') {
    errors.push(required('spec.template.spec.restartPolicy', 'valid values: "OnFailure", "Never"'));
  }
  if (old) {
    if (spec.completionMode !== 'Indexed') errors.push(...immutable(spec.completions, old.spec?.completions, 'spec.completions'));
    errors.push(...immutable(spec.selector, old.spec?.selector, 'spec.selector'));
    if (!(old.spec?.suspend && !old.status?.startTime))
      errors.push(...immutable(spec.template, old.spec?.template, 'spec.template'));
    errors.push(...immutable(spec.completionMode, old.spec?.completionMode, 'spec.completionMode'));
  }
  return errors;
}

export function disruptionBudgetErrors(object: KubeObject): FieldError[] {
  const { minAvailable, maxUnavailable, selector } = object.spec ?? {};
  const errors: FieldError[] = [];
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    const { unhealthyPodEvictionPolicy = null } = object.spec ?? {};
    const shown = {
      MinAvailable: minAvailable,
      Selector: selector ?? null,
      MaxUnavailable: maxUnavailable,
      UnhealthyPodEvictionPolicy: unhealthyPodEvictionPolicy,
    };
    errors.push(invalid('spec', shown, 'minAvailable and maxUnavailable cannot be both set'));
  }
  for (const [field, value] of [
    ['spec.minAvailable', minAvailable],
    ['spec.maxUnavailable', maxUnavailable],
  ] as const) {
    errors.push(...intOrPercentErrors(value, field), ...notOver100Percent(value, field));
  }
  if (selector) errors.push(...selectorErrors(selector, 'spec.selector'));
  return errors;
}

export function controllerRevisionErrors(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const errors = nonNegative(object.revision, 'revision');
  if (object.data === undefined) errors.push(required('data', 'data is mandatory'));
  if (old) errors.push(...immutable(object.data, old.data, 'data'));
  return errors;
}
