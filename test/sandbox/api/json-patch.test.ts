import { describe, expect, test } from 'vitest';
import { jsonPatch } from '../../../src/sandbox/api/patch/json-patch.ts';
import { mergePatch } from '../../../src/sandbox/api/patch/merge-patch.ts';

describe('JSON patch (RFC 6902)', () => {
  test.each([
    ['add to the end of a list', { a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
    ['insert into a list', { a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
    [
      'escaped keys',
      { 'a/b': 1, 'c~d': 2 },
      [
        { op: 'remove', path: '/a~1b' },
        { op: 'replace', path: '/c~0d', value: 3 },
      ],
      { 'c~d': 3 },
    ],
    ['move', { a: 1 }, [{ op: 'move', from: '/a', path: '/b' }], { b: 1 }],
    ['copy', { a: { b: 1 } }, [{ op: 'copy', from: '/a', path: '/c' }], { a: { b: 1 }, c: { b: 1 } }],
    ['a test that holds', { a: [1] }, [{ op: 'test', path: '/a', value: [1] }], { a: [1] }],
  ])('%s', (_name, document, patch, expected) => {
    expect(jsonPatch(document, patch)).toEqual(expected);
  });

  test.each([
    ['a test that does not hold', [{ op: 'test', path: '/a', value: 9 }]],
    ['removing what is not there', [{ op: 'remove', path: '/b' }]],
    ['replacing what is not there', [{ op: 'replace', path: '/b', value: 1 }]],
    ['adding past the end', [{ op: 'add', path: '/list/7', value: 1 }]],
  ])('%s is refused and changes nothing', (_name, patch) => {
    const document = { a: 1, list: [] };
    expect(() => jsonPatch(document, patch)).toThrow('the server rejected our request due to an error in our request');
    expect(document).toEqual({ a: 1, list: [] });
  });
});

test('JSON merge patch (RFC 7396): null removes, lists are replaced', () => {
  expect(mergePatch({ a: { b: 1, c: 2 }, list: [1, 2] }, { a: { b: null }, list: [3] })).toEqual({ a: { c: 2 }, list: [3] });
});
