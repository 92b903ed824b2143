/** Markdown to a runbook, with every mistake at once and where it stands. Pure: no file is read here. */
import { parseDocument } from 'yaml';
import type { ZodType } from 'zod';
import { type Diagnostic, InvalidInput } from '../errors/errors.ts';
import type { PhaseName } from '../record/events.ts';
import { parseYaml } from '../yaml/parse.ts';
import { parseCommandLines } from './command-line.ts';
import type { Action, Commands, LocatedCommand, RunbookDocument, Section, ShellFence, Step } from './document.ts';
import { type FrontMatter, frontMatterSchema, type StepSettings, stepSchema } from './format.ts';
import { cutMarkdown, type Fence, type MarkdownSection } from './markdown.ts';
import { hasPrompt, typedLines } from './session.ts';

/** Fences that show a session: what is typed stands after a prompt, the rest is output. */
const SESSION_LANGUAGES = new Set(['console', 'shell-session', 'shellsession', 'sh-session', 'bash-session', 'terminal']);
const SHELL_LANGUAGES = new Set(['sh', 'bash', 'shell', 'zsh', 'ksh', 'dash', ...SESSION_LANGUAGES]);

/**
 * @param file name for diagnostics
 * @throws InvalidInput with every mistake of the file
 */
export function parseRunbook(file: string, source: string): RunbookDocument {
  const parts = cutMarkdown(source);
  const diagnostics: Diagnostic[] = [];
  const foreign = !parts.sections.some(part => part.fences.some(isSettings));
  const tolerated: Diagnostic[] = [];
  const front =
    attempt(foreign ? tolerated : diagnostics, () => readFrontMatter(file, parts.frontMatter)) ??
    (foreign && parts.frontMatter ? whatFits(parts.frontMatter.text) : undefined);
  const sections: Section[] = [];
  const steps: Step[] = [];
  for (const part of parts.sections.flatMap(inSteps)) {
    const fences = part.fences.filter(isShell).map(shellFence);
    const step = readStep(file, source, part, fences, steps.length + 1, diagnostics);
    sections.push({ title: part.title, line: part.line, markdown: part.markdown, step, fences });
    if (step) steps.push(step);
  }
  giveIds(file, source, steps, diagnostics);
  checkReferences(file, source, steps, diagnostics);
  const expected = front?.expected ?? {};
  for (const step of steps) if (Object.hasOwn(expected, step.id)) step.expectedMs = expected[step.id];
  if (diagnostics.length > 0) throw new InvalidInput(diagnostics.sort((a, b) => a.line - b.line || a.column - b.column));
  const known = new Set(Object.keys(frontMatterSchema.shape));
  return {
    file,
    source,
    title: front?.title ?? parts.title ?? baseName(file),
    service: front?.service,
    owners: front?.owners ?? [],
    lastRehearsed: front?.lastRehearsed,
    breakGlass: front?.breakGlass,
    vars: front?.vars ?? {},
    expected,
    unknownFields: Object.keys(front ?? {}).filter(field => !known.has(field)),
    tolerated,
    introduction: parts.introduction,
    sections,
    steps,
  };
}

function attempt<T>(diagnostics: Diagnostic[], read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    diagnostics.push(...error.diagnostics);
    return undefined;
  }
}

function readFrontMatter(file: string, front: { text: string; line: number } | undefined): FrontMatter | undefined {
  if (!front || isEmptyYaml(front.text)) return undefined;
  return parseYaml({ file, text: front.text, line: front.line }, frontMatterSchema);
}

/** The fields that are as ours are, of a front matter that is not ours. */
function whatFits(text: string): FrontMatter | undefined {
  const document = parseDocument(text);
  const given: unknown = document.errors.length === 0 ? document.toJS() : undefined;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return undefined;
  const shape: Record<string, ZodType> = frontMatterSchema.shape;
  const fits = Object.entries(given).filter(([field, value]) => {
    const schema = Object.hasOwn(shape, field) ? shape[field] : undefined;
    return schema?.safeParse(value).success ?? true;
  });
  return frontMatterSchema.safeParse(Object.fromEntries(fits)).data;
}

/** Comments alone, or nothing: as if it were not there. */
function isEmptyYaml(text: string): boolean {
  return text.split('\n').every(line => /^\s*(#.*)?$/.test(line));
}

/**
 * A heading is a step. Where nobody wrote settings, what stands below deeper headings or numbered items of its own, each with its
 * command, is several: as runbooks for other tools have it.
 */
function inSteps(part: MarkdownSection): MarkdownSection[] {
  if (part.pieces.length === 0 || part.fences.some(isSettings)) return [part];
  const [before, ...pieces] = part.pieces as [MarkdownSection, ...MarkdownSection[]];
  const opening = { ...before, title: part.title, line: part.line };
  const isNothing = opening.markdown === '' && opening.fences.length === 0;
  return [...(isNothing && part.title === '' ? [] : [opening]), ...pieces.flatMap(inSteps)];
}

function readStep(
  file: string,
  source: string,
  section: MarkdownSection,
  fences: ShellFence[],
  number: number,
  diagnostics: Diagnostic[],
): Step | undefined {
  const settingsFences = section.fences.filter(isSettings);
  const [settingsFence, second] = settingsFences;
  if (second) {
    const message = 'a step has one `rehearse` fence; a second one needs a ## heading of its own';
    diagnostics.push(at(file, source, second.line - 1, second.column, 3, message));
  }
  const runnable = fences.filter(fence => !fence.byHand && parseCommandLines(fence.text).length > 0);
  if (!settingsFence && runnable.length === 0) return undefined;

  const settings = attempt(diagnostics, (): StepSettings => {
    if (!settingsFence || isEmptyYaml(settingsFence.text)) return stepSchema.parse({});
    const { text, line, column } = settingsFence;
    return parseYaml({ file, text, line, column }, stepSchema);
  });
  // Its mistakes are told already; the defaults keep the rest of the file being checked.
  const given = settings ?? stepSchema.parse({});
  const action = readAction(given, runnable, settingsFence);
  if (action === undefined) {
    if (settings) {
      const line = settingsFence ? settingsFence.line - 1 : section.line;
      diagnostics.push({
        ...at(file, source, line, settingsFence?.column ?? 1, 3, 'the step does nothing: it has no action and no shell fence'),
        hint: 'name one of: do, show, run, assert, ask, confirm, decide, wait, notify; or add a ```sh fence with the command',
      });
    }
    if (settings) return undefined;
  }
  return {
    id: given.id ?? '',
    title: section.title || `Step ${number}`,
    line: section.line,
    phase: given.phase ?? phaseOf(action),
    owner: given.owner,
    expectedMs: given.expected,
    timeoutMs: given.timeout,
    retries: given.retries,
    retryAfterMs: given.retryAfter,
    optional: given.optional,
    when: given.when,
    expect: given.expect,
    breakGlass: given.breakGlass,
    action: action ?? { kind: 'wait', ms: 0 },
    fences,
    settings: settingsFence && { text: settingsFence.text, line: settingsFence.line, column: settingsFence.column },
    markdown: section.markdown,
  };
}

function isSettings(fence: Fence): boolean {
  return fence.language === 'rehearse' || (['yaml', 'yml'].includes(fence.language) && fence.info[0] === 'rehearse');
}

function isShell(fence: Fence): boolean {
  return SHELL_LANGUAGES.has(fence.language) && !fence.indented;
}

function shellFence(fence: Fence): ShellFence {
  const transcript = SESSION_LANGUAGES.has(fence.language);
  const text = transcript || hasPrompt(fence.text) ? typedLines(fence.text, transcript) : fence.text;
  return { text, line: fence.line, column: fence.column, byHand: isByHand(fence) };
}

/** Ours, and what Runme calls the same: https://docs.runme.dev/configuration/cell-level */
function isByHand(fence: Fence): boolean {
  return fence.info.includes('by-hand') || /\b(excludeFromRunAll|ignore)["']?\s*[:=]\s*["']?true\b/.test(fence.attributes);
}

function phaseOf(action: Action | undefined): PhaseName | undefined {
  switch (action?.kind) {
    case 'await-detection':
      return 'detection';
    case 'diagnose':
      return 'diagnosis';
    case 'rollback':
      return 'rollback';
    case 'verify':
      return 'verification';
    default:
      return undefined;
  }
}

/** Without an action of its own a step runs its shell fences; with one they are what a person would type instead. */
function readAction(settings: StepSettings, fences: ShellFence[], fence: Fence | undefined): Action | undefined {
  const commands = (run: string[] | undefined): Commands | undefined => {
    const texts = run?.map(text => ({ text, line: fence?.line ?? 1, column: fence?.column ?? 1 })) ?? fences;
    if (texts.length === 0) return undefined;
    if (settings.shell) {
      const scripts = texts.map(one => ({ source: one.text, fileLine: one.line, fileColumn: one.column }));
      return { shell: true, scripts };
    }
    const lines = texts.flatMap(one =>
      parseCommandLines(one.text).map(
        (line): LocatedCommand => ({ ...line, fileLine: run ? one.line : one.line + line.line, fileColumn: one.column }),
      ),
    );
    return lines.length === 0 ? undefined : { shell: false, lines };
  };
  if (settings.do !== undefined) return { kind: settings.do };
  if (settings.show !== undefined) return { kind: 'show', what: settings.show };
  if (settings.assert !== undefined) {
    const found = commands(settings.assert.run);
    return found && { kind: 'assert', commands: found, everyMs: settings.assert.every };
  }
  if (settings.ask !== undefined) {
    const { text, kind, choices, min, max, answer, as } = settings.ask;
    return { kind: 'ask', text, answerKind: kind, choices: choices ?? [], min, max, answer, as };
  }
  if (settings.confirm !== undefined) return { kind: 'confirm', text: settings.confirm.text, answer: settings.confirm.answer };
  if (settings.decide !== undefined) {
    const branches = settings.decide.branches.map(({ label, when, go }) => ({ label, when, go }));
    return { kind: 'decide', text: settings.decide.text, branches, answer: settings.decide.answer };
  }
  if (settings.wait !== undefined) return { kind: 'wait', ms: settings.wait };
  if (settings.notify !== undefined) return { kind: 'notify', text: settings.notify.text, to: settings.notify.to };
  const found = commands(settings.run);
  return found && { kind: 'run', commands: found };
}

/** `end` is where branches go to leave the runbook. */
export const END = 'end';

function giveIds(file: string, source: string, steps: Step[], diagnostics: Diagnostic[]): void {
  const taken = new Set<string>([END]);
  for (const step of steps.filter(one => one.id !== '')) {
    if (taken.has(step.id)) {
      const message = step.id === END ? 'the id `end` is kept for the end of the runbook' : `the id \`${step.id}\` is used twice`;
      diagnostics.push(inSettings(file, source, step, ['id'], message));
    }
    taken.add(step.id);
  }
  for (const [index, step] of steps.entries()) {
    if (step.id !== '') continue;
    const base = slug(step.title) || `step-${index + 1}`;
    let id = base;
    for (let count = 2; taken.has(id); count++) id = `${base}-${count}`;
    taken.add(id);
    step.id = id;
  }
}

/** As forges make anchors of headings, without a leading number: "2. Look at the pods!" is `look-at-the-pods`. */
export function slug(title: string): string {
  return title
    .normalize('NFC')
    .toLowerCase()
    .replace(/^\s*(?:(?:step|schritt)\s+)?\d+[.):]?\s+/, '')
    .replace(/[^\p{L}\p{N}\s-]/gu, '')
    .trim()
    .replace(/[\s-]+/g, '-');
}

function checkReferences(file: string, source: string, steps: Step[], diagnostics: Diagnostic[]): void {
  const ids = steps.map(step => step.id);
  for (const [index, step] of steps.entries()) {
    const condition = (id: string | undefined, path: (string | number)[]) => {
      if (id === undefined || ids.includes(id)) return;
      const message = `there is no step \`${id}\``;
      diagnostics.push({ ...inSettings(file, source, step, path, message), hint: `the steps are: ${ids.join(', ')}` });
    };
    condition(step.when?.step, ['when', 'step']);
    if (step.when?.step === step.id) {
      diagnostics.push(inSettings(file, source, step, ['when', 'step'], 'a step cannot wait for its own outcome'));
    }
    if (step.action.kind !== 'decide') continue;
    for (const [number, branch] of step.action.branches.entries()) {
      condition(branch.when?.step, ['decide', 'branches', number, 'when', 'step']);
      if (branch.go === END) continue;
      condition(branch.go, ['decide', 'branches', number, 'go']);
      if (ids[index] === branch.go) {
        const message = 'a branch that goes to its own step would ask for ever';
        diagnostics.push(inSettings(file, source, step, ['decide', 'branches', number, 'go'], message));
      }
    }
  }
}

/** A diagnostic at a value of the step's settings; at the heading when the step has none. */
export function inSettings(file: string, source: string, step: Step, path: (string | number)[], message: string): Diagnostic {
  if (!step.settings) return at(file, source, step.line, 1, 1, message);
  const { text, line, column } = step.settings;
  const node = parseDocument(text).getIn(path, true) as { range?: [number, number, number] } | undefined;
  const [start, end] = node?.range ?? [0, 1];
  const before = text.slice(0, start).split('\n');
  return at(file, source, line + before.length - 1, column + (before.at(-1)?.length ?? 0), end - start, message);
}

/** A diagnostic at a place of the file. */
export function at(file: string, source: string, line: number, column: number, length: number, message: string): Diagnostic {
  return {
    file,
    line,
    column,
    length: Math.max(1, length),
    message,
    hint: undefined,
    source: source.split(/\r?\n/)[line - 1] ?? '',
  };
}

function baseName(file: string): string {
  return (file.split(/[\\/]/).at(-1) ?? file).replace(/\.[^.]+$/, '');
}
