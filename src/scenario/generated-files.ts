import { packageFile } from '../package-file.ts';
import { scenarioJsonSchema } from './json-schema.ts';
import { scenarioReference } from './reference.ts';

/** The files that are generated from the schema and committed: for editors and for readers. */
export function scenarioFiles(): { path: string; text: string }[] {
  return [
    { path: packageFile('scenarios', 'scenario.schema.json'), text: `${JSON.stringify(scenarioJsonSchema(), null, 2)}\n` },
    { path: packageFile('docs', 'scenario-reference.md'), text: scenarioReference() },
  ];
}
