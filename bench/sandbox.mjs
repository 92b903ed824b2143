// The sandbox's speed: API answering after start, demo app ready, reads, and 200 pods in memory.
//   node bench/sandbox.mjs [ROUNDS]
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parse } from 'yaml';

const rounds = Number(process.argv[2] ?? 5);
const directory = mkdtempSync(join(tmpdir(), 'rehearse-bench-'));
const spread = values => {
  const sorted = [...values].sort((left, right) => left - right);
  const at = share => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))].toFixed(2);
  return `min ${at(0)}  median ${at(0.5)}  p99 ${at(0.99)}  max ${at(1)}`;
};

/** Starts a sandbox; tells, in seconds since the sandbox was asked for, when API and app were there (as it prints them). */
async function start(...options) {
  const kubeconfig = join(directory, `kubeconfig-${Math.random()}`);
  const child = spawn(process.execPath, [resolve('dist/rehearse.js'), 'sandbox', 'up', '--kubeconfig', kubeconfig, ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const told = {};
  createInterface({ input: child.stderr }).on('line', line => {
    const api = /API .* up after ([\d.]+) s/.exec(line);
    const app = /demo app ready after ([\d.]+) s/.exec(line);
    if (api) told.api = Number(api[1]);
    if (app) told.app = Number(app[1]);
  });
  for await (const line of createInterface({ input: child.stdout })) if (line.startsWith('export')) break;
  return { child, kubeconfig, told };
}
const stop = child => new Promise(done => child.on('exit', done).kill('SIGTERM'));

const api = [];
const app = [];
for (let round = 0; round < rounds; round++) {
  const { child, told } = await start();
  api.push(told.api);
  app.push(told.app);
  await stop(child);
}
console.log(`API answering, s after start     ${spread(api)}`);
console.log(`demo app ready, s after start    ${spread(app)}`);

const { child, kubeconfig } = await start('--empty');
const config = parse(readFileSync(kubeconfig, 'utf8'));
const { server, 'certificate-authority-data': ca } = config.clusters[0].cluster;
const user = config.users[0].user;
const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: Buffer.from(ca, 'base64') });
const call = (method, path, body) =>
  new Promise((done, fail) => {
    const headers = {
      ...(user.token ? { Authorization: `Bearer ${user.token}` } : {}),
      ...(body ? { 'Content-Type': 'application/json' } : {}),
    };
    const pem = user.token
      ? {}
      : { cert: Buffer.from(user['client-certificate-data'], 'base64'), key: Buffer.from(user['client-key-data'], 'base64') };
    const sent = request(`${server}${path}`, { method, agent, headers, ...pem }, answer => {
      answer.resume().on('end', () => (answer.statusCode < 300 ? done() : fail(new Error(`${path}: ${answer.statusCode}`))));
    });
    sent.on('error', fail).end(body && JSON.stringify(body));
  });
await call('POST', '/api/v1/namespaces/default/configmaps', {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'one' },
  data: { key: 'value' },
});
const reads = [];
for (let index = 0; index < 2000; index++) {
  const started = performance.now();
  await call('GET', '/api/v1/namespaces/default/configmaps/one');
  if (index >= 200) reads.push(performance.now() - started);
}
console.log(`read of one object, ms           ${spread(reads)}`);

const pss = pid => {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
};
const before = pss(child.pid);
await call('POST', '/apis/apps/v1/namespaces/default/deployments', {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'many' },
  spec: {
    replicas: 200,
    selector: { matchLabels: { app: 'many' } },
    template: {
      metadata: { labels: { app: 'many' } },
      spec: { containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10' }] },
    },
  },
});
const began = performance.now();
spawnSync('kubectl', ['--kubeconfig', kubeconfig, 'rollout', 'status', 'deployment/many', '--timeout=300s'], { stdio: 'ignore' });
const took = (performance.now() - began) / 1000;
const programs = readdirSync('/proc')
  .filter(name => /^\d+$/.test(name))
  .filter(pid => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('rehearse: default/many');
    } catch {
      return false;
    }
  });
const perPod = programs.map(pss);
console.log(
  `200 pods: all there after ${took.toFixed(1)} s; ${programs.length} processes of ${(perPod.reduce((sum, value) => sum + value, 0) / perPod.length).toFixed(1)} MiB (PSS) each`,
);
console.log(
  `          the API server's own memory grew by ${(pss(child.pid) - before).toFixed(1)} MiB, ${((pss(child.pid) - before) / 200).toFixed(2)} MiB a pod`,
);
await stop(child);
rmSync(directory, { recursive: true, force: true });
