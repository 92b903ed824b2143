import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { addOptIn } from '../../src/cluster/opt-in.ts';

const ENTRY = { context: 'kind-rehearse', server: 'https://127.0.0.1:40001', namespaces: ['shop'] as [string] };
const OTHER = { context: 'eu', server: 'https://eu.example', namespaces: ['web'] };
const HEAD = 'apiVersion: rehearse.dev/v1\nkind: Config\n';

describe('the opt-in is added, and what a person wrote stays byte by byte', () => {
  test.each([
    ['no file', '', [ENTRY]],
    ['no list', `${HEAD}# mine\n`, [ENTRY]],
    ['an empty list', `${HEAD}staging: [] # none yet\ntargets: {}\n`, [ENTRY]],
    [
      'another entry, comments around it',
      `${HEAD}staging:\n  # the old one\n  - context: eu     # as in kubectl\n    server: https://eu.example\n    namespaces: [web]\n\n# workloads\ntargets: {}\n`,
      [OTHER, ENTRY],
    ],
    [
      'a list that is not indented, at the end, without a line end',
      `${HEAD}staging:\n- context: eu\n  server: https://eu.example\n  namespaces: [web]`,
      [OTHER, ENTRY],
    ],
  ])('%s', (_what, text, staging) => {
    const edited = addOptIn(text, ENTRY);
    expect(edited.edit.done).toBe('added');
    expect(parse(edited.text ?? '').staging).toEqual(staging);
    const kept = edited.text?.split('\n').map(line => line.trimEnd()) ?? [];
    for (const line of text.split('\n').filter(one => !one.startsWith('staging: [')))
      expect(kept, `lost: ${line}`).toContain(line.trimEnd());
  });

  test('twice is once', () => {
    const once = addOptIn('', ENTRY).text ?? '';
    expect(addOptIn(once, ENTRY)).toEqual({ edit: { done: 'there' } });
  });

  test('a cluster that was made again gets its new address, in an entry that was written for it', () => {
    const once = addOptIn('', ENTRY).text ?? '';
    const again = addOptIn(once, { ...ENTRY, server: 'https://127.0.0.1:40002' });
    expect(again.edit.done).toBe('updated');
    expect(again.text).toBe(once.replace(':40001', ':40002'));
  });

  test.each([
    [
      'an entry of a person that says otherwise',
      `${HEAD}staging:\n  - context: kind-rehearse\n    server: https://127.0.0.1:1\n    namespaces: [shop]\n`,
    ],
    ['a list on one line', `${HEAD}staging: [{ context: eu, server: 'https://eu.example', namespaces: [web] }]\n`],
    ['a list that somebody began', `${HEAD}staging: # later\ntargets: {}\n`],
    ['what is no YAML', 'staging: [\n'],
  ])('%s is left alone, and the person is told what to write', (_what, text) => {
    const { edit, text: edited } = addOptIn(text, ENTRY);
    expect(edited).toBeUndefined();
    expect(edit).toMatchObject({ done: 'by-hand', advice: expect.stringContaining(ENTRY.server) });
  });
});
