/** docs/fidelity.md, from what a comparison found; and the differences that are known, with their reasons. Pure. */
import type { Change } from './changes.ts';
import type { Difference } from './story.ts';

interface Known {
  matches(difference: Difference, change: string): boolean;
  why: string;
}

/** Lines that are in one and not in the other. */
const odd = ({ real, sandbox }: Difference): string[] => [
  ...real.filter(line => !sandbox.includes(line)),
  ...sandbox.filter(line => !real.includes(line)),
];

const KNOWN: Known[] = [
  {
    matches: difference =>
      /^event reasons of /.test(difference.facet) &&
      odd(difference).every(line => /^Warning (Unhealthy|FailedMount)$/.test(line)),
    why:
      'A readiness probe may or may not come in the moment in which a container starts or stops, and tells of it with a Warning `Unhealthy`; a busy node may ' +
      'say `FailedMount` before it has read a ConfigMap. Both depend on milliseconds, and differ between two runs of a real cluster too.',
  },
  {
    matches: ({ varies }) => varies,
    why:
      'A race of the control loops, which a real cluster decides now one way and now the other: two of its recorded runs differ from each other in the same place. ' +
      'Whether a write already counts a pod that another loop has just made, or two ReplicaSets are counted in one write or in two, depends on milliseconds.',
  },
  {
    matches: ({ facet }, change) => change === 'surge-mixed' && facet === 'writes of rs2',
    why:
      'The Deployment scales the new ReplicaSet again while that one still counts its first pods. Which of the two writes comes first is a race: ' +
      'a real cluster makes and deletes pods in tens of milliseconds, the sandbox in less than one.',
  },
  {
    matches: ({ facet }, change) =>
      facet === 'pods, final states' && ['scale-stuck', 'roll-over', 'recreate-bad'].includes(change),
    why: 'A pod whose image cannot be pulled says `ErrImagePull` and `ImagePullBackOff` in turn; which one is seen last depends on when the watching ends.',
  },
];

const reasonOf = (change: string, difference: Difference): string | undefined =>
  KNOWN.find(known => known.matches(difference, change))?.why;

export const isKnown = (change: string, difference: Difference): boolean => reasonOf(change, difference) !== undefined;

const FACETS: [string, RegExp][] = [
  ['writes', /^writes of /],
  ['conditions', /^(Deployment|StatefulSet|DaemonSet|Job) /],
  ['ReplicaSet sizes', /^ReplicaSets$/],
  ['events', /^events of /],
  ['pods', /^(pods|event reasons)/],
  ['final state', /^final state$/],
];

/** A table of every change against every kind of fact, and the known differences in words. */
export function fidelityPage(changes: Change[], found: Map<string, Difference[]>, version: string): string {
  const numbers = new Map<string, number>();
  const cell = (change: Change, facet: RegExp): string => {
    const differences = (found.get(change.id) ?? []).filter(difference => facet.test(difference.facet));
    if (differences.length === 0) return 'same';
    const notes = differences.map(difference => {
      const why = reasonOf(change.id, difference) ?? `not explained: ${difference.facet}`;
      if (!numbers.has(why)) numbers.set(why, numbers.size + 1);
      return `[${numbers.get(why)}]`;
    });
    return `differs ${[...new Set(notes)].join(' ')}`;
  };
  const rows = changes.map(change => `| ${[change.title, ...FACETS.map(([, facet]) => cell(change, facet))].join(' | ')} |`);
  const cells = changes.length * FACETS.length;
  const same = rows.join('').split('| same').length - 1;
  return `# Fidelity of the sandbox

The same ${changes.length} changes, made with kubectl on the sandbox and on Kubernetes ${version}, and watched from outside. This page is generated
(\`REHEARSE_TEST_KUBECONFIG=… npx vitest run test/fidelity\`); without a cluster the test holds the sandbox against the recordings in
\`test/fidelity/recorded\`.

Compared are, in order: every write to a workload as an observer sees it (size, revision, observed generation, counts, condition and reason); and
with their texts the conditions of workloads with reasons and messages, the sizes of all ReplicaSets over time, the Events
of workloads; and, without order, the reasons of pods' Events, how each pod ended, and the final status, revisions and annotations of workloads.
Not compared are times, and the counts of ready and available pods on the way, which depend on how fast containers start.
Where several pods start at once, what follows depends on which are ready first, on both sides: the sandbox has up to three tries to go as a real run went.

**${same} of ${cells} are the same.**

| change | ${FACETS.map(([name]) => name).join(' | ')} |
|---|${FACETS.map(() => '---').join('|')}|
${rows.join('\n')}
${numbers.size ? `\n## Differences\n\n${[...numbers].map(([why, number]) => `${number}. ${why}`).join('\n')}\n` : ''}`;
}
