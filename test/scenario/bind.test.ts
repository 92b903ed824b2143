import { describe, expect, test } from 'vitest';
import { type BindingTarget, bindScenario } from '../../src/scenario/bind.ts';
import { loadScenario, parseScenario } from '../../src/scenario/load.ts';

const OPEN = `
apiVersion: rehearse.dev/v1
kind: Scenario
metadata: { name: open, title: Open }
spec:
  probes: [{ name: users }]
  steadyState: { checks: [{ kind: rollout-complete }, { kind: probe, probe: users }] }
  fault: FAULT
  detectors: [{ kind: probe, name: level, probe: users }, { kind: conditions }]
  rollback: { kind: reapply }
  verification: { checks: [{ kind: rollout-complete }, { kind: probe, probe: users }] }
`;
const open = (fault = '{ kind: image }') => parseScenario('open.yaml', OPEN.replace('FAULT', fault));
const target = (given: Partial<BindingTarget> = {}): BindingTarget => ({
  namespace: 'web',
  workload: 'statefulset/api',
  probe: { service: 'api', port: 'http', path: '/ok', expectStatus: 204 },
  ...given,
});

describe('a scenario that leaves its target out', () => {
  test('gets workload, namespace, container and probe of the target', () => {
    const given = open();
    const { scenario, workload } = bindScenario(given, target({ container: 'app' }));
    expect(workload).toBe('statefulset/api');
    expect(scenario.spec.target).toMatchObject({ namespace: 'web', workload: 'statefulset/api' });
    expect(scenario.spec.fault).toEqual({ kind: 'image', container: 'app' });
    expect(scenario.spec.probes[0]).toMatchObject({ service: 'api', port: 'http', path: '/ok', expectStatus: 204 });
    expect(given.spec.target.workload).toBeUndefined();
  });

  test('keeps the container that it names', () => {
    const { scenario } = bindScenario(open('{ kind: image, container: sidecar }'), target({ container: 'app' }));
    expect(scenario.spec.fault).toMatchObject({ container: 'sidecar' });
  });

  test('is refused without one, and told how to bind it', () => {
    expect(() => bindScenario(open(), undefined)).toThrow('scenario open names no workload');
  });

  test('does without probes where users cannot reach the target, and says so', () => {
    const { scenario, notes } = bindScenario(open(), target({ probe: undefined }));
    expect(scenario.spec.probes).toEqual([]);
    expect(scenario.spec.detectors.map(({ kind }) => kind)).toEqual(['conditions']);
    expect(scenario.spec.steadyState.checks).toEqual([{ kind: 'rollout-complete' }]);
    expect(scenario.spec.verification.checks).toEqual([{ kind: 'rollout-complete' }]);
    expect(notes.join()).toContain('users');
  });

  test('is refused when nothing would be left to detect it by', () => {
    const only = parseScenario('open.yaml', OPEN.replace('FAULT', '{ kind: image }').replace(', { kind: conditions }', ''));
    expect(() => bindScenario(only, target({ probe: undefined }))).toThrow('no detector without a probe');
  });

  test('changes the Service that users ask, when its fault names none', () => {
    expect(bindScenario(open('{ kind: service, targetPort: 9 }'), target()).scenario.spec.fault).toMatchObject({
      service: 'api',
    });
    expect(() => bindScenario(open('{ kind: service, targetPort: 9 }'), target({ probe: undefined }))).toThrow(
      'names no service',
    );
  });
});

describe('a scenario with a target of its own', () => {
  test('runs as it is without one from rehearse.yaml', async () => {
    const { scenario } = await loadScenario('error-rate');
    const bound = bindScenario(scenario, undefined);
    expect(bound).toEqual({ scenario, workload: 'deployment/payments', notes: [] });
  });

  test('on another app asks that one, and leaves out the decoys of its own', async () => {
    const { scenario } = await loadScenario('bad-image');
    const { scenario: bound, notes } = bindScenario(scenario, target());
    expect(bound.spec.probes).toHaveLength(1);
    expect(bound.spec.probes[0]).toMatchObject({
      name: scenario.spec.probes[0]?.name,
      service: 'api',
      path: '/ok',
      method: 'GET',
    });
    expect(bound.spec.decoys).toEqual([]);
    expect(notes.join()).toContain('decoys left out');
  });

  test('on the same workload elsewhere keeps its probes and decoys', async () => {
    const { scenario } = await loadScenario('error-rate');
    const { scenario: bound } = bindScenario(scenario, target({ namespace: 'shop-eu', workload: 'deployment/payments' }));
    expect(bound.spec.target.namespace).toBe('shop-eu');
    expect(bound.spec.probes).toEqual(scenario.spec.probes);
    expect(bound.spec.decoys).toEqual(scenario.spec.decoys);
  });
});

describe('limits of what a drill may cost', () => {
  const limited = (probes = 'buy, service: shop }, { name: browse, service: shop') =>
    parseScenario(
      'open.yaml',
      OPEN.replace('FAULT', '{ kind: image }')
        .replace('spec:', 'spec:\n  target: { workload: deployment/payments }')
        .replace('name: users', `name: ${probes}`)
        .replaceAll('probe: users', 'probe: buy')
        .concat(
          '  abort: [{ kind: error-budget, probe: browse, requests: 50 }, { kind: service-level, probe: browse, for: 20s }]\n',
        ),
    );

  test('hold for the target as well, by its own probe, and that is said', () => {
    const { scenario, notes } = bindScenario(limited(), target());
    expect(scenario.spec.probes.map(({ name, service }) => [name, service])).toEqual([['buy', 'api']]);
    expect(scenario.spec.abort).toEqual([
      { kind: 'error-budget', probe: 'buy', requests: 50 },
      { kind: 'service-level', probe: 'buy', for: '20s' },
    ]);
    expect(notes).toContain(
      'abort condition more than 50 failed requests of probe browse: the target has no such probe, it is judged by probe buy, which asks service api',
    );
    expect(notes.join()).toContain('service level of probe browse broken for 20s');
  });

  test('are never dropped: where nothing of the target could be judged, the drill is refused', () => {
    expect(() => bindScenario(limited(), target({ probe: undefined }))).toThrow(
      'to be ended by what the target has no probe for: more than 50 failed requests of probe browse; service level',
    );
  });

  test('stay as they are where their probe does', () => {
    const url = limited('buy, service: shop }, { name: browse, url: "https://shop.example"');
    for (const probe of [target().probe, undefined]) {
      const { scenario, notes } = bindScenario(url, target({ probe }));
      expect(scenario.spec.abort.map(condition => condition.probe)).toEqual(['browse', 'browse']);
      expect(notes.join()).not.toContain('abort');
    }
  });
});
