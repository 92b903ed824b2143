// Phase times against an independent observer: kubectl watches the API from outside and curl-like requests ask the app, while a drill runs
// on a sandbox kept by another process. Prints, for each moment that can be seen from outside, how far rehearse is from the observer.
//   node bench/observer.mjs [RUNS] [SCENARIO]
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { parse } from 'yaml';

const runs = Number(process.argv[2] ?? 5);
const scenario = process.argv[3] ?? 'error-rate';
const rehearse = resolve('dist/rehearse.js');
const directory = mkdtempSync(join(tmpdir(), 'rehearse-observer-'));
const kubeconfig = join(directory, 'kubeconfig');
const { spec } = parse(readFileSync(join('scenarios', `${scenario}.yaml`), 'utf8'));
const target = spec.target.workload.split('/')[1];
const children = [];
process.on('exit', () => {
  for (const child of children) child.kill('SIGTERM');
  rmSync(directory, { recursive: true, force: true });
});

const sandbox = spawn(process.execPath, [rehearse, 'sandbox', 'up', '--kubeconfig', kubeconfig], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
children.push(sandbox);
for await (const line of createInterface({ input: sandbox.stdout })) if (line.startsWith('export')) break;
const server = parse(readFileSync(kubeconfig, 'utf8')).clusters[0].cluster.server;
writeFileSync(
  join(directory, 'rehearse.yaml'),
  JSON.stringify({
    apiVersion: 'rehearse.dev/v1',
    kind: 'Config',
    staging: [{ context: 'rehearse-sandbox', server, namespaces: ['shop'] }],
  }),
);

/** What kubectl sees of the target, each with the wall clock at which its line arrived. */
const seen = [];
const watch = spawn(
  'kubectl',
  ['--kubeconfig', kubeconfig, '-n', 'shop', 'get', 'deployment', target, '-w', '-o', 'json', '--output-watch-events'],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
children.push(watch);
// With --output-watch-events kubectl prints one event a line.
createInterface({ input: watch.stdout }).on('line', line => seen.push({ atMs: Date.now(), object: JSON.parse(line).object }));
await delay(2000);

const complete = ({ metadata, spec: wanted, status }) =>
  status.observedGeneration >= metadata.generation &&
  (status.updatedReplicas ?? 0) >= wanted.replicas &&
  (status.replicas ?? 0) <= (status.updatedReplicas ?? 0) &&
  (status.availableReplicas ?? 0) >= (status.updatedReplicas ?? 0);
const template = object => JSON.stringify(object.spec.template);

const differences = {};
for (let run = 1; run <= runs; run++) {
  seen.splice(0, seen.length - 1);
  const reports = join(directory, `reports-${run}`);
  const answers = [];
  const frontend = `http://${await clusterIp('frontend')}/checkout`;
  const asking = setInterval(() => {
    get(frontend, answer => {
      answer.resume();
      answers.push({ atMs: Date.now(), ok: answer.statusCode === 200 });
    }).on('error', () => answers.push({ atMs: Date.now(), ok: false }));
  }, 20);
  await new Promise(done => {
    spawn(
      process.execPath,
      [rehearse, 'run', scenario, '--json', '--reports', reports, '--kubeconfig', kubeconfig, '--context', 'rehearse-sandbox'],
      {
        cwd: directory,
        stdio: 'ignore',
        env: { ...process.env, REHEARSE_STATE_DIR: join(directory, 'state') },
      },
    ).on('exit', done);
  });
  clearInterval(asking);
  const record = JSON.parse(
    readFileSync(
      join(
        reports,
        readdirSync(reports).find(name => name.includes(scenario)),
        'run.json',
      ),
      'utf8',
    ),
  );
  const { moments } = record;
  const wall = moment => Date.parse(record.startedAt) + moment.tMs;
  const good = template(seen[0].object);
  const bad = seen.findIndex(({ object }) => template(object) !== good);
  const done = seen.findIndex(({ object }, index) => index > bad && template(object) === good && complete(object));
  note('t0 deployed', moments.deployed && wall(moments.deployed) - seen[bad]?.atMs);
  note('t3 rolled back', moments['rolled-back'] && wall(moments['rolled-back']) - seen[done]?.atMs);
  const failed = answers.find(({ atMs, ok }) => !ok && atMs >= seen[bad]?.atMs);
  if (failed && moments.impact) note('impact (other requests)', wall(moments.impact) - failed.atMs);
}

function note(name, ms) {
  if (!Number.isFinite(ms)) return;
  differences[name] ??= [];
  differences[name].push(ms);
}

async function clusterIp(service) {
  const child = spawn('kubectl', [
    '--kubeconfig',
    kubeconfig,
    '-n',
    'shop',
    'get',
    'service',
    service,
    '-o',
    'jsonpath={.spec.clusterIP}',
  ]);
  let out = '';
  for await (const chunk of child.stdout) out += chunk;
  return out;
}

console.log(`rehearse minus observer, ms, ${runs} runs of ${scenario}`);
for (const [name, values] of Object.entries(differences)) {
  const sorted = values.map(Math.round).sort((left, right) => left - right);
  console.log(`${name.padEnd(26)} ${sorted.join('  ')}`);
}
process.exit(0);
