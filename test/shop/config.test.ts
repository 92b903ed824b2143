import { describe, expect, test } from 'vitest';
import { ConfigError, DEFAULT_CONFIG, parseConfig } from '../../src/shop/config.ts';

describe('the place of a mistake in a config', () => {
  // JSON.parse of some Node.js versions names no position for these, or another one.
  test.each([
    ['', '1:1', 'end of file'],
    ['{', '1:2', 'end of file'],
    ['{"a": 1,}', '1:9', '"}"'],
    ['{"a": 1\n "b": 2}', '2:2', '"\\""'],
    ["{'a': 1}", '1:2', '"\'"'],
    ['{"a": tru}', '1:7', '"t"'],
    ['{"a": 01}', '1:7', '"0"'],
    ['{"a": [1 2]}', '1:10', '"2"'],
    ['{"a": "x\ny"}', '1:7', '"\\""'],
    ['{"errorRate": .5}', '1:15', '"."'],
    ['{} x', '1:4', '"x"'],
    ['{"a": b, "b": 1}', '1:7', '"b"'],
    ['# comment\n{}', '1:1', '"#"'],
  ])('%j', (text, place, found) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(() => parseConfig('shop.json', text)).toThrow(
      new ConfigError(`shop.json:${place}: not valid JSON: unexpected ${found}`),
    );
  });
});

describe('values of a config', () => {
  test('what is left out has its default', () => {
    expect(parseConfig('shop.json', '{}')).toEqual({ config: DEFAULT_CONFIG, unknown: [] });
  });

  test.each([
    ['[]', 'the config must be an object'],
    ['{"errorRate": 1.5}', 'errorRate must be a number from 0 to 1'],
    ['{"errorRate": "0.1"}', 'errorRate must be a number'],
    ['{"currency": "euro"}', 'currency must be three capital letters'],
    ['{"logLevel": "loud"}', 'logLevel must be one of'],
    ['{"featureFlags": []}', 'featureFlags must be an object'],
    ['{"featureFlags": {"fraudCheck": "yes"}}', 'featureFlags.fraudCheck must be true or false'],
  ])('%s is refused by name', (text, message) => {
    expect(() => parseConfig('shop.json', text)).toThrow(message);
  });

  test('unknown fields are named, whatever they are called', () => {
    expect(parseConfig('shop.json', '{"toString": 1, "featureFlags": {"x": true}}').unknown).toEqual([
      'toString',
      'featureFlags.x',
    ]);
  });
});
