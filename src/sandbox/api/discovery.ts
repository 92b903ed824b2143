import { apiVersionOf, type KindTable } from '../kinds/index.ts';
import type { ResourceType } from '../kinds/resource-type.ts';

/** Discovery documents, both forms: aggregated (kubectl ≥ 1.26) and one per group version. */

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const EMPTY_VERBS = ['delete', 'deletecollection', 'get', 'list', 'watch'];
const SUB_VERBS = ['get', 'patch', 'update'];

interface Entry {
  name: string;
  singular: string;
  kind: string;
  group: string;
  version: string;
  verbs: readonly string[];
}

function subresources(type: ResourceType): Entry[] {
  const own = { singular: '', kind: type.kind, group: type.group, version: type.version };
  const entries: Entry[] = [];
  if (type.resource === 'pods') {
    entries.push({ ...own, name: 'pods/eviction', kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] });
    entries.push({ ...own, name: 'pods/binding', kind: 'Binding', verbs: ['create'] });
    entries.push({ ...own, name: 'pods/attach', kind: 'PodAttachOptions', verbs: ['create', 'get'] });
    entries.push({ ...own, name: 'pods/log', verbs: ['get'] });
  }
  if (type.resource === 'pods' || type.resource === 'services') {
    entries.push({
      ...own,
      name: `${type.plural}/proxy`,
      kind: type.resource === 'pods' ? 'PodProxyOptions' : 'ServiceProxyOptions',
      verbs: ['create', 'delete', 'get', 'patch', 'update'],
    });
  }
  if (type.resource === 'namespaces') entries.push({ ...own, name: 'namespaces/finalize', verbs: ['update'] });
  if (type.scale)
    entries.push({ ...own, name: `${type.plural}/scale`, kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: SUB_VERBS });
  if (type.status) entries.push({ ...own, name: `${type.plural}/status`, verbs: SUB_VERBS });
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function verbsOf(type: ResourceType): readonly string[] {
  if (type.createOnly) return ['create'];
  return type.alwaysEmpty ? EMPTY_VERBS : VERBS;
}

export function createDiscovery(types: KindTable) {
  function groups(): Map<string, ResourceType[]> {
    const found = new Map<string, ResourceType[]>();
    const events = types.byResource('events');
    for (const type of [...types.all(), ...(events ? [{ ...events, group: 'events.k8s.io' }] : [])]) {
      const entry = found.get(type.group) ?? [];
      entry.push(type);
      found.set(type.group, entry);
    }
    for (const entry of found.values()) entry.sort((a, b) => (a.plural < b.plural ? -1 : 1));
    return found;
  }

  const versionsOf = (list: readonly ResourceType[]) => [...new Set(list.map(type => type.version))];

  function group(name: string, list: readonly ResourceType[], alone: boolean) {
    const versions = versionsOf(list).map(version => ({ groupVersion: `${name}/${version}`, version }));
    return {
      ...(alone ? { kind: 'APIGroup', apiVersion: 'v1' } : {}),
      name,
      versions,
      preferredVersion: versions[0],
    };
  }

  return {
    apiVersions: (address: string) => ({
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: address }],
    }),
    groupList: () => ({
      kind: 'APIGroupList',
      apiVersion: 'v1',
      groups: [...groups()].filter(([name]) => name !== '').map(([name, list]) => group(name, list, false)),
    }),
    group(name: string) {
      const list = groups().get(name);
      return list && name !== '' ? group(name, list, true) : undefined;
    },
    resources(groupName: string, version: string) {
      const list = groups()
        .get(groupName)
        ?.filter(type => type.version === version);
      if (!list || list.length === 0) return undefined;
      return {
        kind: 'APIResourceList',
        ...(groupName ? { apiVersion: 'v1' } : {}),
        groupVersion: apiVersionOf(list[0] as ResourceType),
        resources: list.flatMap(type => [
          {
            name: type.plural,
            singularName: type.singular,
            namespaced: type.namespaced,
            kind: type.kind,
            verbs: verbsOf(type),
            ...(type.shortNames.length > 0 ? { shortNames: type.shortNames } : {}),
            ...(type.categories.length > 0 ? { categories: type.categories } : {}),
          },
          ...subresources(type).map(entry => ({
            name: entry.name,
            singularName: entry.singular,
            namespaced: type.namespaced,
            ...(entry.group === type.group ? {} : { group: entry.group, version: entry.version }),
            kind: entry.kind,
            verbs: entry.verbs,
          })),
        ]),
      };
    },
    /** `core` for /api, otherwise every named group for /apis. */
    aggregated(core: boolean) {
      return {
        kind: 'APIGroupDiscoveryList',
        apiVersion: 'apidiscovery.k8s.io/v2',
        metadata: {},
        items: [...groups()]
          .filter(([name]) => (name === '') === core)
          .map(([name, list]) => ({
            metadata: name ? { name } : {},
            versions: versionsOf(list).map(version => ({
              version,
              resources: list.filter(type => type.version === version).map(aggregatedResource),
              freshness: 'Current',
            })),
          })),
      };
    },
  };
}

function aggregatedResource(type: ResourceType) {
  const subs = subresources(type);
  return {
    resource: type.plural,
    responseKind: { group: type.group, version: type.version, kind: type.kind },
    scope: type.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: type.singular,
    verbs: verbsOf(type),
    ...(type.shortNames.length > 0 ? { shortNames: type.shortNames } : {}),
    ...(type.categories.length > 0 ? { categories: type.categories } : {}),
    ...(subs.length > 0
      ? {
          subresources: subs.map(entry => ({
            subresource: entry.name.slice(entry.name.indexOf('/') + 1),
            responseKind: { group: entry.group, version: entry.version, kind: entry.kind },
            verbs: entry.verbs,
          })),
        }
      : {}),
  };
}
