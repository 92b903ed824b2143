/**
 * Kills drills with SIGKILL at one event after the other, restores each time, and tells what is not as it was:
 *   npx tsx scripts/kills.ts --kubeconfig FILE --context NAME [--namespace shop] [--scenario NAME]… [--every 1] [--first 1] [--program FILE]
 * The context must hold the demo app, in a namespace labelled rehearse.dev/staging=true: `rehearse sandbox up`, kind, or any other cluster.
 * One line of JSON for each kill on stdout, so that a long run that is cut short keeps its figures; a table at the end on stderr.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageFile } from '../src/package-file.ts';
import { type Kill, killAt } from '../test/real-cluster/killing.ts';

const { values } = parseArgs({
  options: {
    kubeconfig: { type: 'string' },
    context: { type: 'string' },
    namespace: { type: 'string', default: 'shop' },
    scenario: { type: 'string', multiple: true },
    /** Kill at every event, or at each n-th. */
    every: { type: 'string', default: '1' },
    first: { type: 'string', default: '1' },
    program: { type: 'string' },
  },
});
if (values.kubeconfig === undefined || values.context === undefined) {
  console.error('--kubeconfig and --context say where');
  process.exit(2);
}
const scenarios =
  values.scenario ??
  readdirSync(packageFile('scenarios'))
    .filter(file => file.endsWith('.yaml'))
    .map(file => basename(file, '.yaml'));
const directory = mkdtempSync(join(tmpdir(), 'rehearse-kills-'));
const place = {
  kubeconfig: values.kubeconfig,
  context: values.context,
  namespace: values.namespace,
  directory,
  ...(values.program === undefined ? {} : { program: values.program }),
};

const kills: Kill[] = [];
for (const scenario of scenarios) {
  for (let event = Number(values.first); ; event += Number(values.every)) {
    const kill = await killAt(place, scenario, event, kills.length % 2 === 0 ? 'same machine' : 'second machine');
    if (!kill) break;
    kills.push(kill);
    console.log(JSON.stringify(kill));
  }
}
rmSync(directory, { recursive: true, force: true });

const row = (cells: unknown[]) => cells.map((cell, index) => String(cell)[index === 0 ? 'padEnd' : 'padStart'](18)).join('');
console.error(row(['scenario', 'kills', 'found dirty', 'left dirty']));
for (const scenario of [...scenarios, 'all']) {
  const of = kills.filter(kill => scenario === 'all' || kill.scenario === scenario);
  const dirty = of.filter(kill => kill.problems.length > 0);
  console.error(row([scenario, of.length, of.filter(kill => kill.wasDirty).length, dirty.length]));
}
process.exitCode = kills.some(kill => kill.problems.length > 0) ? 1 : 0;
