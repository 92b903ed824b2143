import { defineConfig } from 'vitest/config';

const json = process.env.VITEST_JSON;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Minutes long, and about time: run by themselves (npm run test:fidelity, test:played, test:cluster).
    exclude: process.env.REHEARSE_TEST_ALL ? [] : ['test/fidelity/**', 'test/played/**', 'test/real-cluster/**'],
    // Drills and pods are real processes on real clocks: two at a time is what 2 cores bear.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Undo journals of tests must not be taken for those of the person who runs them.
    env: { REHEARSE_STATE_DIR: '.rehearse/test-state' },
    reporters: json ? ['default', ['json', { outputFile: json }]] : ['default'],
  },
});
