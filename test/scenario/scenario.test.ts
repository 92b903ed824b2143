import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { InvalidInput, RehearseError } from '../../src/errors/errors.ts';
import { packageFile } from '../../src/package-file.ts';
import { scenarioFiles } from '../../src/scenario/generated-files.ts';
import { listScenarios, loadScenario, parseScenario } from '../../src/scenario/load.ts';
import { durationMs } from '../../src/scenario/schema.ts';
import { SHOP_VERSIONS } from '../../src/shop/versions.ts';

const folder = mkdtempSync(join(tmpdir(), 'rehearse-scenario-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const text = readFileSync(packageFile('scenarios', 'error-rate.yaml'), 'utf8');
/** Mistakes of error-rate.yaml with something replaced, as "line:column message | hint". */
function mistakes(replace: string | RegExp, by: string): string[] {
  const changed = text.replace(replace, by);
  expect(changed).not.toBe(text);
  try {
    parseScenario('error-rate.yaml', changed, packageFile('scenarios'));
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidInput);
    return (error as InvalidInput).diagnostics.map(({ message, hint }) => `${message}${hint === undefined ? '' : ` | ${hint}`}`);
  }
  return [];
}

describe('what fields say together', () => {
  test.each([
    [
      'a detector of a probe that does not exist',
      'probe: buy\n    - kind: conditions',
      'probe: buyy\n    - kind: conditions',
      /^there is no probe "buyy" \| did you mean `buy`/,
    ],
    [
      'a check of a probe that does not exist',
      /probe: buy(?=\n\n {2}runbook)/,
      'probe: by',
      /^there is no probe "by" \| did you mean `buy`/,
    ],
    [
      'two detectors of one name',
      'name: workload-conditions',
      'name: service-level',
      /^a second detector is called "service-level"/,
    ],
    ['a decoy on the target', 'deployment/checkout', 'deployment/payments', /^a decoy on the target/],
    ['a decoy with the bad image', 'shop:1.4.1', 'shop:1.5.0', /^rehearse\/shop:1.5.0 is the bad image/],
    ['a decoy that changes nothing', /\n {6}image: rehearse\/shop:1.4.1/, '', /^this decoy changes nothing/],
    ['never stable', 'stableFor: 5s', 'stableFor: 2m', /^verification: `stableFor` must be shorter than `timeout`/],
    ['never steady', 'holdFor: 2s', 'holdFor: 40s', /^steady state: `holdFor` must be shorter/],
    ['a window that judges nothing', 'interval: 100ms', 'interval: 1s', /^a window of 2000 ms holds fewer than the 10 requests/],
    ['a request storm', 'interval: 100ms', 'interval: 0ms', /^`interval` must be longer than 0/],
    ['a runbook that is not there', 'errors-after-deploy.md', 'errors.md', /^there is no runbook "..\/runbooks\/errors.md"/],
    ['another name than the file', 'name: error-rate', 'name: errors', /^the name is "errors", the file's is "error-rate"/],
    [
      'a fault that changes nothing',
      'kind: image\n    image: rehearse/shop:1.5.0',
      'kind: resources',
      /^this fault changes nothing/,
    ],
    [
      'a Service that is to be brought back by its revisions',
      'kind: image\n    image: rehearse/shop:1.5.0',
      'kind: service\n    targetPort: 9',
      /^a Service keeps no revisions/,
    ],
  ])('%s', (_, replace, by, expected) => {
    const found = mistakes(replace, by);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(expected);
  });

  test('are said together with what is wrong by itself', () => {
    const found = mistakes('deployment/checkout', 'deployment/payments\n      wen: before');
    expect(found).toEqual([expect.stringMatching(/^a decoy on the target/), expect.stringMatching(/^unknown field `wen`/)]);
  });

  test('a probe with service and url is refused although another field is wrong as well', () => {
    const found = mistakes('path: /checkout', 'path: checkout\n      url: http://example.org');
    expect(found).toHaveLength(2);
    expect(found.join('\n')).toMatch(/either a `service` or a `url`[\s\S]*did you mean `\/checkout`/);
  });
});

describe('finding a scenario', () => {
  test('by name and by path', async () => {
    const byName = await loadScenario('error-rate');
    const byPath = await loadScenario(packageFile('scenarios', 'error-rate.yaml'));
    expect(byName).toEqual(byPath);
    expect(byName.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(byName.scenario.spec.limits.total).toBe('5m');
  });

  test.each([
    ['eror-rate', /there is no scenario eror-rate/, /did you mean error-rate/],
    ['nothing-like-it', /there is no scenario/, /scenarios: bad-config, /],
    [join(folder, 'missing.yaml'), /there is no scenario/, /give the path/],
    [folder, /is a folder, not a scenario/, /scenarios:/],
  ])('%s', async (name, message, hint) => {
    const error = await loadScenario(name).catch(thrown => thrown);
    expect(error).toBeInstanceOf(RehearseError);
    expect(error.exitCode).toBe(2);
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(hint);
  });

  test('a binary file is told as such', async () => {
    const path = join(folder, 'binary.yaml');
    writeFileSync(path, Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0xff]));
    await expect(loadScenario(path)).rejects.toThrow(/binary.yaml:1:5: not a text file/);
  });
});

describe('the scenarios that ship', async () => {
  const listed = await listScenarios();

  test('are the ten that the README names', () => {
    expect(listed.map(({ name }) => name)).toEqual([
      'bad-config',
      'bad-dependency',
      'bad-image',
      'crash-loop',
      'error-rate',
      'failing-readiness',
      'latency',
      'memory-leak',
      'missing-secret',
      'unschedulable',
    ]);
  });

  test.each(listed)('$name is complete, and its objectives add up', async ({ scenario, problem }) => {
    expect(problem).toBeUndefined();
    if (!scenario) return;
    const { metadata, spec } = scenario;
    expect(metadata.description).toContain('What it teaches:');
    expect(metadata.hypothesis).toBeTruthy();
    expect(spec.runbook).toBeTruthy();
    expect(spec.decoys.length).toBeGreaterThan(0);
    expect(new Set(spec.detectors.map(({ kind }) => kind))).toEqual(new Set(['probe', 'conditions']));
    const { detection, diagnosis, rollback, verification, total } = spec.objectives;
    const parts = [detection, diagnosis, rollback, verification].map(one => durationMs(one ?? ''));
    expect(parts.reduce((sum, one) => sum + one, 0)).toBeGreaterThanOrEqual(durationMs(total ?? ''));
    expect(Math.max(...parts)).toBeLessThan(durationMs(total ?? ''));
    expect(parts[3]).toBeGreaterThan(durationMs(spec.verification.stableFor));
  });

  test('decoys are good releases, and only bad-image names an image that does not exist', () => {
    for (const { name, scenario } of listed) {
      for (const { image } of scenario?.spec.decoys ?? []) {
        if (image !== undefined) expect(['rehearse/shop:1.4.1', 'rehearse/shop:1.4.2']).toContain(image);
      }
      if (scenario?.spec.fault.kind !== 'image') continue;
      const version = scenario.spec.fault.image?.replace('rehearse/shop:', '') ?? '';
      expect(SHOP_VERSIONS.includes(version), name).toBe(name !== 'bad-image');
    }
  });

  test('tell editors where their schema is', () => {
    for (const { path } of listed)
      expect(readFileSync(path, 'utf8')).toMatch(/^# yaml-language-server: \$schema=\.\/scenario\.schema\.json\n/);
  });
});

describe('what is generated from the schema', () => {
  test.each(scenarioFiles())('$path is up to date', ({ path, text: generated }) => {
    expect(readFileSync(path, 'utf8')).toBe(generated);
  });

  test('every field has a meaning', () => {
    const reference = scenarioFiles()[1]?.text ?? '';
    const rows = reference.split('\n').filter(line => line.startsWith('| `'));
    expect(rows.length).toBeGreaterThan(60);
    expect(rows.filter(row => /^\| `\w+` \| {2}\|/.test(row))).toEqual([]);
  });
});
