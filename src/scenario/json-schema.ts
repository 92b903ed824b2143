import * as z from 'zod';
import { scenarioSchema } from './schema.ts';

/** JSON Schema (2020-12) of a scenario as people write it: what has a default may be left out. Editors use it. */
export function scenarioJsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(scenarioSchema, { io: 'input', reused: 'inline' }) as Record<string, unknown>;
  return {
    $schema,
    title: 'rehearse scenario',
    description:
      'A rehearsal of a bad deploy: what is deployed, how it is noticed, rolled back and verified, and how long each may take.',
    ...rest,
  };
}
