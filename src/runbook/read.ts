import { readFile } from 'node:fs/promises';
import { EXIT, RehearseError } from '../errors/errors.ts';
import type { RunbookDocument } from './document.ts';
import { parseRunbook } from './parse.ts';

/** Larger files are not runbooks. */
const MOST_BYTES = 4 * 1024 * 1024;

/** Reads a runbook for showing or checking. @throws InvalidInput, RehearseError as loadRunbook */
export async function readRunbook(path: string): Promise<RunbookDocument> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : (error as Error).message;
    throw new RehearseError(`Cannot read the runbook ${path}: ${why}`, {
      exitCode: EXIT.usage,
      hint: "Correct the path; a scenario's `runbook` is relative to the scenario's file.",
      cause: error,
    });
  }
  if (bytes.length > MOST_BYTES || bytes.includes(0)) {
    throw new RehearseError(`Not a runbook: ${path} is ${bytes.includes(0) ? 'no text' : 'larger than 4 MiB'}`, {
      exitCode: EXIT.usage,
      hint: 'A runbook is a Markdown file; see docs/runbooks.md.',
    });
  }
  return parseRunbook(path, bytes.toString('utf8'));
}
