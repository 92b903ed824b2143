import { describe, expect, test } from 'vitest';
import { apply, type ManagedFieldsEntry, objectSchema, trackUpdate } from '../../../src/sandbox/registry/managed-fields.ts';
import type { KubeObject } from '../../../src/sandbox/registry/resources.ts';

const nowMs = Date.parse('2026-01-02T03:04:05Z');
const deployment = (spec: Record<string, unknown>, metadata: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', ...metadata },
  spec,
});
const schema = objectSchema(deployment({}));
const applyAs = (manager: string, live: KubeObject | undefined, config: KubeObject, force = false) =>
  apply({ live, config, manager, subresource: undefined, force, nowMs, schema });
const entryOf = (object: KubeObject, manager: string) =>
  (object.metadata.managedFields as ManagedFieldsEntry[]).find(entry => entry.manager === manager);

describe('server-side apply', () => {
  test('two managers own fields of one container, each its own', () => {
    const containers = (fields: object) => ({ template: { spec: { containers: [{ name: 'web', ...fields }] } } });
    const first = applyAs('a', undefined, deployment({ replicas: 2, ...containers({ image: 'x:1' }) }));
    const second = applyAs('b', first, deployment(containers({ env: [{ name: 'E', value: '1' }] })));
    expect(second.spec).toEqual({ replicas: 2, ...containers({ image: 'x:1', env: [{ name: 'E', value: '1' }] }) });
    expect(entryOf(second, 'b')).toMatchObject({
      operation: 'Apply',
      fieldsV1: {
        'f:spec': {
          'f:template': {
            'f:spec': {
              'f:containers': { 'k:{"name":"web"}': { '.': {}, 'f:name': {}, 'f:env': { 'k:{"name":"E"}': { '.': {} } } } },
            },
          },
        },
      },
    });
  });

  test('changing a field of another manager is a conflict that names it, and force takes it over', () => {
    const first = applyAs('a', undefined, deployment({ replicas: 2 }));
    expect(() => applyAs('b', first, deployment({ replicas: 3 }))).toThrow(
      'Apply failed with 1 conflict: conflict with "a": .spec.replicas',
    );
    const forced = applyAs('b', first, deployment({ replicas: 3 }), true);
    expect(forced.spec?.replicas).toBe(3);
    expect(entryOf(forced, 'a')).toBeUndefined();
    expect(entryOf(forced, 'b')).toBeDefined();
  });

  test('a field that its only manager no longer applies goes away; a shared one stays', () => {
    const first = applyAs('a', undefined, deployment({ replicas: 2, paused: true }));
    const shared = applyAs('b', first, deployment({ replicas: 2 }));
    const next = applyAs('a', shared, deployment({}));
    expect(next.spec).toEqual({ replicas: 2 });
  });

  test('a write by a controller takes the field from who applied it', () => {
    const live = applyAs('a', undefined, deployment({ replicas: 2, paused: true }));
    const scaled: KubeObject = structuredClone(live);
    scaled.spec.replicas = 5;
    trackUpdate(scaled, live, 'kubectl', 'scale', nowMs, schema);
    expect(entryOf(scaled, 'a')?.fieldsV1).toEqual({ 'f:spec': { 'f:paused': {} } });
    expect(entryOf(scaled, 'kubectl')).toMatchObject({
      operation: 'Update',
      subresource: 'scale',
      fieldsV1: { 'f:spec': { 'f:replicas': {} } },
    });
    expect(() => applyAs('a', scaled, deployment({ replicas: 2, paused: true }))).toThrow(
      'conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas',
    );
  });

  test('applying the same again changes nothing, not even the time', () => {
    const first = applyAs('a', undefined, deployment({ replicas: 2 }));
    const again = apply({
      live: first,
      config: deployment({ replicas: 2 }),
      manager: 'a',
      subresource: undefined,
      force: false,
      nowMs: nowMs + 60_000,
      schema,
    });
    expect(again.metadata.managedFields).toEqual(first.metadata.managedFields);
  });
});
