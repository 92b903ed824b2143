/** A file that is appended to line by line and survives being killed in the middle of one. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export interface LineFile {
  /** In the kernel's hands when it returns, on the disk when `durable`. After an error the next line starts on a line of its own. */
  append(line: string, durable?: boolean): void;
  close(): void;
}

/** Creates file and folder when they are not there; continues a file that is, also after a torn last line. @throws the error of the file system. */
export function openLineFile(path: string): LineFile {
  mkdirSync(dirname(path), { recursive: true });
  // Whether the last thing in the file is the beginning of a line.
  let torn = !endsWithNewline(path);
  const handle = openSync(path, 'a');
  return {
    append(line, durable = false) {
      const bytes = Buffer.from(`${torn ? '\n' : ''}${line}\n`);
      torn = true;
      writeAll(handle, bytes);
      torn = false;
      if (durable) fsyncSync(handle);
    },
    close: () => closeSync(handle),
  };
}

/** write(2) may take less than it was given. */
export function writeAll(handle: number, bytes: Buffer): void {
  let offset = 0;
  while (offset < bytes.length) offset += writeSync(handle, bytes, offset);
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
