import { existsSync, readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { EXIT, RehearseError } from '../../errors/errors.ts';
import { foldEvents } from '../../record/fold.ts';
import { createRunStore, EVENTS_FILE, REPORT_FILE, readEvents, readRuns, unsealRun } from '../../record/store.ts';
import { renderReport } from '../../report/report.ts';
import { previousRuns } from '../previous-runs.ts';
import { INDEX_HREF, writeIndex } from '../report-index.ts';

/** Renders a run again from its events: also one that died in the middle. */
export async function report(args: { run?: string | undefined; reports: string }): Promise<void> {
  const reports = resolve(args.reports);
  unsealAbandoned(reports);
  const directory = args.run === undefined ? newest(reports) : locate(reports, args.run);
  const store = createRunStore(directory);
  const record = foldEvents(readEvents(directory));
  store.writeRecord(record);
  const previous = previousRuns(reports, record);
  const path = store.writeFile(REPORT_FILE, renderReport(record, { indexHref: INDEX_HREF, previous }));
  const index = writeIndex(reports);
  for (const problem of index.problems) process.stderr.write(`left out of the index: ${problem}\n`);
  process.stdout.write(`${path}\n${index.path}\n`);
}

/** Blind drills that were killed left their events sealed. */
function unsealAbandoned(reports: string): void {
  if (!existsSync(reports)) return;
  for (const entry of readdirSync(reports, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    try {
      unsealRun(join(reports, entry.name));
    } catch (error) {
      process.stderr.write(`left sealed: ${(error as Error).message}\n`);
    }
  }
}

function locate(reports: string, run: string): string {
  const candidates = [join(reports, basename(run)), resolve(run)];
  const running = candidates.find(directory => unsealRun(directory) === 'in-use');
  if (running !== undefined)
    throw new RehearseError(`${basename(running)} is a blind drill that is still running`, {
      exitCode: EXIT.usage,
      hint: 'its report is written when it is over',
    });
  const found = candidates.find(directory => existsSync(join(directory, EVENTS_FILE)));
  if (found) return found;
  throw new RehearseError(`no run ${run} in ${reports}`, {
    exitCode: EXIT.usage,
    hint: 'ids are the names of the folders there; --reports names another folder',
  });
}

function newest(reports: string): string {
  const runs = existsSync(reports) ? readRuns(reports).runs : [];
  const last = runs.sort((left, right) => left.record.startedAt.localeCompare(right.record.startedAt)).at(-1);
  if (last) return last.directory;
  throw new RehearseError(`no run in ${reports}`, { exitCode: EXIT.usage, hint: 'rehearse run makes one' });
}
