/** A control plane without processes: the real registry and control loops, a clock that stands still, and a kubelet that does as it is told. */
import { bootstrap } from '../../../src/sandbox/bootstrap.ts';
import { startControllers } from '../../../src/sandbox/controllers/index.ts';
import { createEventRecorder } from '../../../src/sandbox/registry/event-recorder.ts';
import { createRegistry } from '../../../src/sandbox/registry/registry.ts';
import type { KubeObject, SandboxClock } from '../../../src/sandbox/registry/resources.ts';

class FakeClock implements SandboxClock {
  #now = Date.parse('2026-01-01T00:00:00Z');
  #timers: { at: number; run: () => void }[] = [];
  now(): number {
    return this.#now;
  }
  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter(other => other !== timer);
    };
  }
  /** Runs the next timer due by `end`. @returns whether there was one. */
  step(end: number): boolean {
    const [next] = this.#timers.filter(timer => timer.at <= end).sort((a, b) => a.at - b.at);
    if (!next) {
      this.#now = Math.max(this.#now, end);
      return false;
    }
    this.#timers = this.#timers.filter(timer => timer !== next);
    this.#now = Math.max(this.#now, next.at);
    next.run();
    return true;
  }
}

/** What becomes of a pod once it runs; 'ready' when not told. */
export type Behaviour = (pod: KubeObject) => 'ready' | 'unready' | 'pending' | 'succeed' | 'fail';

export type Cluster = ReturnType<typeof startCluster>;

/** @param behaviour decides for each pod; `nodes` are matched by DaemonSets, all pods go to the first one. */
export function startCluster({ behaviour = (() => 'ready') as Behaviour, nodes = ['node-1'] } = {}) {
  const clock = new FakeClock();
  const resources = createRegistry(clock);
  const logged: string[] = [];
  const recordEvent = createEventRecorder(resources, clock);
  const base = bootstrap(resources, 'the certificate');
  for (const name of nodes) {
    resources.create({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels: { 'kubernetes.io/hostname': name } },
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
    });
  }
  const controllers = startControllers({
    resources,
    clock,
    recordEvent,
    log: (message, details) => logged.push(`${message} ${JSON.stringify(details ?? {})}`),
  });
  let address = 1;
  let turn: NodeJS.Immediate | undefined;
  const awaiting = new Set<string>();
  const stopKubelet = resources.watch('pods', ({ type, object }) => {
    if (type === 'DELETED') return;
    awaiting.add(`${object.metadata.namespace}/${object.metadata.name}`);
    turn ??= setImmediate(kubelet);
  });

  /** One step a turn for each pod that changed: bound, running, then what its behaviour says; a deleted one goes at once. */
  function kubelet(): void {
    turn = undefined;
    const keys = [...awaiting];
    awaiting.clear();
    for (const key of keys) {
      const [namespace = '', name = ''] = key.split('/');
      const pod = resources.get('pods', namespace, name);
      if (!pod) continue;
      if (pod.metadata.deletionTimestamp) {
        resources.delete('pods', namespace, name, { gracePeriodSeconds: 0 });
        continue;
      }
      if (!pod.spec.nodeName) {
        const wanted =
          pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms?.[0]
            ?.matchFields?.[0]?.values?.[0];
        if (behaviour(pod) !== 'pending')
          resources.modify('pods', namespace, name, draft => {
            draft.spec.nodeName = wanted ?? nodes[0];
          });
        continue;
      }
      advance(pod, behaviour(pod));
    }
  }

  function advance(pod: KubeObject, to: ReturnType<Behaviour>): void {
    const { namespace, name } = pod.metadata;
    if (to === 'pending' || pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded') return;
    const phase = to === 'succeed' ? 'Succeeded' : to === 'fail' ? 'Failed' : 'Running';
    const ready = to === 'ready' ? 'True' : 'False';
    const current = pod.status?.conditions?.find((condition: { type: string }) => condition.type === 'Ready');
    if (pod.status?.phase === phase && current?.status === ready) return;
    const time = `${new Date(clock.now()).toISOString().slice(0, 19)}Z`;
    resources.modify(
      'pods',
      namespace,
      name,
      draft => {
        const podIP = draft.status?.podIP ?? `127.96.0.${address++}`;
        draft.status = {
          ...draft.status,
          phase,
          podIP,
          podIPs: [{ ip: podIP }],
          conditions: [{ type: 'Ready', status: ready, lastTransitionTime: time }],
          containerStatuses: [],
        };
      },
      { subresource: 'status' },
    );
  }

  async function settle(): Promise<void> {
    let version = -1;
    for (let idle = 0; idle < 8; ) {
      await new Promise(resolve => setImmediate(resolve));
      // Retries of a few milliseconds belong to the same story.
      if (clock.step(clock.now() + 5)) idle = 0;
      if (resources.version() === version) idle++;
      else idle = 0;
      version = resources.version();
    }
  }

  return {
    clock,
    resources,
    logged,
    settle,
    recordEvent,
    /** Lets time pass, everything that is due in it happening in order. */
    async pass(ms: number): Promise<void> {
      const end = clock.now() + ms;
      await settle();
      while (clock.now() < end) {
        clock.step(end);
        await settle();
      }
    },
    /** Looks at every pod again, after the behaviour changed. */
    nudge(): void {
      for (const pod of resources.list('pods')) awaiting.add(`${pod.metadata.namespace}/${pod.metadata.name}`);
      turn ??= setImmediate(kubelet);
    },
    async stop(): Promise<void> {
      stopKubelet();
      if (turn) clearImmediate(turn);
      await controllers.stop();
      base.stop();
    },
    events(about: string): string[] {
      return resources
        .list('events')
        .filter(event => `${event.involvedObject.kind.toLowerCase()}/${event.involvedObject.name}` === about)
        .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
        .map(event => `${event.type} ${event.reason}: ${event.message}`);
    },
  };
}

export function deployment(overrides: Record<string, unknown> = {}, image = 'lab/busybox:1'): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 3,
      progressDeadlineSeconds: 10,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image }] } },
      ...overrides,
    },
  };
}

/** Follows what an observer of one kind sees: the changes of chosen facts, object by object. */
export function follow(cluster: Cluster, resource: string, facts: (object: KubeObject) => Record<string, unknown>): string[] {
  const lines: string[] = [];
  const last = new Map<string, Record<string, unknown>>();
  cluster.resources.watch(resource, ({ type, object }) => {
    const id = object.metadata.uid ?? '';
    if (type === 'DELETED') {
      lines.push('deleted');
      return;
    }
    const now = facts(object);
    const before = last.get(id) ?? {};
    last.set(id, now);
    const changes = Object.keys({ ...before, ...now })
      .filter(key => JSON.stringify(before[key]) !== JSON.stringify(now[key]))
      .map(key => `${key}=${now[key] ?? 'none'}`);
    if (changes.length) lines.push(changes.join(' '));
  });
  return lines;
}
