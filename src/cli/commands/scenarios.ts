import { listScenarios, loadScenario } from '../../scenario/load.ts';

/** One line a scenario: name, target, fault and title. */
export async function scenarios(args: { json: boolean }): Promise<void> {
  const loaded = await Promise.all((await listScenarios()).map(({ path }) => loadScenario(path)));
  const rows = loaded.map(({ scenario, path }) => ({
    name: scenario.metadata.name,
    target:
      scenario.spec.target.workload === undefined
        ? '--target'
        : `${scenario.spec.target.namespace}/${scenario.spec.target.workload}`,
    fault: scenario.spec.fault.kind,
    title: scenario.metadata.title,
    path,
  }));
  if (args.json) {
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return;
  }
  const width = (key: 'name' | 'target' | 'fault') => Math.max(...rows.map(row => row[key].length), key.length);
  const line = (row: Record<'name' | 'target' | 'fault' | 'title', string>) =>
    `${row.name.padEnd(width('name'))}  ${row.target.padEnd(width('target'))}  ${row.fault.padEnd(width('fault'))}  ${row.title}\n`;
  process.stdout.write(line({ name: 'NAME', target: 'TARGET', fault: 'FAULT', title: 'TITLE' }));
  for (const row of rows) process.stdout.write(line(row));
}
