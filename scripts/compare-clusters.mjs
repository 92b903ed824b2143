// The same drills on the sandbox and on a real cluster that has the demo app, phase by phase and event by event, as a table for the docs.
//   node scripts/compare-clusters.mjs --context kind-rehearse [--kubeconfig FILE] [--config rehearse.yaml] [SCENARIO…] > docs/drills-compared.md
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { context: { type: 'string' }, kubeconfig: { type: 'string' }, config: { type: 'string' } },
});
if (values.context === undefined) {
  console.error('which cluster? --context NAME');
  process.exit(2);
}
const scenarios =
  positionals.length > 0
    ? positionals
    : readdirSync('scenarios')
        .filter(file => file.endsWith('.yaml'))
        .map(file => file.slice(0, -'.yaml'.length));
const directory = mkdtempSync(join(tmpdir(), 'rehearse-compare-'));
const real = ['context', 'kubeconfig', 'config'].flatMap(name => (values[name] === undefined ? [] : [`--${name}`, values[name]]));

function drill(scenario, side, args) {
  const reports = join(directory, side, scenario);
  const run = spawnSync(process.execPath, ['dist/rehearse.js', 'run', scenario, '--plain', '--reports', reports, ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, REHEARSE_STATE_DIR: join(directory, 'state') },
  });
  const folder = readdirSync(reports).find(name => /^\d{8}-/.test(name));
  const read = name => readFileSync(join(reports, folder, name), 'utf8');
  try {
    const events = read('events.ndjson').trim().split('\n').map(JSON.parse);
    return { record: JSON.parse(read('run.json')), events };
  } catch (error) {
    throw new Error(`${scenario} on ${side}: ${error.message}\n${run.stdout}\n${run.stderr}`);
  }
}

/** What happened and when, in seconds since t0, without what time alone decides: samples, and how often something was looked at. */
function story(events) {
  const t0 = events.find(event => event.type === 'moment.reached' && event.moment === 'deployed')?.tMs ?? 0;
  const told = new Set();
  const words = event => {
    switch (event.type) {
      case 'moment.reached':
        return event.moment === 'impact' ? undefined : `${event.type} ${event.moment}`;
      case 'signal.raised': {
        const once = `${event.type} ${event.detector}`;
        return told.has(once) || !told.add(once) ? undefined : once;
      }
      case 'diagnosis.answered':
        return `${event.type} ${event.suspects[0]?.workload.name} ${event.correct ? 'right' : 'wrong'}`;
      case 'runbook.step.finished':
        return `${event.type} ${event.stepId} ${event.outcome}`;
      case 'decoy.deployed':
        return `${event.type} ${event.object.name}`;
      case 'restore.finished':
        return `${event.type} ${event.proven ? 'proven' : 'not proven'}: ${event.objects.map(one => one.object.name).join(', ')}`;
      case 'run.started':
      case 'plan.made':
      case 'guard.checked':
      case 'preflight.checked':
      case 'steady-state.checked':
      case 'undo.written':
      case 'lease.acquired':
      case 'fault.injected':
      case 'rollback.issued':
      case 'rollback.observed':
      case 'restore.started':
      case 'lease.released':
        return event.type;
      default:
        return undefined;
    }
  };
  return events.flatMap(event => {
    const what = words(event);
    return what === undefined ? [] : [{ what, s: (event.tMs - t0) / 1000 }];
  });
}

/** Both stories beside each other: what is at the same place of both in one row. */
function aligned(left, right) {
  const longest = Array.from({ length: left.length + 1 }, () => new Array(right.length + 1).fill(0));
  for (let i = left.length - 1; i >= 0; i--)
    for (let j = right.length - 1; j >= 0; j--)
      longest[i][j] = left[i].what === right[j].what ? longest[i + 1][j + 1] + 1 : Math.max(longest[i + 1][j], longest[i][j + 1]);
  const rows = [];
  for (let i = 0, j = 0; i < left.length || j < right.length; ) {
    if (i < left.length && j < right.length && left[i].what === right[j].what)
      rows.push({ what: left[i].what, sandbox: left[i++].s, cluster: right[j++].s });
    else if (j >= right.length || (i < left.length && longest[i + 1][j] >= longest[i][j + 1]))
      rows.push({ what: left[i].what, sandbox: left[i++].s });
    else rows.push({ what: right[j].what, cluster: right[j++].s });
  }
  return rows;
}

/** What is not at the same place of both, in words. */
function differences(rows) {
  const alone = rows.filter(row => row.sandbox === undefined || row.cluster === undefined);
  return [...new Set(alone.map(row => row.what))].map(what => {
    const of = alone.filter(row => row.what === what);
    const [sandbox, cluster] = ['sandbox', 'cluster'].map(side => of.find(row => row[side] !== undefined)?.[side]);
    if (sandbox !== undefined && cluster !== undefined)
      return `\`${what}\` comes at ${sandbox.toFixed(1)} s and ${cluster.toFixed(1)} s, and the events around it do not move with it`;
    return `\`${what}\` only on the ${cluster === undefined ? 'sandbox' : 'cluster'}`;
  });
}

const seconds = ms => (ms === undefined || ms === null ? 'never' : `${(ms / 1000).toFixed(1)} s`);
const rows = [];
const notes = [];
const stories = [];
let kubernetes = '';
for (const scenario of scenarios) {
  const sandbox = drill(scenario, 'sandbox', []);
  const cluster = drill(scenario, 'cluster', real);
  kubernetes = cluster.record.environment.kubernetes;
  const events = aligned(story(sandbox.events), story(cluster.events));
  const differs = differences(events);
  if (differs.length > 0) notes.push(`${notes.length + 1}. ${scenario}: ${differs.join('; ')}.`);
  const phase = name => `${seconds(sandbox.record.phases[name].durationMs)} / ${seconds(cluster.record.phases[name].durationMs)}`;
  const same = events.filter(row => row.sandbox !== undefined && row.cluster !== undefined).length;
  rows.push(
    `| ${scenario} | ${['detection', 'diagnosis', 'rollback', 'verification'].map(phase).join(' | ')} | ${same} of ${events.length}${differs.length === 0 ? '' : ` [${notes.length}]`} | ${sandbox.record.restore?.proven && cluster.record.restore?.proven ? 'both proven' : 'NOT PROVEN'} |`,
  );
  const at = s => (s === undefined ? '' : s.toFixed(1));
  stories.push(
    `<details><summary>${scenario}</summary>\n\n| event | sandbox | cluster |\n|---|--:|--:|\n${events.map(row => `| ${row.what} | ${at(row.sandbox)} | ${at(row.cluster)} |`).join('\n')}\n\n</details>`,
  );
  console.error(rows.at(-1));
}
rmSync(directory, { recursive: true, force: true });
console.log(`# The same drills on the sandbox and on a real cluster

Every scenario once on the embedded sandbox and once on Kubernetes ${kubernetes} in kind, with the same demo app, the same runbooks and
nobody at the keyboard. Made by \`node scripts/compare-clusters.mjs\`.

## Phase by phase

Times are sandbox / cluster, of one run each. *Events*: how many of what a drill tells come in the same order with the same outcome on both.

| scenario | detection | diagnosis | rollback | verification | events | restore |
|---|---|---|---|---|---|---|
${rows.join('\n')}
${notes.length > 0 ? `\n${notes.join('\n')}\n` : ''}
## Event by event

Seconds since t0. Told are checks, deploys, the first signal of each detector, moments, answers of the diagnosis, steps with their outcome,
and the restore; left out is what time alone decides, such as samples of probes and signals that repeat.

${stories.join('\n\n')}`);
