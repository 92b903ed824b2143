/** A runbook for reading: what each step is, whose it is, what it does, and its text. Pure; how text is drawn is given. */
import leven from 'leven';
import { EXIT, RehearseError } from '../errors/errors.ts';
import { formatDuration } from '../record/duration.ts';
import { harmlessLine, harmlessText } from '../record/harmless-text.ts';
import type { Action, RunbookDocument, Step } from './document.ts';
import type { Condition, Expectation } from './format.ts';
import { END } from './parse.ts';

/** The screen, as the reporters' Style has it, and what makes lines of Markdown and of long text. */
export interface Drawing {
  /** Cells of a line. */
  width: number;
  style: {
    marks: { separator: string; arrow: string };
    paint(text: string, ...colours: ('bold' | 'dim' | 'cyan' | 'yellow')[]): string;
    /** Text in characters that the screen has. */
    plain(text: string): string;
  };
  markdown(markdown: string, width: number, hides: (language: string, info: string) => boolean): string[];
  wrap(text: string, width: number): string[];
}

const INDENT = 4;

/**
 * @param id of one step, to show that alone
 * @throws RehearseError when there is no such step
 */
export function showRunbook(document: RunbookDocument, drawing: Drawing, id?: string): string[] {
  if (id !== undefined) return stepLines(document, stepNamed(document, id), drawing);
  const { style } = drawing;
  const lines = [style.paint(style.plain(harmlessLine(document.title)), 'bold'), ...headLines(document, drawing)];
  if (document.introduction !== '') lines.push('', ...prose(document.introduction, 0, drawing));
  for (const section of document.sections) {
    if (!section.step && section.markdown === '' && section.title === document.title) continue;
    lines.push('');
    if (section.step) lines.push(...stepLines(document, section.step, drawing));
    else {
      // What stands before the first heading is named as the document, which stands at the top already.
      if (section.title !== '' && section.title !== document.title)
        lines.push(
          ...drawing.wrap(style.plain(harmlessLine(section.title)), drawing.width).map(line => style.paint(line, 'bold')),
        );
      lines.push(...prose(section.markdown, 0, drawing));
    }
  }
  return lines;
}

function stepNamed(document: RunbookDocument, id: string): Step {
  const found = document.steps.find(step => step.id === id) ?? document.steps[/^\d+$/.test(id) ? Number(id) - 1 : -1];
  if (found) return found;
  const ids = document.steps.map(step => step.id);
  const near = ids.find(one => leven(one, id) <= 2);
  const hint = near
    ? `did you mean ${near}?`
    : ids.length === 0
      ? 'Nothing in this file can be executed.'
      : `the steps are: ${ids.join(', ')}; a number does as well`;
  throw new RehearseError(`${document.file} has no step ${id}`, { exitCode: EXIT.usage, hint });
}

function headLines(document: RunbookDocument, drawing: Drawing): string[] {
  const { steps, breakGlass } = document;
  const expected = steps.reduce((sum, step) => sum + (step.expectedMs ?? 0), 0);
  const facts = [
    document.service,
    document.owners.length > 0 ? `owned by ${document.owners.join(', ')}` : undefined,
    document.lastRehearsed === undefined ? undefined : `last rehearsed ${document.lastRehearsed}`,
    `${steps.length === 1 ? '1 step' : `${steps.length} steps`}${expected > 0 ? `, expected to take ${formatDuration(expected)}` : ''}`,
  ];
  const lines = [joined(facts, drawing)];
  if (breakGlass) {
    const limits = [
      breakGlass.account === undefined ? undefined : `account ${breakGlass.account}`,
      breakGlass.approvers === undefined ? undefined : `approved by ${breakGlass.approvers.join(' or ')}`,
      breakGlass.expires === undefined ? undefined : `for at most ${formatDuration(breakGlass.expires)}`,
    ].filter(one => one !== undefined);
    lines.push(`Break-glass: ${breakGlass.procedure.trim()}${limits.length > 0 ? ` (${limits.join(', ')})` : ''}`);
  }
  return lines.flatMap(line => dim(line, drawing, 0));
}

function stepLines(document: RunbookDocument, step: Step, drawing: Drawing): string[] {
  const { style, width } = drawing;
  const number = String(document.steps.indexOf(step) + 1).padStart(INDENT - 2);
  const title = drawing.wrap(style.plain(harmlessLine(step.title)), width - INDENT);
  const facts = [
    step.phase,
    step.owner,
    step.expectedMs === undefined ? undefined : `expected ${formatDuration(step.expectedMs)}`,
    step.timeoutMs === undefined ? undefined : `at most ${formatDuration(step.timeoutMs)}`,
    step.retries === 0
      ? undefined
      : `tried again ${step.retries === 1 ? 'once' : `${step.retries} times`}, ${formatDuration(step.retryAfterMs)} apart`,
    step.optional ? 'optional' : undefined,
    step.breakGlass ? 'with break-glass access' : undefined,
    `#${step.id}`,
  ];
  const does = [
    ...(step.when ? [`Only when ${conditionText(step.when)}.`] : []),
    ...actionText(document, step, style.marks.arrow),
    ...(step.expect ? [`Good when ${expectationText(step.expect)}.`] : []),
  ];
  const [head = '', ...more] = title;
  const text = prose(step.markdown, INDENT, drawing);
  return [
    `${style.paint(number, 'bold')}  ${style.paint(head, 'bold')}`,
    ...more.map(line => ' '.repeat(INDENT) + style.paint(line, 'bold')),
    ...dim(joined(facts, drawing), drawing, INDENT),
    ...does.flatMap(line => indented(drawing.wrap(style.plain(harmlessText(line)), width - INDENT), INDENT)),
    ...(text.length > 0 ? ['', ...text] : []),
  ];
}

/** What the step does, one sentence a line; branches are lines of their own. */
export function actionText(document: RunbookDocument, step: Step, arrow: string): string[] {
  const { action } = step;
  const typed = step.fences.length > 0 ? ['A person types what is below instead.'] : [];
  switch (action.kind) {
    case 'await-detection':
      return ['Waits for the first signal (t1).', ...typed];
    case 'diagnose':
      return ['Asks the diagnosis for the workload at fault (t2).', ...typed];
    case 'rollback':
      return ["Rolls the suspect back by the scenario's mechanism (t3).", ...typed];
    case 'verify':
      return ['Waits until every check of the scenario holds (t4).', ...typed];
    case 'show':
      return [`Shows ${action.what === 'service-level' ? 'the service level' : action.what}.`, ...typed];
    case 'run':
      return [`Runs ${commandsText(step, action.commands)}.`];
    case 'assert':
      return [`Repeats ${commandsText(step, action.commands)} every ${formatDuration(action.everyMs)} until it is good.`];
    case 'ask':
      return [`Asks: “${action.text}”${askText(action)}`, ...automatically(action.answer), ...typed];
    case 'confirm':
      return [
        `Asks to confirm: “${action.text}”`,
        ...automatically(action.answer === undefined ? undefined : action.answer ? 'yes' : 'no'),
        ...typed,
      ];
    case 'decide':
      return [
        `Decides: “${action.text}”`,
        ...action.branches.map(branch => {
          const when = branch.when ? `, when ${conditionText(branch.when)}` : '';
          return `  ${branch.label} ${arrow} ${goText(document, branch.go)}${when}`;
        }),
        ...automatically(action.answer),
        ...typed,
      ];
    case 'wait':
      return [`Pauses for ${formatDuration(action.ms)}.`, ...typed];
    case 'notify':
      return [`Tells ${action.to ?? 'others'}: “${action.text}”`, ...typed];
  }
}

function commandsText(step: Step, commands: Extract<Action, { kind: 'run' }>['commands']): string {
  const sources = (commands.shell ? commands.scripts : commands.lines).map(one => one.source);
  const [first] = commands.shell ? commands.scripts : commands.lines;
  const inSettings = step.settings !== undefined && first?.fileLine === step.settings.line;
  const shell = commands.shell ? ', in a shell' : '';
  if (inSettings) return `\`${sources.join('`, then `')}\`${shell}`;
  return sources.length > 1 ? `the ${sources.length} commands below${shell}` : `the command below${shell}`;
}

function askText(action: Extract<Action, { kind: 'ask' }>): string {
  const { choices, min, max, as } = action;
  const range =
    action.answerKind === 'number' ? ((min ?? max) === undefined ? 'a number' : `${min ?? '…'} to ${max ?? '…'}`) : undefined;
  const parts = [choices.length > 0 ? choices.join(', ') : range, as === undefined ? undefined : `kept as {{${as}}}`];
  const given = parts.filter(part => part !== undefined);
  return given.length > 0 ? ` (${given.join('; ')})` : '';
}

function automatically(answer: string | undefined): string[] {
  return [
    answer === undefined ? 'Needs a person: there is no answer for automatic runs.' : `Answered automatically with “${answer}”.`,
  ];
}

function goText(document: RunbookDocument, go: string): string {
  if (go === END) return 'the end';
  const index = document.steps.findIndex(step => step.id === go);
  return `step ${index + 1}, ${document.steps[index]?.title ?? go}`;
}

function conditionText(condition: Condition): string {
  const parts = [];
  if (condition.step !== undefined) {
    const outcome = condition.outcome?.join(' or ') ?? (condition.answer === undefined ? 'passed' : undefined);
    if (outcome !== undefined) parts.push(`step ${condition.step} ${outcome}`);
    if (condition.answer !== undefined) parts.push(`${condition.step} was answered “${condition.answer}”`);
    if (condition.contains !== undefined) parts.push(`the output of ${condition.step} contains “${condition.contains}”`);
  }
  if (condition.tag !== undefined) parts.push(`the scenario is tagged ${condition.tag}`);
  return parts.join(' and ');
}

function expectationText(expect: Expectation): string {
  const quoted = (texts: readonly string[]) => texts.map(text => `“${text}”`).join(' and ');
  return [
    expect.exitCode === undefined ? undefined : `the exit code is ${expect.exitCode.join(' or ')}`,
    expect.contains === undefined ? undefined : `the output contains ${quoted(expect.contains)}`,
    expect.lacks === undefined ? undefined : `the output lacks ${quoted(expect.lacks)}`,
    expect.matches === undefined ? undefined : `the output matches /${expect.matches}/`,
  ]
    .filter(part => part !== undefined)
    .join(' and ');
}

/** The text without the settings, which are told in words. */
function prose(markdown: string, indent: number, drawing: Drawing): string[] {
  const settings = (language: string, info: string) =>
    language === 'rehearse' || (/^ya?ml$/i.test(language) && /^rehearse\b/.test(info));
  return indented(drawing.markdown(markdown, drawing.width - indent, settings), indent);
}

function joined(facts: readonly (string | undefined)[], drawing: Drawing): string {
  return facts.filter(fact => fact !== undefined).join(drawing.style.marks.separator);
}

function dim(text: string, drawing: Drawing, indent: number): string[] {
  const { style } = drawing;
  const lines = drawing.wrap(style.plain(harmlessLine(text)), drawing.width - indent);
  return indented(
    lines.map(line => style.paint(line, 'dim')),
    indent,
  );
}

function indented(lines: string[], columns: number): string[] {
  return lines.map(line => (line === '' ? '' : ' '.repeat(columns) + line));
}
