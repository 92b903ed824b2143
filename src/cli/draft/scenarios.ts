/** Scenarios that know nothing of the app: each is bound to a target of rehearse.yaml when it is run. */

interface Draft {
  name: string;
  title: string;
  description: string;
  fault: string;
  /** It shows only from the users' side. */
  needsProbe?: boolean;
  rollback?: string;
}

const DRAFTS: readonly Draft[] = [
  {
    name: 'image-not-found',
    title: 'A release whose image does not exist',
    description:
      'A mistyped tag, or a pipeline that deployed before it pushed. New pods cannot start; old ones go on as long as the rollout lets them.',
    fault: '# The running image with a tag that does not exist; name one with `image`.\nkind: image',
  },
  {
    name: 'crash-on-start',
    title: 'A release that crashes when it starts',
    description:
      'The program ends at its start: a missing file, a bug, a failed migration. Its pods are started again and again.',
    fault: 'kind: command\ncommand: ["false"]',
  },
  {
    name: 'never-ready',
    title: 'A release whose pods never become ready',
    description:
      'The readiness probe asks where nothing answers. The rollout stands still, and nobody is told unless somebody looks.',
    fault: '# Whatever the app is: its readiness probe asks a port on which nothing listens.\nkind: probe\nprobe: readiness',
  },
  {
    name: 'secret-not-found',
    title: 'A release that needs a Secret which nobody made',
    description: 'The manifest refers to a Secret of another environment. The containers cannot be created.',
    fault: 'kind: missing-secret\nenv: FEATURE_API_KEY\nsecret: feature-api\nkey: key',
  },
  {
    name: 'too-big-for-nodes',
    title: 'A release that no node can hold',
    description: 'A request with a unit too much. The new pods stay pending.',
    fault: 'kind: resources\nrequests:\n  memory: 4000Gi',
  },
  {
    name: 'service-to-nowhere',
    title: 'A Service that leads to a port where nothing listens',
    description:
      'The manifest of the Service was changed with the wrong target port. Every pod is green, and no user gets through.',
    fault: '# The Service that the probe asks; another is named with `service`.\nkind: service\ntargetPort: 9',
    needsProbe: true,
    rollback: 'reapply',
  },
];

/** Files by their names. @param withProbe at least one target is reached by users */
export function draftScenarios(withProbe: boolean): { name: string; text: string }[] {
  return DRAFTS.filter(draft => withProbe || !draft.needsProbe).map(draft => ({ name: draft.name, text: scenarioText(draft) }));
}

const indented = (text: string, by: string) => text.replace(/^/gm, by);

function scenarioText({ name, title, description, fault, rollback = 'rollout-undo' }: Draft): string {
  return `# Run it on a workload of yours: rehearse run ${name} --target NAME (see rehearse.yaml)
apiVersion: rehearse.dev/v1
kind: Scenario
metadata:
  name: ${name}
  title: ${JSON.stringify(title)}
  description: ${JSON.stringify(description)}
  # What the team believes will happen; the report sets it against what did.
  hypothesis: It is noticed within a minute, and rolled back before users feel it.
  tags: [draft]

spec:
  # Service, port and path are those of the target's probe.
  probes:
    - name: users
      interval: 200ms
      timeout: 2s
      slo:
        window: 5s
        errorRate: 5%

  steadyState:
    holdFor: 5s
    timeout: 60s
    checks:
      - kind: rollout-complete
      - kind: no-restarts
      - kind: probe
        probe: users

  fault:
${indented(fault, '    ')}

  detectors:
    - kind: probe
      name: service-level
      probe: users
    - kind: conditions
      name: workload-conditions

  rollback:
    kind: ${rollback}
    timeout: 3m

  verification:
    stableFor: 10s
    timeout: 3m
    checks:
      - kind: rollout-complete
      - kind: no-restarts
      - kind: probe
        probe: users

  runbook: ../runbooks/bad-deploy.md

  # What the team promises; one that takes longer makes the exit code 1.
  objectives:
    detection: 60s
    diagnosis: 60s
    rollback: 2m
    verification: 2m
    total: 5m

  limits:
    detection: 2m
    total: 10m
`;
}
