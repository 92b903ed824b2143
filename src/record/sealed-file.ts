/** A file of sealed lines (seal.ts): a header with the key and who writes it, then one sealed line a line. */
import { readFileSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import * as z from 'zod';
import { type LineFile, openLineFile } from './line-file.ts';
import { newKey, open, seal } from './seal.ts';

const header = z.object({ sealed: z.literal(1), key: z.string(), host: z.string(), pid: z.number() });

/** No drill is that long: a process with the writer's id is another one by then. */
const PID_TRUSTED_MS = 24 * 3_600_000;
/** A run writes many times a second; seen from another machine, this long without a line is dead. */
const SILENT_MS = 10 * 60_000;

/** A file that is continued gets another header, so nothing has to be read to go on after a crash. */
export function openSealedFile(path: string): LineFile {
  const file = openLineFile(path);
  const key = newKey();
  file.append(JSON.stringify({ sealed: 1, key, host: hostname(), pid: process.pid }));
  return { ...file, append: (line, durable) => file.append(seal(line, key), durable) };
}

/** The lines in order, without those that were torn. @throws the error of the file system. */
export function readSealedFile(path: string): string[] {
  let key: string | undefined;
  const lines: string[] = [];
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const found = headerOf(line);
    if (found) key = found.key;
    else if (key !== undefined && line !== '') {
      try {
        lines.push(open(line, key));
      } catch {
        // Torn by a crash.
      }
    }
  }
  return lines;
}

/** Is the run that writes it still at work? On this machine its process tells, elsewhere its silence. */
export function isBeingWritten(path: string, here: { host: string; now: Date }): boolean {
  const writer = readFileSync(path, 'utf8')
    .split('\n')
    .map(headerOf)
    .findLast(found => found !== undefined);
  if (!writer) return false;
  const silentMs = here.now.getTime() - statSync(path).mtimeMs;
  if (writer.host !== here.host) return silentMs < SILENT_MS;
  try {
    process.kill(writer.pid, 0);
    return silentMs < PID_TRUSTED_MS;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH' && silentMs < PID_TRUSTED_MS;
  }
}

function headerOf(line: string): z.infer<typeof header> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return header.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
