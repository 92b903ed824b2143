import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { EXIT, InvalidInput, RehearseError } from '../errors/errors.ts';
import { phaseName } from '../record/events.ts';
import type { Runbook } from '../rehearsal/ports.ts';
import { followAutomatically } from './automatic.ts';
import { findProblems } from './check.ts';
import type { RunbookDocument } from './document.ts';
import type { RunbookEnvironment } from './environment.ts';
import { parseRunbook } from './parse.ts';

export interface LoadedRunbook extends Runbook {
  readonly document: RunbookDocument;
}

/**
 * Reads a runbook for following.
 *
 * @param environment what its commands and questions are told of the run
 * @throws InvalidInput with every mistake that would make a step fail; RehearseError when the file cannot be read
 */
export async function loadRunbook(path: string, environment: RunbookEnvironment = {}): Promise<LoadedRunbook> {
  const document = await readRunbook(path);
  const errors = findProblems(document, environment).filter(problem => problem.severity === 'error');
  if (errors.length > 0) throw new InvalidInput(errors);
  return {
    document,
    title: document.title,
    path,
    digest: createHash('sha256').update(document.source).digest('hex'),
    owners: document.owners,
    stepCount: document.steps.length,
    phases: phaseName.options.filter(phase => document.steps.some(step => step.phase === phase)),
    follow: (context, actions, signal) => followAutomatically(document, environment, context, actions, signal),
  };
}

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
