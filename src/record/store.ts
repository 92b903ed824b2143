/**
 * The folder of one run, `reports/<run-id>/`: `events.ndjson` is appended to while the run goes on, `run.json` is written at its end.
 * A line is handed to the kernel before `append` returns, so a SIGKILL can cost at most the end of the last line;
 * events that somebody's recovery depends on are also fsynced, against a power loss.
 *
 * A blind drill's folder holds `events.sealed` and `log.sealed` instead, and nothing else, until the drill is over.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { EXIT, RehearseError } from '../errors/errors.ts';
import { EVENTS_VERSION, type EventBody, eventSchema, type RehearsalEvent } from './events.ts';
import { foldEvents } from './fold.ts';
import { type LineFile, openLineFile, writeAll } from './line-file.ts';
import { RUN_RECORD_VERSION, type RunRecord } from './run-record.ts';
import { isBeingWritten, openSealedFile, readSealedFile } from './sealed-file.ts';

export const EVENTS_FILE = 'events.ndjson';
const LOG_FILE = 'rehearse.log';
const RECORD_FILE = 'run.json';
export const REPORT_FILE = 'report.html';
/** What each file is called while it is sealed. */
const SEALED_AS = { [EVENTS_FILE]: 'events.sealed', [LOG_FILE]: 'log.sealed' } as const;

const MUST_REACH_THE_DISK = new Set<EventBody['type']>(['undo.written', 'fault.injected', 'restore.finished', 'run.finished']);

export interface RunStore {
  readonly directory: string;
  /** One line. @throws RehearseError when it cannot be written, e.g. the disk is full; the next append starts on a line of its own. */
  append(event: RehearsalEvent): void;
  /** The run's log, for a logger that writes whole lines. @throws RehearseError when it cannot be created. */
  openLog(): { write(lines: string): void };
  /** Replaces run.json as a whole: a reader sees the old or the new one, never half. */
  writeRecord(record: RunRecord): void;
  /** Any other file of the run, e.g. report.html; replaced as a whole too. Returns its path. */
  writeFile(name: string, content: string): string;
  /** The drill is over: what was sealed becomes events.ndjson and rehearse.log, and goes on as them. @throws RehearseError when they cannot be written. */
  unseal(): void;
  readEvents(): RehearsalEvent[];
  readRecord(): RunRecord;
  /** Unseals too: whatever ended the run, its evidence is left to read. */
  close(): void;
}

/**
 * Creates the folder when it is not there. An events file that is there is continued, also after a torn last line.
 * @param options.sealed what is written cannot be read by others until `unseal`; other files of the run cannot be written until then
 */
export function createRunStore(directory: string, options: { sealed?: boolean } = {}): RunStore {
  let sealed = options.sealed === true;
  const files = new Map<keyof typeof SEALED_AS, LineFile>();

  const open = (name: keyof typeof SEALED_AS): LineFile => {
    const known = files.get(name);
    if (known) return known;
    const path = join(directory, sealed ? SEALED_AS[name] : name);
    const file = attempt(path, () => (sealed ? openSealedFile(path) : openLineFile(path)));
    files.set(name, file);
    return file;
  };
  const closeFiles = () => {
    for (const file of files.values()) file.close();
    files.clear();
  };
  const writeFile = (name: string, content: string): string => {
    if (sealed) throw new Error(`${name} would tell what is sealed: unseal the run first`);
    return replaceFile(directory, name, content);
  };
  const unseal = () => {
    if (!sealed) return;
    closeFiles();
    unsealFiles(directory);
    sealed = false;
  };

  return {
    directory,
    append(event) {
      const file = open(EVENTS_FILE);
      attempt(join(directory, EVENTS_FILE), () => file.append(JSON.stringify(event), MUST_REACH_THE_DISK.has(event.type)));
    },
    openLog() {
      open(LOG_FILE);
      return {
        write(lines) {
          try {
            for (const line of lines.split('\n')) if (line !== '') open(LOG_FILE).append(line);
          } catch {
            // A line of the log is not worth the drill, nor the restore: events that cannot be written end it.
          }
        },
      };
    },
    writeRecord(record) {
      writeFile(RECORD_FILE, `${JSON.stringify(record)}\n`);
    },
    writeFile,
    unseal,
    readEvents: () => readEvents(directory),
    readRecord: () => readRecord(directory),
    close() {
      try {
        unseal();
      } catch {
        // It stays sealed, and `rehearse report` opens it when there is room again.
      }
      closeFiles();
    },
  };
}

/**
 * What a blind drill left sealed when it was killed becomes readable; folders without anything sealed are left as they are.
 * @returns `in-use` when the drill is still running: then nothing was opened
 */
export function unsealRun(directory: string): 'open' | 'in-use' {
  const here = { host: hostname(), now: new Date() };
  const sealed = Object.values(SEALED_AS)
    .map(name => join(directory, name))
    .filter(path => existsSync(path));
  if (sealed.some(path => isBeingWritten(path, here))) return 'in-use';
  unsealFiles(directory);
  return 'open';
}

function unsealFiles(directory: string): void {
  for (const [name, sealedName] of Object.entries(SEALED_AS)) {
    const path = join(directory, sealedName);
    if (!existsSync(path)) continue;
    replaceFile(
      directory,
      name,
      attempt(path, () => readSealedFile(path))
        .map(line => `${line}\n`)
        .join(''),
    );
    rmSync(path);
  }
}

/** A reader sees the old or the new file, never half. */
function replaceFile(directory: string, name: string, content: string): string {
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

const WRITE_REASON: Record<string, [string, string]> = {
  ENOSPC: ['no space left on the device', 'Free some space, or choose another folder with --reports.'],
  EDQUOT: ['the disk quota is used up', 'Free some space, or choose another folder with --reports.'],
  EACCES: ['permission denied', 'Choose a folder that you may write to with --reports.'],
  EROFS: ['the file system is read-only', 'Choose a folder that you may write to with --reports.'],
  ENOTDIR: ['a part of the path is a file', 'Choose another folder with --reports.'],
};

function attempt<T>(path: string, write: () => T): T {
  try {
    return write();
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
