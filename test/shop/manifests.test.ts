import { readdirSync, readFileSync } from 'node:fs';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import type { ConfigMap, Service } from 'kubernetes-types/core/v1.js';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { packageFile } from '../../src/package-file.ts';
import { DEFAULT_CONFIG, parseConfig } from '../../src/shop/config.ts';
import { SERVICES } from '../../src/shop/services.ts';

type Manifest = {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
};

const folder = packageFile('src', 'shop', 'manifests');
const objects = readdirSync(folder)
  .sort()
  .flatMap(file => parseAllDocuments(readFileSync(`${folder}/${file}`, 'utf8')))
  .map(document => {
    expect(document.errors).toEqual([]);
    return document.toJS() as Manifest;
  });
const find = <T>(kind: string, name: string) =>
  objects.find(one => one.kind === kind && one.metadata.name === name) as unknown as T;

test('the namespace comes first and is opted in as staging; everything else is in it', () => {
  expect(objects[0]).toMatchObject({ kind: 'Namespace', metadata: { name: 'shop', labels: { 'rehearse.dev/staging': 'true' } } });
  for (const { metadata } of objects.slice(1)) expect(metadata.namespace, metadata.name).toBe('shop');
});

test.each(SERVICES)('%s: its Service finds its pods, and the first release is the good one', name => {
  const { spec, metadata } = find<Deployment>('Deployment', name);
  const service = find<Service>('Service', name);
  const container = spec?.template.spec?.containers[0];
  expect(spec?.template.metadata?.labels).toMatchObject(service.spec?.selector ?? { none: '' });
  expect(service.spec?.ports?.[0]).toMatchObject({ port: 80, targetPort: container?.ports?.[0]?.name });
  expect(container).toMatchObject({ image: 'rehearse/shop:1.4.0', args: [name], imagePullPolicy: 'IfNotPresent' });
  // Without these there is nothing to roll back to, and no word of a rollout that hangs.
  expect(spec?.revisionHistoryLimit).toBeGreaterThan(1);
  expect(spec?.progressDeadlineSeconds).toBeLessThanOrEqual(30);
  expect(metadata?.annotations?.['kubernetes.io/change-cause']).toBe('release 1.4.0');
});

test('the config that is deployed is the default, so that a changed copy differs in what it changes only', () => {
  const text = find<ConfigMap>('ConfigMap', 'shop-config').data?.['shop.json'] ?? '';
  expect(parseConfig('shop.json', text)).toEqual({ config: DEFAULT_CONFIG, unknown: [] });
});
