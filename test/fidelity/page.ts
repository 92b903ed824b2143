/** docs/fidelity.md, from what a comparison found; and the differences that are known, with their reasons. Pure. */
import type { Change } from './changes.ts';
import type { Difference } from './story.ts';

interface Known {
  /** Which facet differs. */
  facet: RegExp;
  /** Of every change, unless this names some. */
  changes?: string[];
  /** Known only when nothing but such lines differ. */
  only?: RegExp;
  why: string;
}

const KNOWN: Known[] = [
  {
    facet: /^event reasons of /,
    only: /^Warning (Unhealthy|FailedMount)$/,
    why:
      'A readiness probe may or may not come in the moment in which a container starts or stops, and tells of it with a Warning `Unhealthy`; a busy node may ' +
      'say `FailedMount` before it has read a ConfigMap. Both depend on milliseconds and differ from run to run of a real cluster too.',
  },
];

/** Lines that are in one and not in the other. */
const odd = ({ real, sandbox }: Difference): string[] => [
  ...real.filter(line => !sandbox.includes(line)),
  ...sandbox.filter(line => !real.includes(line)),
];

const reasonOf = (change: string, difference: Difference): string | undefined =>
  KNOWN.find(
    ({ facet, changes, only }) =>
      facet.test(difference.facet) &&
      (changes === undefined || changes.includes(change)) &&
      (only === undefined || odd(difference).every(line => only.test(line))),
  )?.why;

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

**${same} of ${cells} are the same.**

| change | ${FACETS.map(([name]) => name).join(' | ')} |
|---|${FACETS.map(() => '---').join('|')}|
${rows.join('\n')}
${numbers.size ? `\n## Differences\n\n${[...numbers].map(([why, number]) => `${number}. ${why}`).join('\n')}\n` : ''}`;
}
