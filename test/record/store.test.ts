import { spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RehearseError } from '../../src/errors/errors.ts';
import { foldEvents } from '../../src/record/fold.ts';
import { createRunStore, readEvents, readRecord, readRuns } from '../../src/record/store.ts';
import { runEvents } from '../fixtures/runs.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rehearse-store-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const write = (directory: string, events = runEvents('met')) => {
  const store = createRunStore(directory);
  for (const event of events) store.append(event);
  store.close();
};

describe('the store of a run', () => {
  test('what was appended is read back, and folds to the same record', () => {
    const directory = join(folder, 'run');
    const events = runEvents('met');
    write(directory, events);
    expect(readEvents(directory)).toEqual(events);
    expect(readRecord(directory)).toEqual(foldEvents(events));
  });

  test('after SIGKILL in the middle of writing, every event is there but at most the end of the last line', async () => {
    const directory = join(folder, 'killed');
    const script = join(folder, 'writer.ts');
    writeFileSync(
      script,
      `import { createRunStore } from ${JSON.stringify(join(process.cwd(), 'src/record/store.ts'))};
       const store = createRunStore(${JSON.stringify(directory)});
       for (let seq = 1; ; seq++) {
         store.append({ seq, at: '2026-11-22T10:00:00.000Z', tMs: seq, type: 'note', text: 'x'.repeat(500) });
         if (seq === 200) process.stdout.write('going');
       }`,
    );
    const writer = spawn(process.execPath, ['--import', 'tsx', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: process.cwd(),
    });
    const exited = new Promise(resolve => writer.once('exit', resolve));
    await new Promise(resolve => writer.stdout.once('data', resolve));
    writer.kill('SIGKILL');
    await exited;
    const events = readEvents(directory);
    expect(events.length).toBeGreaterThanOrEqual(200);
    expect(events.map(event => event.seq)).toEqual(events.map((_, index) => index + 1));
    const lines = readFileSync(join(directory, 'events.ndjson'), 'utf8').split('\n').filter(Boolean).length;
    expect(lines - events.length).toBeLessThanOrEqual(1);
  });

  test('a torn last line is left out, and a run that is continued after it starts on a line of its own', () => {
    const directory = join(folder, 'torn');
    const events = runEvents('met').slice(0, 5);
    write(directory, events);
    appendFileSync(join(directory, 'events.ndjson'), '{"seq":6,"at":"2026-11-22T14:0');
    expect(readEvents(directory)).toEqual(events);
    const later = { seq: 6, at: '2026-11-22T15:00:00.000Z', tMs: 9, type: 'note', text: 'after the crash' } as const;
    write(directory, [later]);
    expect(readEvents(directory)).toEqual([...events, later]);
  });

  test.skipIf(!existsSync('/dev/full'))('a full disk is told as such, with what to do', () => {
    const directory = join(folder, 'full');
    mkdirSync(directory);
    symlinkSync('/dev/full', join(directory, 'events.ndjson'));
    const store = createRunStore(directory);
    const [event] = runEvents('met');
    if (!event) throw new Error('no event');
    expect(() => store.append(event)).toThrow(/events\.ndjson: no space left on the device/);
    try {
      store.append(event);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(RehearseError);
      expect((error as RehearseError).hint).toMatch(/Free some space/);
    }
    store.close();
  });

  test('a folder that cannot be made is told as such', () => {
    writeFileSync(join(folder, 'file'), '');
    const store = createRunStore(join(folder, 'file', 'run'));
    const [event] = runEvents('met');
    if (!event) throw new Error('no event');
    expect(() => store.append(event)).toThrow(/a part of the path is a file/);
  });

  test('files are replaced as a whole and leave nothing beside them', () => {
    const directory = join(folder, 'run');
    const store = createRunStore(directory);
    store.writeRecord(foldEvents(runEvents('met')));
    store.writeRecord(foldEvents(runEvents('refused')));
    expect(store.writeFile('report.html', '<!doctype html>')).toBe(join(directory, 'report.html'));
    expect(readdirSync(directory).sort()).toEqual(['report.html', 'run.json']);
    expect(store.readRecord().verdict.outcome).toBe('refused');
  });

  test('a damaged run.json costs nothing: the events are the truth', () => {
    const directory = join(folder, 'run');
    write(directory);
    writeFileSync(join(directory, 'run.json'), '{"version":1,"runId"');
    expect(readRecord(directory).verdict.outcome).toBe('met');
  });

  test('what a newer version wrote is refused with the place, not misread', () => {
    const directory = join(folder, 'run');
    write(directory, runEvents('met').slice(0, 2));
    appendFileSync(join(directory, 'events.ndjson'), '{"seq":3,"at":"2026-11-22T14:00:00.000Z","tMs":5,"type":"teleported"}\n');
    expect(() => readEvents(directory)).toThrow(/events\.ndjson:3: not an event of version 1/);
    writeFileSync(join(directory, 'run.json'), '{"version":99}');
    expect(() => readRecord(directory)).toThrow(/version 99, this rehearse reads version 2/);
  });

  test('a folder without a run is an error that says what to give', () => {
    expect(() => readRecord(join(folder, 'nothing'))).toThrow(/no such file/);
  });
});

describe('a folder of runs', () => {
  test('lists runs newest first; one that cannot be read is told and hides no other', () => {
    write(join(folder, 'old'), runEvents('met', '2026-11-01T10:00:00.000Z'));
    write(join(folder, 'new'), runEvents('missed-objective', '2026-11-20T10:00:00.000Z'));
    mkdirSync(join(folder, 'notes'));
    write(join(folder, 'broken'), runEvents('met').slice(3, 6));
    const { runs, problems } = readRuns(folder);
    expect(runs.map(run => run.record.startedAt)).toEqual(['2026-11-20T10:00:00.000Z', '2026-11-01T10:00:00.000Z']);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/run\.started/);
    expect(readRuns(join(folder, 'missing'))).toEqual({ runs: [], problems: [] });
  });
});
