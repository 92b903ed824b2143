/** registry.k8s.io/pause: waits for a signal. */
setInterval(() => {}, 1 << 30);
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    console.error(`Shutting down, got signal: ${signal === 'SIGTERM' ? 'Terminated' : 'Interrupt'}`);
    process.exit(0);
  });
}
