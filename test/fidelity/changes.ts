/** What is done to both clusters: each change in a namespace of its own, on a workload that has settled first. */

export interface Change {
  id: string;
  /** As the table calls it. */
  title: string;
  /** What is there before, settled. */
  base: string;
  /** kubectl command lines, one after the other; `@file` stands for `manifest`. */
  commands: string[][];
  /** Commands after the ones above, once the workload is quiet again: the undo. */
  after?: string[][];
  manifest?: string;
  /** How long the change is watched at least, s; the rest of the time is until everything has settled. */
  seconds?: number;
  /** It never completes: only its time counts. What comes after it does, unless that is stuck too. */
  stuck?: 'change' | 'both';
}

interface Options {
  replicas?: number;
  /** progressDeadlineSeconds; long where it is not what is looked at, so that a slow machine does not decide. */
  deadline?: number;
  strategy?: string;
  more?: string;
  grace?: number;
}

const container = `
      - name: web
        image: lab/busybox:1
        command: [httpd, -f, -p, "8080"]
        readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}`;

const web = ({ replicas = 3, deadline = 90, strategy = '', more = '', grace = 1 }: Options = {}): string => `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations: {kubernetes.io/change-cause: first}
spec:
  replicas: ${replicas}
  progressDeadlineSeconds: ${deadline}${strategy ? `\n  strategy: ${strategy}` : ''}${more ? `\n  ${more}` : ''}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: ${grace}
      containers:${container}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
`;

const stateful = (more = ''): string => `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  replicas: 3
  serviceName: web${more ? `\n  ${more}` : ''}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:${container}
`;

const daemon = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:${container}
`;

const job = (command: string, spec: string): string => `
apiVersion: batch/v1
kind: Job
metadata: {name: web}
spec:
  ${spec}
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: lab/busybox:1
        command: [sh, -c, "${command}"]
`;

const replace = (path: string, value: unknown): string[] => [
  'patch',
  'deploy',
  'web',
  '--type',
  'json',
  '-p',
  JSON.stringify([{ op: 'replace', path, value }]),
];
const add = (path: string, value: unknown): string[] => [
  'patch',
  'deploy',
  'web',
  '--type',
  'json',
  '-p',
  JSON.stringify([{ op: 'add', path, value }]),
];
const inContainer = '/spec/template/spec/containers/0';
const rollOut = (value: string): string[] => ['set', 'env', 'deploy/web', `A=${value}`];
const undo = [['rollout', 'undo', 'deploy/web']];

export const CHANGES: Change[] = [
  { id: 'apply', title: 'apply', base: '', commands: [['apply', '-f', '@file']], manifest: web() },
  {
    id: 'bad-image',
    stuck: 'change',
    title: 'bad image, then undo',
    base: web({ deadline: 10 }),
    commands: [['set', 'image', 'deploy/web', 'web=lab/busybox:nope']],
    after: undo,
    seconds: 13,
  },
  {
    id: 'crash-loop',
    stuck: 'change',
    title: 'crash loop, then undo',
    base: web({ deadline: 10 }),
    commands: [replace(`${inContainer}/command`, ['sh', '-c', 'echo boom; exit 3'])],
    after: undo,
    seconds: 13,
  },
  {
    id: 'failing-readiness',
    stuck: 'change',
    title: 'failing readiness, then undo',
    base: web({ deadline: 10 }),
    commands: [replace(`${inContainer}/readinessProbe/tcpSocket/port`, 9)],
    after: undo,
    seconds: 13,
  },
  {
    id: 'missing-secret',
    stuck: 'change',
    title: 'missing Secret, then undo',
    base: web({ deadline: 10 }),
    commands: [add(`${inContainer}/env`, [{ name: 'T', valueFrom: { secretKeyRef: { name: 'absent', key: 't' } } }])],
    after: undo,
    seconds: 13,
  },
  {
    id: 'unschedulable',
    stuck: 'change',
    title: 'more memory than any node has, then undo',
    base: web({ deadline: 10 }),
    commands: [['set', 'resources', 'deploy/web', '--requests=memory=900Gi']],
    after: undo,
    seconds: 13,
  },
  { id: 'good-rollout', title: 'good rollout', base: web(), commands: [rollOut('1')], seconds: 8 },
  {
    id: 'undo-good',
    title: 'good rollout, then undo to revision 1',
    base: web(),
    commands: [['annotate', 'deploy/web', 'kubernetes.io/change-cause=second', '--overwrite'], rollOut('1')],
    after: [['rollout', 'undo', 'deploy/web', '--to-revision=1']],
  },
  { id: 'scale-up', title: 'scale up', base: web(), commands: [['scale', 'deploy/web', '--replicas', '5']] },
  { id: 'scale-down', title: 'scale down', base: web({ replicas: 4 }), commands: [['scale', 'deploy/web', '--replicas', '1']] },
  {
    id: 'scale-zero',
    title: 'scale to zero and back',
    base: web(),
    commands: [['scale', 'deploy/web', '--replicas', '0']],
    after: [['scale', 'deploy/web', '--replicas', '2']],
  },
  {
    id: 'pause',
    stuck: 'change',
    title: 'pause, change, scale, resume',
    base: web(),
    commands: [['rollout', 'pause', 'deploy/web'], rollOut('1'), ['scale', 'deploy/web', '--replicas', '4']],
    after: [['rollout', 'resume', 'deploy/web']],
    seconds: 8,
  },
  { id: 'recreate', title: 'Recreate', base: web({ strategy: '{type: Recreate}' }), commands: [rollOut('1')], seconds: 8 },
  {
    id: 'recreate-bad',
    stuck: 'change',
    title: 'Recreate, bad image, then undo',
    base: web({ strategy: '{type: Recreate}' }),
    commands: [['set', 'image', 'deploy/web', 'web=lab/busybox:nope']],
    after: undo,
    seconds: 8,
  },
  {
    id: 'unavailable-all',
    title: 'maxSurge 0, maxUnavailable 100%',
    base: web({ strategy: '{rollingUpdate: {maxSurge: 0, maxUnavailable: "100%"}}' }),
    commands: [rollOut('1')],
  },
  {
    id: 'unavailable-one',
    title: 'maxSurge 0, maxUnavailable 1',
    base: web({ strategy: '{rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}' }),
    commands: [rollOut('1')],
  },
  {
    id: 'surge-all',
    title: 'maxSurge 100%, maxUnavailable 0',
    base: web({ strategy: '{rollingUpdate: {maxSurge: "100%", maxUnavailable: 0}}' }),
    commands: [rollOut('1')],
  },
  {
    id: 'surge-mixed',
    stuck: 'change',
    title: '4 replicas, maxSurge 50%, maxUnavailable 25%, bad image, then undo',
    base: web({ replicas: 4, strategy: '{rollingUpdate: {maxSurge: "50%", maxUnavailable: "25%"}}' }),
    commands: [['set', 'image', 'deploy/web', 'web=lab/busybox:nope']],
    after: undo,
    seconds: 8,
  },
  {
    id: 'roll-over',
    stuck: 'change',
    title: 'change during a stuck rollout',
    base: web(),
    commands: [['set', 'image', 'deploy/web', 'web=lab/busybox:nope']],
    after: [['set', 'image', 'deploy/web', 'web=lab/busybox:1'], rollOut('2')],
    seconds: 8,
  },
  {
    id: 'scale-stuck',
    stuck: 'both',
    title: 'scale during a stuck rollout',
    base: web({ replicas: 4, strategy: '{rollingUpdate: {maxSurge: 2, maxUnavailable: 0}}' }),
    commands: [['set', 'image', 'deploy/web', 'web=lab/busybox:nope']],
    after: [['scale', 'deploy/web', '--replicas', '8']],
    seconds: 6,
  },
  {
    id: 'history-limit',
    title: 'revisionHistoryLimit 1, two rollouts',
    base: web({ replicas: 1, more: 'revisionHistoryLimit: 1' }),
    commands: [rollOut('1')],
    after: [rollOut('2')],
  },
  {
    id: 'min-ready',
    title: 'minReadySeconds 3',
    base: web({ replicas: 2, more: 'minReadySeconds: 3' }),
    commands: [rollOut('1')],
  },
  {
    id: 'restart',
    title: 'rollout restart',
    base: web({ replicas: 2 }),
    commands: [['rollout', 'restart', 'deploy/web']],
  },
  {
    id: 'delete-pod',
    title: 'a pod deleted by hand',
    base: web({ replicas: 1 }),
    commands: [['delete', 'pod', '-l', 'app=web', '--wait=false']],
    seconds: 5,
  },
  {
    id: 'delete',
    title: 'Deployment deleted',
    base: web({ replicas: 2 }),
    commands: [['delete', 'deploy', 'web', '--wait=false']],
    seconds: 5,
  },
  {
    id: 'statefulset',
    title: 'StatefulSet: apply',
    base: '',
    commands: [['apply', '-f', '@file']],
    manifest: stateful(),
  },
  {
    id: 'statefulset-update',
    title: 'StatefulSet: good update',
    base: stateful(),
    commands: [['set', 'env', 'sts/web', 'A=1']],
  },
  {
    id: 'statefulset-broken',
    stuck: 'change',
    title: 'StatefulSet: bad image, undo, broken pod deleted',
    base: stateful(),
    commands: [['set', 'image', 'sts/web', 'web=lab/busybox:nope']],
    after: [
      ['rollout', 'undo', 'sts/web'],
      ['delete', 'pod', 'web-2', '--wait=false'],
    ],
    seconds: 10,
  },
  {
    id: 'statefulset-partition',
    title: 'StatefulSet: update with partition 2',
    base: stateful('updateStrategy: {rollingUpdate: {partition: 2}}'),
    commands: [['set', 'env', 'sts/web', 'A=1']],
    seconds: 8,
  },
  {
    id: 'statefulset-scale',
    title: 'StatefulSet: scale down',
    base: stateful(),
    commands: [['scale', 'sts/web', '--replicas', '1']],
  },
  {
    id: 'daemonset',
    title: 'DaemonSet: update, then undo',
    base: daemon,
    commands: [['set', 'env', 'ds/web', 'A=1']],
    after: [['rollout', 'undo', 'ds/web']],
  },
  {
    id: 'job-complete',
    title: 'Job: completes',
    base: '',
    commands: [['apply', '-f', '@file']],
    manifest: job('sleep 1', 'completions: 2'),
    seconds: 9,
  },
  {
    id: 'job-fail',
    title: 'Job: fails at its backoffLimit',
    base: '',
    commands: [['apply', '-f', '@file']],
    manifest: job('exit 4', 'backoffLimit: 1'),
    seconds: 19,
  },
];
