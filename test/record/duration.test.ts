import { describe, expect, test } from 'vitest';
import { formatClock, formatDuration } from '../../src/record/duration.ts';

describe('a duration reads the same everywhere', () => {
  test.each([
    [0, '0 ms'],
    [850, '850 ms'],
    [999.6, '1.0 s'],
    [4210, '4.2 s'],
    [59_940, '59.9 s'],
    [59_960, '1 m 00 s'],
    [65_000, '1 m 05 s'],
    [3_599_600, '1 h 00 m'],
    [7_380_000, '2 h 03 m'],
    [-4200, '-4.2 s'],
  ])('%d ms is %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  test.each([
    [0, '0:00.0'],
    [4_290, '0:04.2'],
    [727_000, '12:07.0'],
    [3_727_000, '1:02:07.0'],
    [-5, '0:00.0'],
  ])('a clock at %d ms shows %s', (ms, text) => {
    expect(formatClock(ms)).toBe(text);
  });
});
