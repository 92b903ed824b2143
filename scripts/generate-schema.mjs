// Makes src/sandbox/schema/kubernetes.json (OpenAPI v3 schemas of the kinds that the sandbox serves) and
// src/sandbox/schema/protobuf.json (field numbers, to read kubectl's protobuf bodies) from a real Kubernetes:
//   node scripts/generate-schema.mjs SERVER TOKEN MODULES
// SERVER is an API server's address, TOKEN a bearer token for it, MODULES a folder with the Go modules
// k8s.io/api and k8s.io/apimachinery (`$(go env GOMODCACHE)/k8s.io`, versions as the server's).
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
const [server, token, modules] = process.argv.slice(2);
if (!server || !token || !modules) {
  console.error('usage: node scripts/generate-schema.mjs SERVER TOKEN MODULES');
  process.exit(2);
}
const get = async path => {
  const response = await fetch(server + path, { headers: { Authorization: `Bearer ${token}` } });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
};

/** Group version → the kinds served in it. */
const SERVED = {
  'api/v1': ['ConfigMap', 'Endpoints', 'Event', 'Namespace', 'Node', 'Pod', 'Secret', 'ServiceAccount', 'Service'],
  'apis/apps/v1': ['ControllerRevision', 'DaemonSet', 'Deployment', 'ReplicaSet', 'StatefulSet'],
  'apis/authentication.k8s.io/v1': ['SelfSubjectReview'],
  'apis/authorization.k8s.io/v1': [
    'LocalSubjectAccessReview',
    'SelfSubjectAccessReview',
    'SelfSubjectRulesReview',
    'SubjectAccessReview',
  ],
  'apis/autoscaling/v1': ['Scale'],
  'apis/batch/v1': ['Job'],
  'apis/coordination.k8s.io/v1': ['Lease'],
  'apis/discovery.k8s.io/v1': ['EndpointSlice'],
  'apis/events.k8s.io/v1': ['Event'],
  'apis/policy/v1': ['PodDisruptionBudget', 'Eviction'],
  'apis/rbac.authorization.k8s.io/v1': ['ClusterRoleBinding', 'ClusterRole', 'RoleBinding', 'Role'],
  'apis/apiextensions.k8s.io/v1': ['CustomResourceDefinition'],
};

const { gitVersion } = await get('/version');
const documents = await Promise.all(Object.keys(SERVED).map(path => get(`/openapi/v3/${path}`)));
const all = Object.assign({}, ...documents.map(document => document.components.schemas));

const kept = {};
function keep(name) {
  if (kept[name]) return;
  const schema = all[name];
  if (!schema) throw new Error(`no schema ${name}`);
  kept[name] = schema;
  for (const [, reference] of JSON.stringify(schema).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) keep(reference);
}
for (const [name, schema] of Object.entries(all)) {
  for (const { group, version, kind } of schema['x-kubernetes-group-version-kind'] ?? []) {
    const path = group ? `apis/${group}/${version}` : `api/${version}`;
    if (SERVED[path]?.includes(kind) || SERVED[path]?.includes(kind.replace(/List$/, ''))) keep(name);
  }
}
keep('io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions');
// Options and statuses belong to every group; what names them all says nothing here.
for (const schema of Object.values(kept)) {
  const kinds = schema['x-kubernetes-group-version-kind'];
  if (kinds && kinds.length > 3)
    schema['x-kubernetes-group-version-kind'] = kinds.filter(kind => kind.group === '' && kind.version === 'v1');
}
const sorted = Object.fromEntries(Object.entries(kept).sort(([a], [b]) => (a < b ? -1 : 1)));
const lines = Object.entries(sorted).map(([name, schema]) => `${JSON.stringify(name)}:${JSON.stringify(schema)}`);
writeFileSync('src/sandbox/schema/kubernetes.json', `{"version":"${gitVersion}","schemas":{\n${lines.join(',\n')}\n}}\n`);
console.log(`${lines.length} schemas of Kubernetes ${gitVersion}`);

// --- field numbers of the protobuf messages -------------------------------------------------------------------------

const version = gitVersion.replace(/^v1/, 'v0');
const PROTO = [
  ...[
    'core/v1',
    'apps/v1',
    'authentication/v1',
    'authorization/v1',
    'autoscaling/v1',
    'batch/v1',
    'coordination/v1',
    'discovery/v1',
  ],
  ...['events/v1', 'policy/v1', 'rbac/v1'],
].map(path => join(modules, `api@${version}`, path));
const machinery = join(modules, `apimachinery@${version}`, 'pkg');
PROTO.push(
  join(machinery, 'apis/meta/v1'),
  join(machinery, 'api/resource'),
  join(machinery, 'runtime'),
  join(machinery, 'util/intstr'),
);

const messages = {};
for (const folder of PROTO) {
  const file = readdirSync(folder).find(name => name === 'generated.proto');
  const source = readFileSync(join(folder, file), 'utf8').replace(/\/\/.*$/gm, '');
  const proto = /^package (.+);$/m.exec(source)[1];
  for (const [, name, body] of source.matchAll(/^message (\w+) \{\n([\s\S]*?)^\}/gm)) {
    const fields = {};
    for (const [, repeated, map, key, value, type, field, number] of body.matchAll(
      /^\s*(?:(repeated|optional)\s+)?(?:(map)<(\w+),\s*([.\w]+)>|([.\w]+))\s+(\w+)\s*=\s*(\d+)/gm,
    )) {
      const full = text =>
        /^[a-z0-9]+$/.test(text) ? text : text.startsWith('.') ? text.slice(1) : text.includes('.') ? text : `${proto}.${text}`;
      const short = text => full(text).replace('k8s.io.apimachinery.pkg.', 'm.').replace('k8s.io.api.', 'a.');
      fields[number] = map
        ? [field, short(value), 'map', key]
        : repeated === 'repeated'
          ? [field, short(type), 'list']
          : [field, short(type)];
    }
    messages[`${proto}.${name}`.replace('k8s.io.apimachinery.pkg.', 'm.').replace('k8s.io.api.', 'a.')] = fields;
  }
}
// Only what the served kinds reach.
const roots = Object.entries(SERVED).flatMap(([path, kinds]) => {
  const group = path === 'api/v1' ? 'core' : path.split('/')[1].split('.')[0];
  return kinds.map(kind => `a.${group}.v1.${kind}`);
});
const reached = {};
const reach = name => {
  if (reached[name] || !messages[name]) return;
  reached[name] = messages[name];
  for (const [, type] of Object.values(messages[name])) reach(type);
};
for (const root of [...roots, 'm.runtime.Unknown', 'm.apis.meta.v1.DeleteOptions']) reach(root);
const protoLines = Object.entries(reached)
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([name, fields]) => `${JSON.stringify(name)}:${JSON.stringify(fields)}`);
writeFileSync('src/sandbox/schema/protobuf.json', `{\n${protoLines.join(',\n')}\n}\n`);
console.log(`${protoLines.length} protobuf messages`);
