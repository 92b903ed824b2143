/**
 * Renders the committed sample again: reports/sample/events.ndjson → run.json → report.html.
 * With the folder of a run, that run becomes the sample first: npx tsx scripts/render-sample.ts reports/<run-id>
 */
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { foldEvents } from '../src/record/fold.ts';
import { createRunStore, EVENTS_FILE, REPORT_FILE } from '../src/record/store.ts';
import { renderReport } from '../src/report/report.ts';

const sample = fileURLToPath(new URL('../reports/sample', import.meta.url));
const [run] = process.argv.slice(2);
if (run) {
  mkdirSync(sample, { recursive: true });
  copyFileSync(join(run, EVENTS_FILE), join(sample, EVENTS_FILE));
}
const store = createRunStore(sample);
const record = foldEvents(store.readEvents());
store.writeRecord(record);
process.stdout.write(`${store.writeFile(REPORT_FILE, renderReport(record))}\n`);
