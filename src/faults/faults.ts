/** The bad deploys, by their `kind` in a scenario, and the harmless ones beside them. */
import type { ObjectRef } from '../record/events.ts';
import type { Fault, PlannedChange, RawObject, RoleContext } from '../rehearsal/ports.ts';
import type { DecoySpec, FaultSpec } from '../scenario/schema.ts';
import { planConfig } from './config-fault.ts';
import { applyPlanned, planTemplate, readTarget, refused } from './planned.ts';
import { faultedService, planService } from './service-fault.ts';
import {
  editCommand,
  editDecoy,
  editEnv,
  editImage,
  editMissingSecret,
  editProbe,
  editResources,
  type TemplateEdit,
} from './template-fault.ts';

/** A fault that changes a workload as any deploy does: nothing on the objects gives the drill away. */
export function createFault(spec: FaultSpec): Fault {
  return plannedFault(spec.kind, `${spec.kind} fault`, context => {
    if (spec.kind === 'config') return planConfig(context, spec);
    if (spec.kind === 'service') return planService(context, spec);
    return planEdit(context, (template, target) => editTemplate(template, spec, target), spec);
  });
}

/** What carries the bad deploy when that is not the workload itself. @throws RehearseError when the scenario does not name it. */
export function faultedObject(spec: FaultSpec, namespace: string): ObjectRef | undefined {
  return spec.kind === 'service' ? faultedService(spec, namespace) : undefined;
}

/** What the app must do for a fault to be felt; undefined for one that breaks any app. */
export function neededOfApp(spec: FaultSpec): string | undefined {
  switch (spec.kind) {
    case 'image':
      return spec.image === undefined ? undefined : `the image ${spec.image} must be bad, or not exist`;
    case 'env':
      return `the app must read ${Object.keys(spec.env).join(', ')}`;
    case 'config':
      return `the app must read ${Object.keys(spec.data).join(', ')} of configmap ${spec.configMap}`;
    case 'command':
      return 'the command must end with an error, or serve wrongly';
    default:
      return undefined;
  }
}

/** An unrelated, harmless deploy close to the bad one. Its target is the context's. */
export function createDecoy(spec: DecoySpec): Fault {
  return plannedFault('decoy', `deploy of ${spec.workload}`, context =>
    planEdit(context, (template, target) => editDecoy(template, spec, target)),
  );
}

function plannedFault(
  kind: string,
  summaryBeforePlan: string,
  makePlan: (context: RoleContext) => Promise<{ changes: PlannedChange[]; summary: string }>,
): Fault {
  let summary = summaryBeforePlan;
  return {
    kind,
    get summary() {
      return summary;
    },
    async plan(context) {
      const planned = await makePlan(context);
      summary = planned.summary;
      return planned.changes;
    },
    inject: applyPlanned,
  };
}

async function planEdit(
  context: RoleContext,
  edit: (template: RawObject, target: RoleContext['target']) => TemplateEdit,
  spec?: FaultSpec,
): Promise<{ changes: PlannedChange[]; summary: string }> {
  const workload = await readTarget(context);
  if (spec?.kind === 'missing-secret') {
    const secret = { apiVersion: 'v1', kind: 'Secret', namespace: context.namespace, name: spec.secret };
    if (await context.cluster.get(secret))
      throw refused(`secret ${spec.secret} exists: the fault would do nothing`, 'name one that does not exist');
  }
  const template = structuredClone(workload['spec'].template) as RawObject;
  const { summary, changeCause } = edit(template, context.target);
  return { changes: [await planTemplate(context, workload, template, changeCause)], summary };
}

function editTemplate(
  template: RawObject,
  spec: Exclude<FaultSpec, { kind: 'config' | 'service' }>,
  target: RoleContext['target'],
): TemplateEdit {
  switch (spec.kind) {
    case 'image':
      return editImage(template, spec, target);
    case 'env':
      return editEnv(template, spec, target);
    case 'command':
      return editCommand(template, spec, target);
    case 'probe':
      return editProbe(template, spec, target);
    case 'missing-secret':
      return editMissingSecret(template, spec, target);
    case 'resources':
      return editResources(template, spec, target);
  }
}
