/**
 * Ends a network request that takes too long; returns what calls that off.
 * Sockets live on real time whatever clock a rehearsal runs on: with a test's clock every request would time out at once.
 * After a stall of this process timers run before sockets are read, so an answer that is there already is let in first.
 */
export function deadline(ms: number, expire: () => void): () => void {
  let pending: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    pending = setImmediate(expire);
  }, ms);
  return () => {
    clearTimeout(timer);
    clearImmediate(pending);
  };
}
