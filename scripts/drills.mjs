// Runs every scenario, one after the other, as a user does, and checks what a user would: the objectives are met, the
// restore is proven, no process and no journal stays behind. `npm run drills -- error-rate latency` runs only those.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const directory = mkdtempSync(join(tmpdir(), 'rehearse-drills-'));
const state = join(directory, 'state');
const names =
  process.argv.length > 2
    ? process.argv.slice(2)
    : readdirSync('scenarios')
        .filter(file => file.endsWith('.yaml'))
        .map(file => file.slice(0, -'.yaml'.length));

/** Processes that run our programs and have lost their runner (its parent is gone or it is the one that just ended), from /proc. */
function orphans(runner) {
  if (!existsSync('/proc/self/stat')) return [];
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(pid => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        if (!command.includes('dist/programs/') && !command.startsWith('rehearse: ')) return [];
        const parent = Number(/^\d+ \(.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]);
        return parent === 1 || parent === runner ? [`${pid} ${command}`] : [];
      } catch {
        return [];
      }
    });
}

const before = new Set(orphans());
const failures = [];
const seconds = ms => (ms === undefined || ms === null ? '-' : `${(ms / 1000).toFixed(1)} s`).padStart(8);
console.log(
  `${'DRILL'.padEnd(20)} ${['DETECT', 'DIAGNOSE', 'ROLLBACK', 'VERIFY', 'TOTAL', 'WALL'].map(head => head.padStart(8)).join(' ')}  OUTCOME`,
);
for (const name of names) {
  const started = performance.now();
  const { pid, status, stdout, stderr } = spawnSync(
    process.execPath,
    ['dist/rehearse.js', 'run', name, '--json', '--reports', join(directory, 'reports')],
    {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      env: { ...process.env, REHEARSE_STATE_DIR: state },
    },
  );
  const wallMs = performance.now() - started;
  let record;
  try {
    const folder = readdirSync(join(directory, 'reports')).find(entry => entry.includes(`-${name}-`));
    record = JSON.parse(readFileSync(join(directory, 'reports', folder, 'run.json'), 'utf8'));
  } catch (error) {
    failures.push(`${name}: no record (${error.message})\n${stdout}\n${stderr}`);
    continue;
  }
  const phases = ['detection', 'diagnosis', 'rollback', 'verification'].map(phase => seconds(record.phases[phase].durationMs));
  console.log(
    `${name.padEnd(20)} ${[...phases, seconds(record.recovery.durationMs), seconds(wallMs)].join(' ')}  ${record.verdict.outcome}`,
  );
  if (status !== 0) failures.push(`${name}: exit code ${status}: ${record.verdict.reason}\n${stderr.slice(-2000)}`);
  if (!record.restore?.proven) failures.push(`${name}: the restore is not proven`);
  const left = orphans(pid).filter(line => !before.has(line));
  if (left.length > 0) failures.push(`${name}: processes left behind:\n${left.join('\n')}`);
}
let journals = [];
try {
  journals = readdirSync(join(state, 'undo'));
} catch {
  // No journal was ever written: every drill was refused, which is a failure above.
}
if (journals.length > 0) failures.push(`undo journals left behind: ${journals.join(', ')}`);
rmSync(directory, { recursive: true, force: true });
if (failures.length > 0) {
  console.error(`\n${failures.join('\n\n')}`);
  process.exit(1);
}
console.log(`${names.length} drills, nothing left behind`);
