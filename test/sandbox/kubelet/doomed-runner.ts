/** A runner that the test kills: starts pods, prints their process ids and its directory as JSON, and stays. */
import { isReady, NAMESPACE, startTestNode } from './node-harness.ts';

const node = await startTestNode();
const container = (script: string) => ({
  name: 'web',
  image: 'busybox:1.36',
  command: ['sh', '-c', `touch /tmp/up; ${script}`],
  readinessProbe: { exec: { command: ['cat', '/tmp/up'] }, periodSeconds: 1 },
});
node.pod('plain', { containers: [container('sleep 1000')] });
node.pod('stubborn', { containers: [container("trap '' TERM INT HUP; while true; do sleep 1; done")] });
// A regular expression that takes for ever blocks the event loop: nothing in the process reacts any more.
node.pod('blocked', { containers: [container(`echo ${'a'.repeat(40)}! | grep '(a+)+$'`)] });
for (const name of ['plain', 'stubborn', 'blocked']) await node.until('pods', name, isReady);
process.stdout.write(
  `${JSON.stringify({ directory: node.directory, pods: node.resources.list('pods', { namespace: NAMESPACE }).length })}\n`,
);
setInterval(() => {}, 1000);
