/**
 * The scenario format, `rehearse.dev/v1`. This schema is the one source: validation, the types inside, the JSON Schema for
 * editors and the reference in docs/ come from it. Every field's `describe` is what a reader of those sees.
 */
import * as z from 'zod';

const DURATION = /^(\d+(\.\d+)?)(ms|s|m|h)$/;
const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** Milliseconds of "250ms", "1.5s", "2m". */
export function durationMs(text: string): number {
  const match = DURATION.exec(text);
  if (!match) throw new Error(`not a duration: ${text}`);
  return Number(match[1]) * UNIT_MS[match[3] as keyof typeof UNIT_MS];
}

const duration = z
  .string()
  .regex(DURATION, 'a duration such as 500ms, 10s, 1.5m')
  .meta({ examples: ['500ms', '10s', '2m'] });
const name = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'lower-case letters, digits and dashes')
  .max(63);
const percentage = z
  .string()
  .regex(/^(100|\d{1,2})(\.\d+)?%$/, 'a percentage such as 5%')
  .meta({ examples: ['1%', '5%'] });
const workload = z
  .string()
  .regex(
    /^(deployment|statefulset|daemonset)\/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/,
    'KIND/NAME, KIND one of deployment, statefulset, daemonset',
  )
  .meta({ examples: ['deployment/payments'] });

const probe = z
  .strictObject({
    name: name.describe('How detectors and checks refer to it.'),
    service: name
      .describe(
        'Service in the target namespace that gets the requests, through the API server. Without it and `url`: the one of `--target`.',
      )
      .optional(),
    port: z
      .union([z.number().int().min(1).max(65535), name])
      .describe('Port of the service, by number or name.')
      .default(80),
    url: z.url().describe('A full URL instead of a service, for what is reached from outside.').optional(),
    path: z.string().startsWith('/').describe('Path and query of the request.').default('/'),
    method: z.enum(['GET', 'POST']).describe('HTTP method.').default('GET'),
    body: z.string().describe('Body of a POST, sent as JSON.').optional(),
    interval: duration.describe('Distance between two requests; they do not wait for each other.').default('100ms'),
    timeout: duration.describe('A request without an answer by then has failed.').default('2s'),
    expectStatus: z.number().int().min(100).max(599).describe('Any other status is a failure.').default(200),
    slo: z
      .strictObject({
        window: duration.describe('Sliding window that is judged.').default('2s'),
        errorRate: percentage.describe('Highest share of failed requests in the window.').default('5%'),
        latencyP95: duration.describe('Highest 95th percentile of latency in the window.').optional(),
        minRequests: z.number().int().min(1).describe('Fewer requests than this in the window judge nothing.').default(10),
      })
      .describe('The service level that users are promised.')
      .prefault({}),
  })
  .refine(value => value.service === undefined || value.url === undefined, {
    message: 'a probe has either a `service` or a `url`',
    path: ['service'],
    // Also when other fields of the probe are wrong: all mistakes show at once.
    when: ({ value }) => typeof value === 'object' && value !== null,
  });

const check = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z
      .literal('rollout-complete')
      .describe("The target's rollout is complete: as kubectl rollout status judges it, and every pod is ready."),
  }),
  z.strictObject({
    kind: z.literal('probe').describe("A probe's service level holds."),
    probe: name.describe('Name of the probe.'),
  }),
  z.strictObject({
    kind: z.literal('no-restarts').describe("No container of the target's current pods restarts or waits with an error."),
  }),
]);

const containerName = z.string().describe('Container in the pod template; the first when left out.').optional();
const environment = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]*$/, 'letters, digits, underscores, dots and dashes'),
  z.string(),
);
// Kubernetes' own notation; signed and exponent forms are left out, nobody writes them in a resource.
const quantities = z.record(
  z.string(),
  z
    .string()
    .regex(/^\d+(\.\d+)?(m|[kMGTPE]|[KMGTPE]i)?$/, 'a quantity such as 500m, 128Mi, 2')
    .meta({ examples: ['500m', '128Mi'] }),
);

const fault = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('image').describe('Deploys another image: a bad version, or one that does not exist.'),
    container: containerName,
    image: z
      .string()
      .min(1)
      .describe('The image to deploy. When left out: the one that runs, with a tag that does not exist.')
      .meta({ examples: ['rehearse/shop:1.5.0'] })
      .optional(),
  }),
  z.strictObject({
    kind: z.literal('env').describe('Deploys with environment variables set (a value) or removed (null).'),
    container: containerName,
    env: z.record(z.string(), z.string().nullable()).describe('Variables by name: a value sets one, null removes it.'),
  }),
  z.strictObject({
    kind: z.literal('command').describe('Deploys with another command or arguments.'),
    container: containerName,
    command: z.array(z.string()).min(1).describe('The entry point, word by word.').optional(),
    args: z.array(z.string()).describe('Arguments of the entry point.').optional(),
  }),
  z.strictObject({
    kind: z
      .literal('probe')
      .describe(
        'Deploys with a readiness or liveness probe that asks the wrong path or port; with neither given, one that fails with any app.',
      ),
    container: containerName,
    probe: z.enum(['readiness', 'liveness', 'startup']).describe('Which of the probes.').default('readiness'),
    path: z.string().startsWith('/').describe('The path that it asks.').optional(),
    port: z.number().int().min(1).max(65535).describe('The port that it asks.').optional(),
  }),
  z.strictObject({
    kind: z.literal('config').describe('Deploys with a changed copy of a ConfigMap that the workload uses; the original stays.'),
    configMap: name.describe('The ConfigMap in use now.'),
    data: z.record(z.string(), z.string().nullable()).describe('Keys to set (a value) or remove (null) in the copy.'),
  }),
  z.strictObject({
    kind: z.literal('missing-secret').describe('Deploys with an environment variable taken from a Secret that does not exist.'),
    container: containerName,
    env: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'letters, digits and underscores')
      .describe('Name of the variable.'),
    secret: name.describe('A Secret that does not exist.'),
    key: z.string().min(1).describe('Key in that Secret.'),
  }),
  z.strictObject({
    kind: z.literal('resources').describe('Deploys with requests that no node can hold, or a limit that is too small.'),
    container: containerName,
    requests: quantities.describe('Requests to set, by resource.').optional(),
    limits: quantities.describe('Limits to set, by resource.').optional(),
  }),
  z.strictObject({
    kind: z
      .literal('service')
      .describe('Changes the Service in front of the workload: a selector that matches no pod, or a port where nothing listens.'),
    service: name.describe('The Service; when left out, the one that the first probe asks.').optional(),
    selector: z
      .record(z.string().min(1), z.string().nullable())
      .describe('Labels of its selector: a value sets one, null removes it.')
      .optional(),
    port: z
      .union([z.number().int().min(1).max(65535), name])
      .describe('Which of its ports, by number or name; the first when left out.')
      .optional(),
    targetPort: z
      .union([z.number().int().min(1).max(65535), name])
      .describe('Port of the pods that it leads to.')
      .optional(),
  }),
]);

const decoy = z.strictObject({
  workload: workload.describe('A workload other than the target.'),
  when: z.enum(['before', 'after']).describe('Before or after the bad deploy.').default('before'),
  by: duration.describe('How far from the bad deploy.').default('2s'),
  image: z.string().describe('A harmless image to deploy.').optional(),
  env: environment.describe('Harmless environment variables to set.').optional(),
});

const detector = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('probe').describe("Tells when a probe's service level is broken: what users feel."),
    name: name.describe('How the report calls it.').optional(),
    probe: name.describe('Name of the probe.'),
  }),
  z.strictObject({
    kind: z
      .literal('conditions')
      .describe(
        'Tells what Kubernetes shows of the workloads, by watch: waiting reasons, restarts, OOM kills, pods that stay unready or unscheduled, a missed progress deadline.',
      ),
    name: name.describe('How the report calls it.').optional(),
    workloads: z.array(workload).describe('Only these; every workload of the namespace when left out.').optional(),
    unreadyFor: duration.describe('A new pod that is not ready by then is a signal.').default('10s'),
  }),
]);

const objectives = z.strictObject({
  detection: duration.describe('From the bad deploy to the first signal.').optional(),
  diagnosis: duration.describe('From the signal to the correct answer.').optional(),
  rollback: duration.describe('From the answer to the known-good state.').optional(),
  verification: duration.describe('From there to restored.').optional(),
  total: duration.describe('From the bad deploy to restored.').optional(),
});

const abort = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('error-budget').describe('The drill may cost users so many failed requests and no more.'),
    probe: name.describe('Whose requests are counted, from the bad deploy on.'),
    requests: z.number().int().min(0).describe('How many may fail.'),
  }),
  z.strictObject({
    kind: z
      .literal('service-level')
      .describe("A probe's service level must not be broken this long: that of another service, say."),
    probe: name.describe('Name of the probe.'),
    for: duration.describe('Broken without a break for this long.').default('5s'),
  }),
]);

export const scenarioSchema = z.strictObject({
  apiVersion: z.literal('rehearse.dev/v1').describe('Version of this format.'),
  kind: z.literal('Scenario').describe('What the file is.'),
  metadata: z
    .strictObject({
      name: name.describe("The scenario's name; that of its file without .yaml."),
      title: z.string().min(1).max(120).describe('One line for lists and the top of the report.'),
      description: z.string().default('').describe('What goes wrong and what it teaches, in Markdown.'),
      hypothesis: z.string().optional().describe('What the team believes will happen; the report sets it against what did.'),
      tags: z.array(z.string()).default([]).describe('Words to find it by.'),
    })
    .describe('What the scenario is called and why it exists.'),
  spec: z
    .strictObject({
      target: z
        .strictObject({
          namespace: name.default('shop').describe('Namespace of the target; --namespace overrides it.'),
          workload: workload
            .describe('What gets the bad deploy. A scenario without one is bound to a target of rehearse.yaml: `--target NAME`.')
            .optional(),
          tolerate: z
            .array(z.enum(['gitops', 'owner', 'autoscaler', 'disruption-budget']))
            .describe('What the scenario is about: a target is not refused for being under its control.')
            .default([]),
        })
        .describe('Where the bad deploy goes.')
        .prefault({}),
      probes: z.array(probe).min(1).describe('Requests like those of users, sent from before the bad deploy until the end.'),
      steadyState: z
        .strictObject({
          holdFor: duration.describe('The checks must hold this long before anything is injected.').default('2s'),
          timeout: duration.describe('Give up, without injecting, when they did not hold by then.').default('30s'),
          checks: z.array(check).min(1).describe('What must hold.'),
        })
        .describe('What healthy means. Checked before, and again after the restore.'),
      fault: fault.describe('The deliberately bad deploy.'),
      decoys: z
        .array(decoy)
        .default([])
        .describe('Unrelated deploys close to the bad one, so that diagnosis has something to tell apart.'),
      detectors: z.array(detector).min(1).describe('All watch side by side to the end; the first signal after t0 is t1.'),
      diagnosis: z
        .strictObject({
          settle: duration.describe('How long evidence is collected after detection before the first answer.').default('1s'),
          timeout: duration.describe('No correct answer by then: the drill goes on without one.').default('60s'),
        })
        .describe('How the change that caused it is found.')
        .prefault({}),
      rollback: z
        .discriminatedUnion('kind', [
          z.strictObject({
            kind: z.literal('rollout-undo').describe('Back to the previous revision, as kubectl rollout undo does it.'),
            timeout: duration.describe('The rollback has failed when it is not done by then.').default('90s'),
          }),
          z.strictObject({
            kind: z
              .literal('reapply')
              .describe(
                'Back to the manifest before the deploy, as kubectl apply of it does: for what keeps no revisions, a Service.',
              ),
            timeout: duration.describe('The rollback has failed when it is not done by then.').default('90s'),
          }),
        ])
        .describe('The way back.'),
      verification: z
        .strictObject({
          stableFor: duration.describe('Every check must hold without a break this long.').default('5s'),
          timeout: duration.describe('The drill has failed when they did not hold by then.').default('90s'),
          checks: z.array(check).min(1).describe('What must hold.'),
        })
        .describe('What restored means.'),
      runbook: z.string().describe('Path of the runbook, from this file.').optional(),
      answers: z
        .record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String))
        .describe(
          "Answers to the runbook's questions when nobody is at the keyboard, by step id: text, yes or no, a branch's label.",
        )
        .default({}),
      objectives: objectives.default({}).describe('How long each phase may take. One that takes longer makes the exit code 1.'),
      practice: z
        .strictObject({
          objectives: objectives.describe('Objectives for people; those of the drill when left out.').optional(),
          limit: duration.describe('The whole drill; after this it is ended and the target restored.').default('45m'),
          hints: z
            .array(z.string().min(1))
            .describe('Hints on demand, the least telling first; general ones come after them.')
            .default([]),
        })
        .describe('What is different when a person follows the runbook (--practice).')
        .prefault({}),
      abort: z
        .array(abort)
        .default([])
        .describe('Ends the drill at once, and restores; as a halt switch in the cluster and SIGTERM do.'),
      limits: z
        .strictObject({
          detection: duration.describe('Never detected by then: the drill ends, the target is restored.').default('90s'),
          total: duration.describe('The whole drill; after this it is ended and the target restored.').default('5m'),
        })
        .describe('When a drill is given up.')
        .prefault({}),
    })
    .describe('What happens in the drill.'),
});

export type Scenario = z.infer<typeof scenarioSchema>;
export type ScenarioSpec = Scenario['spec'];
export type ProbeSpec = ScenarioSpec['probes'][number];
export type CheckSpec = z.infer<typeof check>;
export type FaultSpec = z.infer<typeof fault>;
export type DecoySpec = z.infer<typeof decoy>;
export type DetectorSpec = z.infer<typeof detector>;
export type RollbackSpec = ScenarioSpec['rollback'];
