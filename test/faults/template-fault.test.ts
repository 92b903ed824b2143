import { expect, test } from 'vitest';
import { editCommand, editEnv } from '../../src/faults/template-fault.ts';
import type { RawObject } from '../../src/rehearsal/ports.ts';

const target = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'payments' };
const template = (container: object) => ({ spec: { containers: [{ name: 'payments', ...container }] } }) as unknown as RawObject;

test('the summary of a bad deploy does not tell the passwords that stood on the command line before', () => {
  const { summary } = editCommand(
    template({ args: ['serve', '--password', 'hunter2', '--port=80'] }),
    { kind: 'command', args: ['serve', '--port=81'] },
    target,
  );
  expect(summary).toBe('args ["serve","--password","(redacted)","--port=80"] → ["serve","--port=81"] (payments)');
});

test('a secret in a variable is not told, whatever the variable is called', () => {
  const { summary, changeCause } = editEnv(
    template({ env: [{ name: 'DATABASE', value: 'postgres://app:hunter2@db/shop' }] }),
    { kind: 'env', env: { DATABASE: 'postgres://app:hunter2@db-v2/shop', SIGNING_KEY: 'hunter2', MODE: 'fast' } },
    target,
  );
  expect(summary + changeCause).not.toContain('hunter2');
  expect(summary).toContain('postgres://app:(redacted)@db/shop → postgres://app:(redacted)@db-v2/shop');
  expect(changeCause).toContain('MODE=fast');
});
