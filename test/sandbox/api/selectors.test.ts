import { describe, expect, test } from 'vitest';
import { formatSelector, labelMatcher, parseFieldSelector, selectorMatcher } from '../../../src/sandbox/registry/selectors.ts';

const labels = { app: 'web', tier: 'front', weight: '5' };

describe('label selectors', () => {
  test.each([
    ['app=web', true],
    ['app==web,tier=front', true],
    ['app!=web', false],
    ['missing!=x', true],
    ['app in (web, api),tier notin (back)', true],
    ['app in (api)', false],
    ['app', true],
    ['!app', false],
    ['!missing', true],
    ['weight>4,weight<6', true],
    ['app=', false],
    ['missing notin (a)', true],
  ])('%s', (text, expected) => {
    expect(labelMatcher(text)?.(labels)).toBe(expected);
  });

  test.each([
    ['a in b', "unable to parse requirement: found 'b' expected: '('"],
    ['a=b=c', "found '=', expected: ',' or 'end of string'"],
  ])('%s is refused in the words of upstream', (text, message) => {
    expect(() => labelMatcher(text)).toThrow(message);
  });
});

test('a missing LabelSelector selects nothing, an empty one everything', () => {
  expect(selectorMatcher(undefined)(labels)).toBe(false);
  expect(selectorMatcher({})(labels)).toBe(true);
  expect(selectorMatcher({ matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['web'] }] })(labels)).toBe(false);
});

test('a selector prints as kubectl shows it', () => {
  expect(formatSelector({ matchLabels: { b: '1', a: '2' } })).toBe('a=2,b=1');
  expect(formatSelector({ matchExpressions: [{ key: 'x', operator: 'In', values: ['b', 'a'] }] })).toBe('x in (a,b)');
  expect(formatSelector(undefined)).toBe('<none>');
});

test('field selectors', () => {
  expect(parseFieldSelector('status.phase!=Running,metadata.name=x')).toEqual([
    { field: 'status.phase', equal: false, value: 'Running' },
    { field: 'metadata.name', equal: true, value: 'x' },
  ]);
  expect(() => parseFieldSelector('nonsense')).toThrow("can't understand 'nonsense'");
});
