import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { chooseTheirs } from '../../src/cli/theirs.ts';
import type { TheirChange } from '../../src/cluster/their-changes.ts';

const change = (mergeable: boolean): TheirChange => ({
  object: { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'payments' },
  fields: [
    { path: ['spec', 'replicas'], snapshot: 3, drill: 3, live: 5, by: mergeable ? 'somebody' : 'both', who: 'helm at 12:00' },
    {
      path: ['spec', 'template', 'spec', 'containers', '[name=main]', 'env', '[name=DB_PASSWORD]'],
      snapshot: { name: 'DB_PASSWORD', value: 'hunter2hunter2' },
      drill: { name: 'DB_PASSWORD', value: 'correcthorse' },
      live: { name: 'DB_PASSWORD', value: 'correcthorse' },
      by: 'drill',
    },
  ],
  mergeable,
});

/** Streams as a terminal has them, with what a person types. */
function terminal(isTTY: boolean, typed: string[] = []) {
  const input = Object.assign(new PassThrough(), { isTTY });
  const output = Object.assign(new PassThrough(), { isTTY });
  let text = '';
  let asked = 0;
  output.on('data', chunk => {
    text += chunk;
    if (typed.length > asked && (text.match(/for later\?/g)?.length ?? 0) > asked) input.write(`${typed[asked++]}\n`);
  });
  return {
    choose: (given?: 'keep' | 'overwrite' | 'merge') =>
      chooseTheirs(given, input as unknown as NodeJS.ReadStream, output as unknown as NodeJS.WriteStream),
    text: () => text,
  };
}

describe("what becomes of somebody else's change", () => {
  test('is asked on a terminal, with the three states of each field, without secrets', async () => {
    const { choose, text } = terminal(true, ['what?', 'merge']);
    expect(await choose()(change(true))).toBe('merge');
    expect(text()).toContain('spec.replicas: theirs (helm at 12:00)');
    expect(text()).toMatch(/before the drill 3\n.*by the drill +3\n.*now +5/);
    expect(text()).not.toMatch(/hunter2|correcthorse/);
  });

  test('nothing, when the person wants to think about it; no merge is offered where both changed the same', async () => {
    const { choose, text } = terminal(true, ['']);
    expect(await choose()(change(false))).toBeUndefined();
    expect(text()).not.toContain('merge:');
  });

  test.each([
    ['as --theirs says', 'overwrite' as const, false, 'overwrite', 'spec.replicas'],
    ['merged without anybody to ask where nobody changed the same', undefined, true, 'merge', 'no field was changed by both'],
    ['left otherwise, with what to do', undefined, false, undefined, '--theirs keep|overwrite'],
  ])('%s', async (_what, given, mergeable, choice, told) => {
    const { choose, text } = terminal(false);
    expect(await choose(given)(change(mergeable))).toBe(choice);
    expect(text()).toContain(told);
  });
});
