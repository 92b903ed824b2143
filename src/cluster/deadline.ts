/**
 * Ends a network request that takes too long; returns what calls that off.
 * Sockets live on real time whatever clock a rehearsal runs on: with a test's clock every request would time out at once.
 */
export function deadline(ms: number, expire: () => void): () => void {
  const timer = setTimeout(expire, ms);
  return () => clearTimeout(timer);
}
