/** What the text of a runbook alone shows to be wrong, beyond its form. Pure. */
import leven from 'leven';
import type { Diagnostic } from '../errors/errors.ts';
import { phaseName } from '../record/events.ts';
import type { Action, LocatedCommand, RunbookDocument, Step } from './document.ts';
import type { RunbookEnvironment } from './environment.ts';
import { frontMatterSchema } from './format.ts';
import { orderProblems } from './order.ts';
import { at, inSettings } from './parse.ts';
import { unsafeCommands } from './unsafe.ts';
import { environmentName, mentionedVariables, RUN_VARIABLES } from './variables.ts';

export interface Problem extends Diagnostic {
  /** An error would make a step fail when it is reached; a warning is worth a look. */
  severity: 'error' | 'warning';
}

/** The problems that the text alone shows. */
export function findProblems(document: RunbookDocument, environment: RunbookEnvironment = {}): Problem[] {
  return [
    ...document.tolerated.map(mistake =>
      problem('warning', { ...mistake, message: `left out of the front matter, as if it were not there: ${mistake.message}` }),
    ),
    ...unknownFields(document),
    ...expectedOfNothing(document),
    ...phases(document),
    ...orderProblems(document),
    ...breakGlass(document),
    ...document.steps.flatMap(step => [...shellNeeded(document, step), ...undefinedVariables(document, step, environment)]),
    ...unsafeCommands(document),
  ];
}

export function problem(severity: Problem['severity'], diagnostic: Diagnostic, hint?: string): Problem {
  return { ...diagnostic, severity, hint: hint ?? diagnostic.hint };
}

function unknownFields(document: RunbookDocument): Problem[] {
  const known = Object.keys(frontMatterSchema.shape);
  const lines = document.source.split(/\r?\n/);
  return document.unknownFields.map(field => {
    const line = Math.max(1, lines.findIndex(text => text.startsWith(`${field}:`)) + 1);
    const near = known.find(name => leven(name.toLowerCase(), field.toLowerCase()) <= 2);
    const message = `unknown field \`${field}\` in the front matter`;
    const hint = near ? `did you mean \`${near}\`?` : `rehearse reads: ${known.join(', ')}`;
    return problem('warning', at(document.file, document.source, line, 1, field.length, message), hint);
  });
}

function expectedOfNothing(document: RunbookDocument): Problem[] {
  const ids = document.steps.map(step => step.id);
  const lines = document.source.split(/\r?\n/);
  return Object.keys(document.expected)
    .filter(id => !ids.includes(id))
    .map(id => {
      const line = Math.max(1, lines.findIndex(text => new RegExp(`^\\s+["']?${id}["']?\\s*:`).test(text)) + 1);
      const column = Math.max(0, lines[line - 1]?.indexOf(id) ?? 0) + 1;
      const message = `an expected time for the step \`${id}\`, which is not there`;
      return problem(
        'warning',
        at(document.file, document.source, line, column, id.length, message),
        `the steps are: ${ids.join(', ')}`,
      );
    });
}

function phases(document: RunbookDocument): Problem[] {
  const { file, source, steps } = document;
  if (steps.length === 0) {
    const hint = 'a step is a ## heading with a ```yaml rehearse fence or a ```sh fence under it';
    return [problem('warning', at(file, source, 1, 1, 1, 'no step can be executed'), hint)];
  }
  if (steps.every(step => step.phase === undefined)) {
    const message = 'no step names its phase: a report cannot tell which of them the time went into';
    const hint = 'add a ```yaml rehearse fence with `phase:` to the steps, or use the actions `do: …`, which know theirs';
    return [problem('warning', at(file, source, 1, 1, 1, message), hint)];
  }
  const found: Problem[] = [];
  for (const phase of phaseName.options) {
    if (steps.some(step => step.phase === phase)) continue;
    const message = `no step belongs to the phase ${phase}: its time will not be explained by the runbook`;
    found.push(problem('warning', at(file, source, 1, 1, 1, message), `set \`phase: ${phase}\` on the steps that do it`));
  }
  let latest = 0;
  for (const step of steps) {
    if (step.phase === undefined) continue;
    const order = phaseName.options.indexOf(step.phase);
    if (order < latest) {
      const message = `a step of ${step.phase} comes after one of ${phaseName.options[latest]}`;
      found.push(problem('warning', at(file, source, step.line, 1, step.title.length + 3, message)));
    }
    latest = Math.max(latest, order);
  }
  return found;
}

function breakGlass(document: RunbookDocument): Problem[] {
  if (document.breakGlass) return [];
  return document.steps
    .filter(step => step.breakGlass)
    .map(step => {
      const message = `the step \`${step.id}\` needs break-glass access, and the front matter does not say how to get it`;
      const place = inSettings(document.file, document.source, step, ['breakGlass'], message);
      return problem('warning', place, 'add `breakGlass` with `procedure` and `account` to the front matter');
    });
}

function shellNeeded(document: RunbookDocument, step: Step): Problem[] {
  return linesOf(step.action)
    .filter(line => line.needsShell !== undefined)
    .map(line => {
      const placeholder = line.needsShell?.startsWith('a placeholder');
      const message = placeholder ? `the command has ${line.needsShell}` : `the command needs a shell: it has ${line.needsShell}`;
      const hint = placeholder
        ? 'use a variable such as {{suspect}} or an `ask` step with `as`; or mark the fence `by-hand`: ```sh by-hand'
        : 'set `shell: true` in the ```yaml rehearse fence of the step, or mark the fence `by-hand`: ```sh by-hand';
      return { ...inFence(document, line, line.source.split('\n')[0] ?? ''), severity: 'error', message, hint };
    });
}

function undefinedVariables(document: RunbookDocument, step: Step, environment: RunbookEnvironment): Problem[] {
  const answered = document.steps.flatMap(one => (one.action.kind === 'ask' && one.action.as ? [one.action.as] : []));
  const known = [
    ...Object.keys(RUN_VARIABLES),
    ...Object.keys(document.vars),
    ...Object.keys(environment.variables ?? {}),
    ...answered,
  ];
  // That an assignment needs a shell is told by itself.
  const assigned = new Set([...document.source.matchAll(/^\s*(?:export\s+)?([A-Za-z_]\w*)=/gm)].map(match => match[1]));
  const found: Problem[] = [];
  const tell = (name: string, written: string, place: Diagnostic, severity: Problem['severity']) => {
    const near = known.find(one => leven(one.toLowerCase(), name.toLowerCase()) <= 2);
    const hint = near
      ? `did you mean {{${near}}}?`
      : `defined are: ${known.join(', ')}; define others under \`vars\` in the front matter`;
    const column = place.source.indexOf(written, place.column - 1) + 1 || place.column;
    const message = `the variable ${written} is not defined`;
    found.push({ ...place, column, length: written.length, severity, message, hint });
  };
  for (const line of locatedSources(step.action)) {
    for (const { name, index, length } of mentionedVariables(line.source)) {
      const before = line.source.slice(0, index).split('\n').length - 1;
      const place = at(document.file, document.source, line.fileLine + before, 1, length, '');
      if (!known.includes(name)) tell(name, line.source.slice(index, index + length), place, 'error');
    }
  }
  for (const fence of step.fences) {
    if (!fence.byHand && (step.action.kind === 'run' || step.action.kind === 'assert')) continue;
    for (const { name, index, length } of mentionedVariables(fence.text)) {
      const before = fence.text.slice(0, index).split('\n').length - 1;
      const place = at(document.file, document.source, fence.line + before, 1, length, '');
      // Nobody fills it in for the person who copies the line.
      if (!known.includes(name)) tell(name, fence.text.slice(index, index + length), place, 'warning');
    }
  }
  for (const line of linesOf(step.action)) {
    for (const part of line.words.flat()) {
      if (part.literal) continue;
      for (const [written, braced, bare] of part.text.matchAll(/\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))/g)) {
        const name = (braced ?? bare) as string;
        const defined = known.some(one => environmentName(one) === name) || process.env[name] !== undefined || assigned.has(name);
        if (!defined) tell(name, written, inFence(document, line, written), 'warning');
      }
    }
  }
  for (const [path, text] of textsOf(step.action)) {
    for (const { name, index, length } of mentionedVariables(text)) {
      if (known.includes(name)) continue;
      const place = inSettings(document.file, document.source, step, path, '');
      tell(name, text.slice(index, index + length), place, step.action.kind === 'notify' ? 'error' : 'warning');
    }
  }
  return found;
}

function inFence(document: RunbookDocument, line: { fileLine: number; fileColumn: number }, written: string): Diagnostic {
  const place = at(document.file, document.source, line.fileLine, line.fileColumn, written.length, '');
  const column = place.source.indexOf(written, line.fileColumn - 1) + 1;
  return { ...place, column: column > 0 ? column : line.fileColumn };
}

function linesOf(action: Action): LocatedCommand[] {
  return (action.kind === 'run' || action.kind === 'assert') && !action.commands.shell ? action.commands.lines : [];
}

function locatedSources(action: Action): { source: string; fileLine: number }[] {
  if (action.kind !== 'run' && action.kind !== 'assert') return [];
  return action.commands.shell ? action.commands.scripts : action.commands.lines;
}

function textsOf(action: Action): [(string | number)[], string][] {
  switch (action.kind) {
    case 'ask':
    case 'decide':
      return [[[action.kind, 'text'], action.text]];
    case 'confirm':
      return [[['confirm'], action.text]];
    case 'notify':
      return [[['notify'], `${action.to ?? ''} ${action.text}`]];
    default:
      return [];
  }
}
