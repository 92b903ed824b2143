import { describe, expect, test } from 'vitest';
import { commonGround, drawScenario, drawSeed } from '../../src/scenario/draw.ts';
import { listScenarios } from '../../src/scenario/load.ts';
import type { Scenario } from '../../src/scenario/schema.ts';

const scenarios = (await listScenarios()).flatMap(({ scenario }) => scenario ?? []);
const nameOf = ({ metadata }: Scenario) => metadata.name;
const draw = (seed: number, candidates: readonly Scenario[] = scenarios) => drawScenario(candidates, nameOf, seed);

describe('drawing', () => {
  test('the same seed gives the same drill, in whatever order the folder was read', () => {
    for (let seed = 0; seed < 50; seed++) expect(draw(seed, [...scenarios].reverse())).toEqual(draw(seed));
  });

  test('every scenario comes up, none much more often than another', () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 2000; seed++) {
      const name = nameOf(draw(seed).drawn);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    const fair = 2000 / scenarios.length;
    expect(counts.size).toBe(scenarios.length);
    for (const count of counts.values()) {
      expect(count).toBeGreaterThan(fair * 0.7);
      expect(count).toBeLessThan(fair * 1.3);
    }
  });

  test('the moment does not tell the scenario: the same one comes after different times', () => {
    const waits = Array.from({ length: 500 }, (_, seed) => draw(seed));
    for (const { quietMs } of waits) {
      expect(quietMs).toBeGreaterThanOrEqual(5000);
      expect(quietMs).toBeLessThanOrEqual(30_000);
    }
    const ofOne = waits.filter(({ drawn }) => drawn === scenarios[0]).map(({ quietMs }) => quietMs);
    expect(new Set(ofOne).size).toBe(ofOne.length);
  });

  test('a seed is short enough to be told', () => {
    expect(drawSeed(() => 0)).toBe(0);
    expect(drawSeed(() => 0.999_999_9)).toBeLessThan(1_000_000);
  });
});

describe('what the candidates have in common', () => {
  test('objectives that differ are not shown: the one that is shown would name its scenario', () => {
    const [given] = scenarios;
    if (!given) throw new Error('no scenarios');
    const first = structuredClone(given);
    first.spec.practice.objectives = { diagnosis: '3m', total: '6m' };
    const other = structuredClone(first);
    expect(commonGround([first, other]).objectives).toEqual({ diagnosis: 180_000, total: 360_000 });
    other.spec.practice.objectives = { diagnosis: '3m', total: '9m' };
    const common = commonGround([first, other]);
    expect(common.objectives).toEqual({ diagnosis: 180_000 });
  });

  test('the shop’s scenarios all send the same requests; detectors that only some have are left out', () => {
    const common = commonGround(scenarios);
    expect(common.probes).toEqual(['buy']);
    expect(common.detectors).toEqual(['service-level']);
    expect(common.scenarios).toEqual([...scenarios.map(nameOf)].sort());
  });
});
