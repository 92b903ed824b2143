/** A runbook that fits any workload, to be made the team's own. */
export function draftRunbook(namespace: string): string {
  return `---
title: A deploy is broken
service: ${namespace}
owners: [CHANGE-ME]
vars:
  channel: "#CHANGE-ME"
---

# A deploy is broken

New pods do not start, crash, are never ready or cannot be placed; or users get errors since a deploy.

**Goal:** users served again. Roll back first, explain later.

This is a draft. Replace every CHANGE-ME, and add what only the team knows: who is asked, what must not be rolled back, where the pipeline is stopped.

## Symptoms

| What you see in \`kubectl get pods\` | What it usually is |
|---|---|
| \`ErrImagePull\`, \`ImagePullBackOff\` | the tag does not exist, or the registry refuses |
| \`CrashLoopBackOff\` | the program ends at its start |
| \`CreateContainerConfigError\` | a Secret or ConfigMap is not there |
| \`Running\`, ready \`0/1\` | the readiness probe fails |
| \`Pending\` | no node can hold it |
| all well, and users get errors | the Service in front of the pods leads nowhere |

## Wait for the alert

\`\`\`yaml rehearse
do: await-detection
owner: on-call engineer
expected: 1m
\`\`\`

The clock that counts started with the deploy, not with the alert.

## See which pods are in trouble

\`\`\`yaml rehearse
show: pods
phase: diagnosis
owner: on-call engineer
expected: 30s
optional: true
\`\`\`

\`\`\`sh
kubectl get pods --context {{context}} -n {{namespace}} -o wide --sort-by=.metadata.creationTimestamp
\`\`\`

## See what changed

\`\`\`yaml rehearse
show: changes
phase: diagnosis
owner: on-call engineer
expected: 30s
optional: true
\`\`\`

\`\`\`sh
kubectl get replicasets --context {{context}} -n {{namespace}} --sort-by=.metadata.creationTimestamp
kubectl get services,endpointslices --context {{context}} -n {{namespace}}
\`\`\`

## Name the release at fault

\`\`\`yaml rehearse
do: diagnose
owner: on-call engineer
expected: 1m
timeout: 3m
\`\`\`

Say it in the channel: what was changed, and which revision of it.

## Roll back

\`\`\`yaml rehearse
do: rollback
owner: rollback owner
expected: 1m
timeout: 5m
\`\`\`

A workload goes back to its revision before; a Service gets the manifest from before applied again:

\`\`\`sh
kubectl rollout undo {{suspect}} --context {{context}} -n {{namespace}}
kubectl rollout status {{suspect}} --context {{context}} -n {{namespace}} --timeout=3m
\`\`\`

Hold the pipeline that deployed it, or it puts the bad version back.

## Verify from the users' side

\`\`\`yaml rehearse
do: verify
owner: on-call engineer
expected: 1m
timeout: 5m
\`\`\`

A finished rollout is not a working service: only requests like those of users tell.

## Escalation

- Not rolled back after five minutes: page CHANGE-ME.
- The cluster refuses you (\`Forbidden\`): CHANGE-ME says how to get access, under your name and with a reason.
`;
}
