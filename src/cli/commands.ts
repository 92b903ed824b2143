/** Every command with its options and examples. Handlers are loaded when called, so that `--help` stays quick. */
import type { CommandModule } from 'yargs';
import { numberOption } from './number-option.ts';

const cluster = {
  kubeconfig: {
    type: 'string',
    describe: 'kubeconfig file (default: KUBECONFIG, then ~/.kube/config); only read with --context',
  },
  context: { type: 'string', describe: 'a staging cluster, by context, instead of the embedded sandbox' },
  namespace: { type: 'string', alias: 'n', describe: "namespace of the target instead of the scenario's" },
  config: { type: 'string', default: 'rehearse.yaml', describe: 'where staging clusters are opted in' },
} as const;
const bound = {
  ...cluster,
  target: { type: 'string', describe: 'a workload of rehearse.yaml to run the scenario on: its cluster, namespace and users' },
} as const;
const reports = { type: 'string', default: 'reports', describe: 'folder of runs and reports' } as const;

const output = { choices: ['text', 'json'] as const, default: 'text' as const, describe: 'for people or for programs' };

/** Keeps the inference of one module's own options, and makes the list one type. */
const command = <T, U>(module: CommandModule<T, U>): CommandModule => module as unknown as CommandModule;

const kindName = { type: 'string', default: 'rehearse', describe: 'name of the kind cluster; its context is kind-NAME' } as const;
const kindKubeconfig = {
  type: 'string',
  describe: 'kubeconfig that its context is in (default: KUBECONFIG, then ~/.kube/config)',
} as const;

const baseImage = {
  type: 'string',
  default: 'node:22-slim',
  describe: 'image with Node.js that our images are built on',
} as const;
const { namespace, ...place } = cluster;
const guardPlace = { ...place, namespace: { ...namespace, describe: "namespace to guard (default: the context's)" } } as const;
const guardImage = {
  type: 'string',
  describe: 'image of rehearse; on a cluster of `cluster up` it is built when left out',
} as const;

const guardCommands: CommandModule[] = [
  command({
    command: 'install',
    describe: 'restore runs that nobody can end any more, from inside the cluster, every minute',
    builder: yargs =>
      yargs
        .options({ ...guardPlace, image: guardImage, 'base-image': baseImage })
        .example('$0 cluster guard install --context staging-eu -n shop --image registry.example/rehearse-guard:1', ''),
    handler: async args => (await import('./commands/cluster-guard.ts')).guardInstall(args),
  }),
  command({
    command: 'uninstall',
    describe: 'take the guard out of a namespace that is opted in',
    builder: yargs => yargs.options(guardPlace),
    handler: async args => (await import('./commands/cluster-guard.ts')).guardUninstall(args),
  }),
  command({
    command: 'status',
    describe: 'does the guard work, and what could it restore? Exit code 3 when it does not work',
    builder: yargs => yargs.options({ ...guardPlace, output }),
    handler: async args => (await import('./commands/cluster-guard.ts')).guardShow(args),
  }),
  command({
    command: 'build',
    describe: 'build its image, for a registry of yours',
    builder: yargs => yargs.options({ image: guardImage, 'base-image': baseImage }),
    handler: async args => (await import('./commands/cluster-guard.ts')).guardBuild(args),
  }),
];

const clusterCommands: CommandModule[] = [
  command({
    command: 'up',
    describe: 'a kind cluster with the demo app, opted in; run again, it completes what is missing',
    builder: yargs =>
      yargs
        .options({
          name: kindName,
          image: { type: 'string', describe: "node image (default: REHEARSE_KIND_IMAGE, then kind's own)" },
          kubernetes: { type: 'string', describe: 'version of Kubernetes, of the node images that kind publishes: 1.34.0' },
          'kind-config': { type: 'string', describe: 'configuration file of kind, for a new cluster' },
          'base-image': baseImage,
          guard: { type: 'boolean', default: true, describe: 'with the guard that restores from inside; --no-guard: without' },
          wait: {
            ...numberOption('wait', { of: 'seconds', least: 1, most: 86_400, example: 180 }),
            default: 180,
            describe: 'seconds to wait for the cluster, and for the demo app',
          },
          reuse: { type: 'boolean', default: false, describe: 'also a cluster of that name that somebody else made' },
          kubeconfig: kindKubeconfig,
          config: cluster.config,
        })
        .example('$0 cluster up', 'then: $0 run error-rate --context kind-rehearse')
        .example('$0 cluster up --kubernetes 1.33.4 --name old', 'another version of Kubernetes beside it')
        .example('$0 cluster up --image my/node:v1.34.4 --base-image my/node-js:1', 'without access to a registry'),
    handler: async args => (await import('./commands/cluster.ts')).clusterUp(args),
  }),
  command({
    command: 'down',
    describe: 'remove a kind cluster that `up` made, and no other',
    builder: yargs =>
      yargs
        .options({ name: kindName, kubeconfig: kindKubeconfig })
        .example('$0 cluster down', 'cluster, context, and nothing else'),
    handler: async args => (await import('./commands/cluster.ts')).clusterDown(args),
  }),
  command({
    command: 'status',
    describe: 'what is there of a kind cluster; exit code 3 when no drill could run on it',
    builder: yargs =>
      yargs
        .options({ name: kindName, config: cluster.config, output })
        .example('$0 cluster status --output json', 'for a program'),
    handler: async args => (await import('./commands/cluster.ts')).clusterStatus(args),
  }),
  command({
    command: 'guard',
    describe: "a dead man's switch in a namespace: restores when a run died and its deadline passed",
    builder: yargs => {
      for (const one of guardCommands) yargs.command(one);
      return yargs
        .demandCommand(1, 'cluster guard: install, uninstall, status or build')
        .example('$0 cluster guard install --context kind-rehearse -n shop', 'also done by `cluster up`');
    },
    handler: () => {},
  }),
];

export const commands: CommandModule[] = [
  command({
    command: 'run [scenarios..]',
    describe: 'run a drill and write its report',
    builder: yargs =>
      yargs
        .positional('scenarios', {
          type: 'string',
          array: true,
          default: [] as string[],
          describe: 'name of a scenario, or path of its file (error-rate when left out); several with --blind, which draws one',
        })
        .options({
          ...bound,
          reports,
          practice: { type: 'boolean', default: false, describe: 'a person follows the runbook, step by step, at this terminal' },
          blind: {
            type: 'boolean',
            default: false,
            describe: 'practice without knowing what was deployed: drawn, sealed, scored',
          },
          seed: {
            // The draw uses 32 bits of it.
            ...numberOption('seed', { of: 'the seed of a draw', least: 0, most: 2 ** 32 - 1, whole: true, example: 271828 }),
            describe: 'repeats the draw of a blind drill',
          },
          as: { type: 'string', describe: 'who practises (default: the name of the user)' },
          role: {
            type: 'string',
            array: true,
            default: [] as string[],
            describe: 'who plays a role of the runbook: ROLE=PERSON; repeatable',
          },
          away: {
            type: 'string',
            array: true,
            default: [] as string[],
            describe: 'a role whose person will not answer; repeatable',
          },
          'break-glass-kubeconfig': { type: 'string', describe: "elevated access for the runbook's steps marked breakGlass" },
          'break-glass-context': { type: 'string', describe: 'its context' },
          json: { type: 'boolean', default: false, describe: 'the result as JSON on stdout, progress on stderr' },
          plain: { type: 'boolean', default: false, describe: 'plain lines even on a terminal (also for screen readers)' },
        })
        .example('$0 run', 'the drill "error-rate" on the embedded sandbox')
        .example('$0 run ./my-scenario.yaml --reports /tmp/reports', 'your own scenario')
        .example('$0 run error-rate --practice', 'follow the runbook yourself')
        .example('$0 run --blind', 'a sealed drill, drawn from all scenarios')
        .example('$0 run error-rate --practice --role "rollback owner=Grace" --away "rollback owner"', 'who acts then?')
        .example('$0 run error-rate --context staging-eu -n shop', 'on a staging cluster opted in by rehearse.yaml')
        .example('$0 run never-ready --target api', 'on a workload of yours that rehearse.yaml names'),
    handler: async args => (await import('./commands/run.ts')).run(args),
  }),
  command({
    command: 'init',
    describe: 'write rehearse.yaml, scenarios and a runbook for the workloads of a namespace',
    builder: yargs =>
      yargs
        .options({
          kubeconfig: { type: 'string', describe: 'kubeconfig file (default: KUBECONFIG, then ~/.kube/config)' },
          context: { type: 'string', describe: "context of a staging cluster (default: the kubeconfig's current one)" },
          namespace: { type: 'string', alias: 'n', describe: "namespace of the app (default: the context's)" },
          directory: { type: 'string', default: '.', describe: 'folder to write to' },
          force: { type: 'boolean', default: false, describe: 'overwrite files that are there' },
        })
        .example('$0 init --context staging-eu -n web', 'reads the namespace, writes files; the cluster is not changed'),
    handler: async args => (await import('./commands/init.ts')).init(args),
  }),
  command({
    command: 'plan [scenario]',
    describe: 'print what a drill would change, watch, undo and need; changes nothing',
    builder: yargs =>
      yargs
        .positional('scenario', { type: 'string', default: 'error-rate', describe: 'name of a scenario, or path of its file' })
        .options({
          ...bound,
          output,
          role: {
            type: 'boolean',
            default: false,
            describe: 'print the Role that grants what the drill needs, and nothing else',
          },
          practice: { type: 'boolean', default: false, describe: 'with what a person who practises needs besides' },
        })
        .example('$0 plan error-rate', 'on the embedded sandbox')
        .example('$0 plan error-rate --context staging-eu -n shop', 'the exact difference, by a dry run of the server')
        .example('$0 plan error-rate -n shop --context staging-eu --role | kubectl apply -f -', 'the minimal Role'),
    handler: async args => (await import('./commands/plan.ts')).plan(args),
  }),
  command({
    command: 'doctor [scenario]',
    describe: 'explain every check that stands between here and a drill; changes nothing',
    builder: yargs =>
      yargs
        .positional('scenario', { type: 'string', describe: 'its target and the permissions that it needs are checked as well' })
        .options({ ...bound, output })
        .example('$0 doctor', 'this machine')
        .example('$0 doctor error-rate --context staging-eu -n shop', 'connection, staging guard, target, permissions')
        .example('$0 doctor --target api --output json', 'for a program: exit code 0 or 3'),
    handler: async args => (await import('./commands/doctor.ts')).doctor(args),
  }),
  command({
    command: 'validate [scenarios..]',
    describe: 'check scenario files and their runbooks; changes nothing',
    builder: yargs =>
      yargs
        .positional('scenarios', {
          type: 'string',
          array: true,
          default: [] as string[],
          describe: 'names or paths; every scenario when left out',
        })
        .example('$0 validate', 'all scenarios in ./scenarios')
        .example('$0 validate my-scenario.yaml', 'one file: every mistake at once, with line and column'),
    handler: async args => (await import('./commands/validate.ts')).validate(args),
  }),
  command({
    command: 'scenarios',
    describe: 'list the scenarios that can be run',
    builder: yargs =>
      yargs
        .options({ json: { type: 'boolean', default: false, describe: 'as JSON' } })
        .example('$0 scenarios', 'names, targets and titles'),
    handler: async args => (await import('./commands/scenarios.ts')).scenarios(args),
  }),
  command({
    command: 'report [run]',
    describe: 'render the report of a run again, and the index of all runs',
    builder: yargs =>
      yargs
        .positional('run', { type: 'string', describe: 'id of a run or path of its folder; the newest when left out' })
        .options({ reports })
        .example('$0 report', 'the newest run')
        .example('$0 report 20261122-190501-latency-k3f9', 'a certain one'),
    handler: async args => (await import('./commands/report.ts')).report(args),
  }),
  command({
    command: 'sandbox <action>',
    describe: 'keep a sandbox running for your own kubectl',
    builder: yargs =>
      yargs
        .positional('action', { choices: ['up'] as const, describe: 'up: start it and stay until Ctrl-C' })
        .options({
          port: {
            ...numberOption('port', { of: 'a port', least: 1, most: 65_535, whole: true, example: 6443 }),
            describe: 'port of the API server on 127.0.0.1 (default: a free one)',
          },
          kubeconfig: { type: 'string', describe: 'write the kubeconfig here as well' },
          empty: { type: 'boolean', default: false, describe: 'without the demo app' },
        })
        .example('$0 sandbox up', 'prints its kubeconfig; then, elsewhere: export KUBECONFIG=…; kubectl get pods -A'),
    handler: async args => (await import('./commands/sandbox.ts')).sandbox(args),
  }),
  command({
    command: 'cluster',
    describe: 'a kind cluster with the demo app, and the guard of any cluster',
    builder: yargs => {
      for (const one of clusterCommands) yargs.command(one);
      return yargs.demandCommand(1, 'cluster: up, down, status or guard');
    },
    handler: () => {},
  }),
  command({
    command: 'runbook <action> [files..]',
    describe: 'check runbooks, or read one',
    builder: yargs =>
      yargs
        .positional('action', {
          choices: ['check', 'show'] as const,
          describe: 'check: everything that a drill would find the hard way; show: one runbook, for reading',
        })
        .positional('files', {
          type: 'string',
          array: true,
          default: [] as string[],
          describe: 'Markdown files; check: runbooks/*.md when left out',
        })
        .options({
          step: { type: 'string', describe: 'show: this step alone, by id or number' },
          plain: { type: 'boolean', default: false, describe: 'show: without colours' },
          output: { choices: ['text', 'json'] as const, default: 'text' as const, describe: 'for people or for programs' },
        })
        .example('$0 runbook check', 'all runbooks; exit code 2 when a step would fail')
        .example('$0 runbook show runbooks/errors-after-deploy.md', 'what each step does, and what a person types')
        .example('$0 runbook show wiki/dns.md --step restart', 'a runbook written for another tool'),
    handler: async args => (await import('./commands/runbook.ts')).runbook(args),
  }),
  command({
    command: 'restore [run]',
    describe: 'put back what an interrupted run left behind',
    builder: yargs =>
      yargs
        .positional('run', { type: 'string', describe: 'id of a run; all that were abandoned when left out' })
        .options({
          ...cluster,
          theirs: {
            choices: ['keep', 'overwrite', 'merge'] as const,
            describe:
              'what becomes of what somebody else changed since; asked on a terminal, otherwise merged where nobody changed the same',
          },
        })
        .options({
          force: { type: 'boolean', default: false, describe: 'also a run that somebody is still at work on; it ends' },
          'dry-run': { type: 'boolean', default: false, describe: 'show what would be put back, and do nothing' },
          expired: {
            type: 'boolean',
            default: false,
            describe: 'only runs whose deadline passed and whose lease nobody renews, as the guard does; JSON lines',
          },
        })
        .example('$0 restore', 'whatever this machine left behind')
        .example('$0 restore --context staging-eu -n shop', "from the cluster's copies, on any machine")
        .example('$0 restore --context staging-eu -n shop --dry-run', 'what that would put back'),
    handler: async args =>
      args.expired
        ? (await import('./commands/restore-expired.ts')).restoreExpired(args)
        : (await import('./commands/restore.ts')).restore(args),
  }),
];
