import { expect, test } from 'vitest';
import { nearest } from '../../src/yaml/suggest.ts';

const fields = ['interval', 'timeout', 'expectStatus', 'url', 'path', 'slo'];

test.each([
  ['intervall', 'interval'],
  ['tiemout', 'timeout'],
  ['expect_status', 'expectStatus'],
  ['EXPECTSTATUS', 'expectStatus'],
  ['pth', 'path'],
  ['ur', 'url'],
])('%s was meant to be %s', (given, meant) => {
  expect(nearest(given, fields)).toBe(meant);
});

test.each(['colour', 'x', '', 'retries'])('%j resembles none', given => {
  expect(nearest(given, fields)).toBeUndefined();
});
