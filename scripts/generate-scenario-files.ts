/** Writes what is generated from the scenario schema: `npx tsx scripts/generate-scenario-files.ts`. A test tells when they have drifted. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { scenarioFiles } from '../src/scenario/generated-files.ts';

for (const { path, text } of scenarioFiles()) {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  console.log(path);
}
