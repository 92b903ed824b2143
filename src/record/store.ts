/**
 * The folder of one run, `reports/<run-id>/`: `events.ndjson` is appended to while the run goes on, `run.json` is written at its end.
 * A line is handed to the kernel before `append` returns, so a SIGKILL can cost at most the end of the last line;
 * events that somebody's recovery depends on are also fsynced, against a power loss.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { EXIT, RehearseError } from '../errors/errors.ts';
import { EVENTS_VERSION, type EventBody, eventSchema, type RehearsalEvent } from './events.ts';
import { foldEvents } from './fold.ts';
import { RUN_RECORD_VERSION, type RunRecord } from './run-record.ts';

export const EVENTS_FILE = 'events.ndjson';
const RECORD_FILE = 'run.json';
export const REPORT_FILE = 'report.html';

const MUST_REACH_THE_DISK = new Set<EventBody['type']>(['undo.written', 'fault.injected', 'restore.finished', 'run.finished']);

export interface RunStore {
  readonly directory: string;
  /** One line. @throws RehearseError when it cannot be written, e.g. the disk is full; the next append starts on a line of its own. */
  append(event: RehearsalEvent): void;
  /** Replaces run.json as a whole: a reader sees the old or the new one, never half. */
  writeRecord(record: RunRecord): void;
  /** Any other file of the run, e.g. report.html; replaced as a whole too. Returns its path. */
  writeFile(name: string, content: string): string;
  readEvents(): RehearsalEvent[];
  readRecord(): RunRecord;
  close(): void;
}

/** Creates the folder when it is not there. An events file that is there is continued, also after a torn last line. */
export function createRunStore(directory: string): RunStore {
  let file: number | undefined;
  // Whether the last thing in the file is the beginning of a line.
  let torn = false;

  const open = (): number => {
    if (file !== undefined) return file;
    const path = join(directory, EVENTS_FILE);
    attempt(path, () => {
      mkdirSync(directory, { recursive: true });
      torn = !endsWithNewline(path);
      file = openSync(path, 'a');
    });
    return file as unknown as number;
  };

  const writeFile = (name: string, content: string): string => {
    const path = join(directory, name);
    attempt(path, () => {
      mkdirSync(directory, { recursive: true });
      const temporary = `${path}.${process.pid}.part`;
      const handle = openSync(temporary, 'w');
      try {
        writeAll(handle, Buffer.from(content));
        fsyncSync(handle);
      } finally {
        closeSync(handle);
      }
      renameSync(temporary, path);
    });
    return path;
  };

  return {
    directory,
    append(event) {
      const handle = open();
      attempt(join(directory, EVENTS_FILE), () => {
        const line = Buffer.from(`${torn ? '\n' : ''}${JSON.stringify(event)}\n`);
        torn = true;
        writeAll(handle, line);
        torn = false;
        if (MUST_REACH_THE_DISK.has(event.type)) fsyncSync(handle);
      });
    },
    writeRecord(record) {
      writeFile(RECORD_FILE, `${JSON.stringify(record)}\n`);
    },
    writeFile,
    readEvents: () => readEvents(directory),
    readRecord: () => readRecord(directory),
    close() {
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}

/**
 * The events of a run, in order. A line that is not whole JSON (the process or the disk gave up in the middle of it) is left out.
 * @throws RehearseError when there is no such file, or a whole line is not an event that this version knows.
 */
export function readEvents(directory: string): RehearsalEvent[] {
  const path = join(directory, EVENTS_FILE);
  const events: RehearsalEvent[] = [];
  for (const [index, line] of readText(path).split('\n').entries()) {
    if (line.trim() === '') continue;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      continue;
    }
    const parsed = eventSchema.safeParse(value);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw new RehearseError(
        `${path}:${index + 1}: not an event of version ${EVENTS_VERSION}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
        {
          hint: 'The file was written by a newer version of rehearse, or changed by hand.',
        },
      );
    }
    events.push(parsed.data);
  }
  return events;
}

/**
 * run.json, or, for a run that never got to write it, the fold of its events.
 * @throws RehearseError when there is neither, or its version is not known here.
 */
export function readRecord(directory: string): RunRecord {
  const path = join(directory, RECORD_FILE);
  if (!existsSync(path)) return foldEvents(readEvents(directory));
  let record: RunRecord;
  try {
    record = JSON.parse(readText(path));
  } catch (error) {
    if (error instanceof RehearseError) throw error;
    // Damaged, yet the events are the truth and it can be made again.
    return foldEvents(readEvents(directory));
  }
  // Of an earlier version: the events are the truth, and this version folds them as it needs them.
  if (record.version < RUN_RECORD_VERSION && existsSync(join(directory, EVENTS_FILE))) return foldEvents(readEvents(directory));
  if (record.version !== RUN_RECORD_VERSION) {
    throw new RehearseError(`${path}: version ${String(record.version)}, this rehearse reads version ${RUN_RECORD_VERSION}`, {
      hint: 'Render it with the version of rehearse that wrote it.',
    });
  }
  return record;
}

/**
 * Every run in a reports folder, newest first. A folder that is no run is passed over; one that cannot be read is told in `problems`
 * and does not keep the others from being listed.
 */
export function readRuns(reports: string): { runs: { directory: string; record: RunRecord }[]; problems: string[] } {
  const runs: { directory: string; record: RunRecord }[] = [];
  const problems: string[] = [];
  if (!existsSync(reports)) return { runs, problems };
  for (const entry of readdirSync(reports, { withFileTypes: true })) {
    const directory = join(reports, entry.name);
    if (!entry.isDirectory() || !(existsSync(join(directory, RECORD_FILE)) || existsSync(join(directory, EVENTS_FILE)))) continue;
    try {
      runs.push({ directory, record: readRecord(directory) });
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  runs.sort((a, b) => b.record.startedAt.localeCompare(a.record.startedAt));
  return { runs, problems };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new RehearseError(`cannot read ${path}: ${reason(cause)}`, {
      cause,
      hint: 'Give the folder of a run, such as reports/<run-id>.',
    });
  }
}

function endsWithNewline(path: string): boolean {
  if (!existsSync(path)) return true;
  const { size } = statSync(path);
  if (size === 0) return true;
  const handle = openSync(path, 'r');
  try {
    const last = Buffer.alloc(1);
    readSync(handle, last, 0, 1, size - 1);
    return last[0] === 0x0a;
  } finally {
    closeSync(handle);
  }
}

/** write(2) may take less than it was given. */
function writeAll(handle: number, bytes: Buffer): void {
  let offset = 0;
  while (offset < bytes.length) offset += writeSync(handle, bytes, offset);
}

const WRITE_REASON: Record<string, [string, string]> = {
  ENOSPC: ['no space left on the device', 'Free some space, or choose another folder with --reports.'],
  EDQUOT: ['the disk quota is used up', 'Free some space, or choose another folder with --reports.'],
  EACCES: ['permission denied', 'Choose a folder that you may write to with --reports.'],
  EROFS: ['the file system is read-only', 'Choose a folder that you may write to with --reports.'],
  ENOTDIR: ['a part of the path is a file', 'Choose another folder with --reports.'],
};

function attempt(path: string, write: () => void): void {
  try {
    write();
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    const [what, hint] = WRITE_REASON[code] ?? [reason(cause), 'Check the folder, or choose another one with --reports.'];
    throw new RehearseError(`cannot write ${path}: ${what}`, { exitCode: EXIT.error, cause, hint });
  }
}

function reason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'no such file';
  return error instanceof Error ? error.message : String(error);
}
