import { chmod, copyFile } from 'node:fs/promises';
import { provideSandbox } from '../../cluster/providers/sandbox.ts';
import { systemClock } from '../../rehearsal/clock.ts';

/** Keeps a sandbox running until a signal, with the path of its kubeconfig on stdout. */
export async function sandbox(args: {
  port?: number | undefined;
  kubeconfig?: string | undefined;
  empty: boolean;
}): Promise<void> {
  const end = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => end.abort(new Error(name)));
  const say = (text: string) => process.stderr.write(`${text}\n`);
  const provided = await provideSandbox({
    clock: systemClock,
    signal: end.signal,
    empty: args.empty,
    onProgress: say,
    ...(args.port === undefined ? {} : { port: args.port }),
  });
  try {
    if (args.kubeconfig !== undefined) {
      await copyFile(provided.kubeconfig, args.kubeconfig);
      await chmod(args.kubeconfig, 0o600);
    }
    process.stdout.write(`export KUBECONFIG=${args.kubeconfig ?? provided.kubeconfig}\n`);
    say('It is no cluster for anything else, and everything in it is gone when it ends. Ctrl-C ends it.');
    await untilAborted(end.signal);
  } finally {
    await provided.close();
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    // Nothing else may keep the process alive: the sandbox's own timers do not.
    const alive = setInterval(() => {}, 60_000);
    const done = () => {
      clearInterval(alive);
      resolve();
    };
    if (signal.aborted) done();
    else signal.addEventListener('abort', done, { once: true });
  });
}
