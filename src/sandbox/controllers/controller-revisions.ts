/** ControllerRevisions: the templates that StatefulSets and DaemonSets had (pkg/controller/history). */
import { equal } from '../registry/json.ts';
import type { KubeObject } from '../registry/resources.ts';
import { claim } from './claim.ts';
import { type ControllerContext, isReason, MANAGER } from './control-loop.ts';
import { goJson } from './go-json.ts';
import { controllerReference } from './owner.ts';
import { fnv32, safeEncode } from './pod-template-hash.ts';
import type { ControllerRevision, LabelSelector, PodTemplate } from './types.ts';

const HASH_LABEL = 'controller.kubernetes.io/hash';
const MAX_PREFIX = 223;

type Owner = KubeObject & { spec: { selector: LabelSelector; template: PodTemplate } };

/** What a revision keeps: a strategic merge patch that puts the template back. */
export const revisionData = (owner: Owner): ControllerRevision['data'] => ({
  spec: { template: { ...structuredClone(owner.spec.template), $patch: 'replace' } },
});

export const templateOf = (revision: ControllerRevision): PodTemplate => {
  const { $patch: _, ...template } = structuredClone(revision.data.spec.template);
  return template;
};

/** The owner's revisions, adopted if need be, oldest first. */
export function listRevisions(context: ControllerContext, owner: Owner): ControllerRevision[] {
  const claimed = claim(context.resources, 'controllerrevisions.apps', owner, context.revisions.candidates(owner));
  return claimed.sort((a, b) => a.revision - b.revision || (a.metadata.name < b.metadata.name ? -1 : 1));
}

export const hasSameData = (a: ControllerRevision, b: Pick<ControllerRevision, 'data'>): boolean => equal(a.data, b.data);

/** HashControllerRevision: FNV-32 over the JSON of the data and the collision count. */
const revisionHash = (data: ControllerRevision['data'], collisionCount: number): string =>
  safeEncode(String(fnv32(Buffer.from(goJson(data) + collisionCount))));

export function newRevision(
  owner: Owner,
  { name, labels, revision }: { name: string; labels: Record<string, string>; revision: number },
): ControllerRevision {
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name,
      namespace: owner.metadata.namespace ?? '',
      labels: { ...owner.spec.template.metadata?.labels, ...labels },
      ...(owner.metadata.annotations ? { annotations: { ...owner.metadata.annotations } } : {}),
      ownerReferences: [controllerReference(owner)],
    },
    data: revisionData(owner),
    revision,
  };
}

/** Creates a StatefulSet's revision; while its name is taken by other data, the collision count goes up. @returns it and the count. */
export function createRevision(
  context: ControllerContext,
  owner: Owner,
  revision: number,
  collisionCount: number,
): { revision: ControllerRevision; collisionCount: number } {
  const data = revisionData(owner);
  for (let count = collisionCount; ; count++) {
    const hash = revisionHash(data, count);
    // As upstream, the label keeps the hash of the first attempt.
    const labels = { [HASH_LABEL]: revisionHash(data, collisionCount) };
    const name = `${owner.metadata.name.slice(0, MAX_PREFIX)}-${hash}`;
    const draft = newRevision(owner, { name, labels, revision });
    try {
      return { revision: context.resources.create(draft, MANAGER), collisionCount: count };
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error;
      const other = context.resources.get<ControllerRevision>('controllerrevisions.apps', owner.metadata.namespace, name);
      if (!other) throw error;
      if (hasSameData(other, draft)) return { revision: other, collisionCount: count };
    }
  }
}

export function renumber(context: ControllerContext, revision: ControllerRevision, to: number): ControllerRevision {
  if (revision.revision === to) return revision;
  return context.resources.update({ ...structuredClone(revision), revision: to }, MANAGER);
}

export const deleteRevision = (context: ControllerContext, { metadata }: ControllerRevision): void =>
  void context.resources.delete('controllerrevisions.apps', metadata.namespace, metadata.name);
