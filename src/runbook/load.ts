import { createHash } from 'node:crypto';
import { InvalidInput } from '../errors/errors.ts';
import { phaseName } from '../record/events.ts';
import type { Runbook } from '../rehearsal/ports.ts';
import type { RunbookDocument } from './document.ts';
import type { RunbookEnvironment } from './environment.ts';
import { followRunbook } from './follow.ts';
import { parseRunbook } from './parse.ts';
import { PLAIN_RUNBOOK } from './plain.ts';
import { findProblems } from './problems.ts';
import { readRunbook } from './read.ts';

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
  return loaded(await readRunbook(path), path, environment);
}

/** The plain order of the phases, for a person whose scenario names no runbook. */
export function loadPlainRunbook(environment: RunbookEnvironment): LoadedRunbook {
  return loaded(parseRunbook('plain order', PLAIN_RUNBOOK), 'plain order', environment);
}

function loaded(document: RunbookDocument, path: string, environment: RunbookEnvironment): LoadedRunbook {
  const errors = findProblems(document, environment).filter(problem => problem.severity === 'error');
  if (errors.length > 0) throw new InvalidInput(errors);
  return {
    document,
    title: document.title,
    path,
    digest: createHash('sha256').update(document.source).digest('hex'),
    owners: document.owners,
    stepCount: document.steps.length,
    outline: document.steps.map(({ id, title, phase, expectedMs }) => ({
      id,
      title,
      ...(phase === undefined ? {} : { phase }),
      ...(expectedMs === undefined ? {} : { expectedMs }),
    })),
    phases: phaseName.options.filter(phase => document.steps.some(step => step.phase === phase)),
    follow: (context, actions, signal) => followRunbook(document, environment, context, actions, signal),
  };
}
