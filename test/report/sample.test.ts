import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageFile } from '../../src/package-file.ts';
import { foldEvents } from '../../src/record/fold.ts';
import { readEvents } from '../../src/record/store.ts';
import { renderReport } from '../../src/report/report.ts';

const sample = packageFile('reports', 'sample');
const again = 'the committed sample is out of date: npx tsx scripts/render-sample.ts';

test('the committed sample is what this code makes of its events', () => {
  const record = foldEvents(readEvents(sample));
  const stored = JSON.parse(readFileSync(join(sample, 'run.json'), 'utf8'));
  expect(JSON.parse(JSON.stringify(record)), again).toEqual(stored);
  expect(readFileSync(join(sample, 'report.html'), 'utf8') === renderReport(stored), again).toBe(true);
});

test('the committed sample names nobody’s machine', () => {
  const events = readFileSync(join(sample, 'events.ndjson'), 'utf8');
  expect(events).not.toMatch(/\/(?:root|home|Users|tmp)\//);
});
