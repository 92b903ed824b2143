import { describe, expect, test } from 'vitest';
import { Backoff, goDuration } from '../../../src/sandbox/kubelet/backoff.ts';
import { ImageManager } from '../../../src/sandbox/kubelet/image-manager.ts';
import { findImage, parseImage, resolveCommand, SHOP_VERSIONS } from '../../../src/sandbox/kubelet/images.ts';
import type { KubeObject } from '../../../src/sandbox/registry/resources.ts';
import { fakeClock } from './fake-clock.ts';

const pod: KubeObject = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'n', uid: 'u' } };

function manager() {
  const clock = fakeClock();
  const images = new ImageManager(new Backoff(clock));
  const ensure = (image: string, imagePullPolicy?: string) => {
    const events: string[] = [];
    const result = images.ensure(
      pod,
      { name: 'web', image, ...(imagePullPolicy ? { imagePullPolicy } : {}) },
      (type, reason, message) => events.push(`${type} ${reason}: ${message}`),
    );
    return { events, reason: 'reason' in result ? result.reason : 'present', result };
  };
  return { clock, ensure };
}

describe('image names', () => {
  test.each([
    ['busybox', 'docker.io/library/busybox:latest'],
    ['lab/busybox:1', 'docker.io/lab/busybox:1'],
    ['localhost:5000/a/busybox:1.36', 'localhost:5000/a/busybox:1.36'],
    ['docker.io/rehearse/shop:1.4.0', 'docker.io/rehearse/shop:1.4.0'],
  ])('%s means %s', (name, canonical) => {
    expect(parseImage(name)?.canonical).toBe(canonical);
  });
  test.each(['', 'UPPER', 'a b', 'shop:', '/x', 'x:tag:tag'])('%j is none', name => {
    expect(parseImage(name)).toBeUndefined();
  });
  test('the shop exists in its versions and in no other', () => {
    const exists = (name: string) => findImage(parseImage(name) as NonNullable<ReturnType<typeof parseImage>>) !== undefined;
    for (const version of SHOP_VERSIONS) expect(exists(`rehearse/shop:${version}`)).toBe(true);
    expect(exists('registry.example.com/team/rehearse/shop:1.4.0')).toBe(true);
    for (const name of ['rehearse/shop:1.4.9', 'rehearse/shop', 'busybox:nope', 'nginx:9', 'ubuntu:24.04'])
      expect(exists(name)).toBe(false);
  });
});

describe('pulling', () => {
  test('a missing tag fails in the words of a real node, backs off 10 s, then doubles to 5 minutes', async () => {
    const { clock, ensure } = manager();
    const missing =
      'rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/lab/busybox:nope": failed to resolve reference "docker.io/lab/busybox:nope": docker.io/lab/busybox:nope: not found';
    expect(ensure('lab/busybox:nope')).toEqual({
      events: [
        'Normal Pulling: Pulling image "lab/busybox:nope"',
        `Warning Failed: Failed to pull image "lab/busybox:nope": ${missing}`,
      ],
      reason: 'ErrImagePull',
      result: { reason: 'ErrImagePull', message: missing },
    });
    for (const seconds of [10, 20, 40, 80, 160, 300, 300]) {
      await clock.advance(seconds * 1000 - 1);
      const held = ensure('lab/busybox:nope');
      expect(held.events).toEqual(['Normal BackOff: Back-off pulling image "lab/busybox:nope"']);
      expect(held.result).toMatchObject({
        reason: 'ImagePullBackOff',
        message: `Back-off pulling image "lab/busybox:nope": ErrImagePull: ${missing}`,
      });
      await clock.advance(1);
      expect(ensure('lab/busybox:nope').reason).toBe('ErrImagePull');
    }
  });
  test('pull policies are honoured', () => {
    const { ensure } = manager();
    expect(ensure('busybox:1.36').events).toEqual(['Normal Pulled: Container image "busybox:1.36" already present on machine']);
    expect(ensure('busybox').events[0]).toBe('Normal Pulling: Pulling image "busybox"');
    expect(ensure('busybox:1.36', 'Always').events[1]).toMatch(/^Normal Pulled: Successfully pulled image "busybox:1\.36" in /);
    expect(ensure('busybox:nope', 'Never').reason).toBe('ErrImageNeverPull');
    expect(ensure('Not An Image').reason).toBe('InvalidImageName');
  });
});

describe('commands', () => {
  const image = (name: string) =>
    findImage(parseImage(name) as NonNullable<ReturnType<typeof parseImage>>) as NonNullable<ReturnType<typeof findImage>>;
  test('args choose the service of the shop', () => {
    expect(resolveCommand(image('rehearse/shop:1.4.0'), [], ['checkout'])).toEqual({ program: 'shop', args: ['checkout'] });
    expect(resolveCommand(image('rehearse/shop:1.4.0'), ['sh', '-c', 'exit 3'], [])).toEqual({
      program: 'busybox',
      args: ['sh', '-c', 'exit 3'],
    });
  });
  test.each([
    ['foo', 'exec: "foo": executable file not found in $PATH'],
    ['/usr/bin/python3', 'exec: "/usr/bin/python3": stat /usr/bin/python3: no such file or directory'],
    ['../../../../bin/sh', 'exec: "../../../../bin/sh": stat ../../../../bin/sh: no such file or directory'],
    ['constructor', 'exec: "constructor": executable file not found in $PATH'],
  ])('%s is not run', (command, error) => {
    expect(resolveCommand(image('busybox:1.36'), [command], [])).toEqual({ error });
  });
  test('node runs the shop and no code', () => {
    for (const args of [['-e', 'process.exit()'], ['/tmp/x.mjs'], ['--import', 'x', '/app/shop.mjs'], []]) {
      expect(resolveCommand(image('rehearse/shop:1.4.0'), ['node', ...args], [])).toHaveProperty('error');
    }
    expect(resolveCommand(image('busybox:1.36'), ['node', '/app/shop.mjs'], [])).toHaveProperty('error');
  });
});

test('durations read as Go prints them', () => {
  expect([10_000, 80_000, 300_000, 250, 3_600_000].map(goDuration)).toEqual(['10s', '1m20s', '5m0s', '250ms', '1h0m0s']);
});
