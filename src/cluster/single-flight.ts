/** One piece of work for all who want it at the same time. */
import { setMaxListeners } from 'node:events';

/**
 * Whoever asks while the work is under way gets its result too. It is called off when everybody who waits has been aborted; one who
 * cannot be aborted keeps it going.
 * @throws the caller's reason when its signal aborts, although the work may go on for others
 */
export function singleFlight<T>(work: (signal: AbortSignal) => Promise<T>): (signal?: AbortSignal) => Promise<T> {
  let current: { result: Promise<T>; waiting: number; over: AbortController } | undefined;

  function start() {
    const over = new AbortController();
    const flight = { result: work(over.signal), waiting: 0, over };
    const done = () => {
      if (current === flight) current = undefined;
    };
    flight.result.then(done, done);
    current = flight;
    return flight;
  }

  return async signal => {
    signal?.throwIfAborted();
    const flight = current ?? start();
    flight.waiting++;
    try {
      return await unlessAborted(flight.result, signal);
    } finally {
      flight.waiting--;
      if (flight.waiting === 0) {
        if (current === flight) current = undefined;
        flight.over.abort(new Error('nobody waits for it any more'));
      }
    }
  };
}

/** What the promise gives, or the signal's reason as soon as it aborts. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  // Whoever left does not hear of a failure that comes later: it must not end the process.
  promise.catch(() => {});
  signal.throwIfAborted();
  // One signal ends a whole run: dozens of requests listen to it.
  setMaxListeners(0, signal);
  let leave = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    leave = () => reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
