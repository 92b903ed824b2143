import { DrillEnded } from '../rehearsal/ending.ts';

export interface Interrupts {
  interrupt: AbortSignal;
  abandon: AbortSignal;
  stop(): void;
}

/**
 * SIGINT, SIGTERM and SIGHUP as two signals: the first ends the drill and restores, the second gives up the restore as well. A hang-up
 * gives up nothing: it comes twice, from the kernel and from the shell, and nobody is there who could have meant it.
 */
export function listenForInterrupts(say: (text: string) => void): Interrupts {
  const interrupt = new AbortController();
  const abandon = new AbortController();
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const onSignal = (name: NodeJS.Signals) => {
    if (!interrupt.signal.aborted) {
      say(`${name}: ending the drill and restoring the target${name === 'SIGHUP' ? '' : '; once more gives up the restore'}`);
      interrupt.abort(new DrillEnded('interrupted', name));
    } else if (name !== 'SIGHUP' && !abandon.signal.aborted) {
      say(`${name}: giving up the restore`);
      abandon.abort(new DrillEnded('interrupted', `the restore was given up by ${name}`));
    }
  };
  for (const name of names) process.on(name, onSignal);
  return {
    interrupt: interrupt.signal,
    abandon: abandon.signal,
    stop() {
      for (const name of names) process.off(name, onSignal);
    },
  };
}
