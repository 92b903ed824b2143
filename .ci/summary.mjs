// The closing line of CI, added up from vitest's own JSON results.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [directory, seconds] = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };
for (const file of readdirSync(directory).filter(name => name.endsWith('.json'))) {
  const result = JSON.parse(readFileSync(join(directory, file), 'utf8'));
  total.passed += result.numPassedTests;
  total.failed += result.numFailedTests;
  total.skipped += result.numPendingTests;
}
console.log(`\neverything held, in ${seconds} s`);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
if (total.passed === 0 || total.failed > 0) process.exit(1);
