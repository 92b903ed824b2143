/** Practice line by line: for screen readers, for terminals that cannot move a cursor, and for input that is no terminal. */
import { formatClock } from '../record/duration.ts';
import type { RehearsalEvent } from '../record/events.ts';
import { harmlessLine, harmlessText } from '../record/harmless-text.ts';
import type { RunRecord } from '../record/run-record.ts';
import { Progress } from '../reporters/progress.ts';
import type { ReportFiles, Screen, Ticker } from '../reporters/reporter.ts';
import { RunClock } from '../reporters/run-clock.ts';
import { pad, padStart, type Style, styleFor } from '../reporters/style.ts';
import { summaryLines } from '../reporters/summary.ts';
import type { Person, Prompt, Reply, ShownStep } from '../runbook/person.ts';
import { helpLines, isQuestion, type LocalCommand } from './commands.ts';
import { Conversation, type Surface } from './conversation.ts';
import { OutputTail } from './output-tail.ts';
import { practiceEvent, practiceMoment } from './practice-view.ts';
import { promptText } from './prompt-text.ts';
import { statusText } from './status-text.ts';
import { stepHeading, stepText } from './step-text.ts';

/** After something was announced, the prompt is repeated once nothing more has come for this long. */
const QUIET_MS = 300;
/** Nobody reads a question faster. */
const TOO_SOON_MS = 200;
/** A command that prints much tells how much, so often. */
const PROGRESS_MS = 5000;

export class PlainTerminal implements Surface {
  readonly person: Person;
  readonly #screen: Screen;
  readonly #ticker: Ticker;
  readonly #style: Style;
  readonly #conversation = new Conversation(this);
  readonly #progress = new Progress();
  readonly #clock: RunClock;
  readonly #output = new OutputTail();
  #outputToldMs = 0;
  #step: ShownStep | undefined;
  /** The line with the prompt is the last one on the screen, without its end. */
  #open = false;
  #wroteAtMs = 0;
  #over = false;
  readonly #stopTicking: () => void;
  /** When the question that is open was first written. */
  #askedAtMs: number | undefined;
  /** Lines that came when there was nothing to answer; a file or a pipe may be ahead, a person must not be. */
  readonly #ahead: string[] | undefined;
  #ended: string | undefined;

  constructor(screen: Screen, ticker: Ticker, name: string, options: { keepsLines: boolean }) {
    this.#screen = screen;
    this.#ticker = ticker;
    this.#style = styleFor(screen);
    this.#clock = new RunClock(ticker);
    this.#ahead = options.keepsLines ? [] : undefined;
    this.person = {
      name,
      prompt: (prompt, signal) => this.#conversation.ask(prompt, signal),
      tell: (text, kind) => this.#tell(text, kind),
      stream: line => this.#stream(line),
    };
    this.#stopTicking = ticker.every(QUIET_MS, () => this.#tick());
  }

  onEvent(told: RehearsalEvent): void {
    this.#clock.reached(told.tMs);
    const event = practiceEvent(told);
    if (!event) return;
    this.#progress.apply(event);
    if (event.type === 'runbook.step.finished' || event.type === 'runbook.step.started') this.#endOutput();
    const moment = practiceMoment(event);
    const { prompt } = this.#conversation;
    // Whoever is reading a question is told what matters, not every detail.
    if (!moment || (moment.detail && prompt && prompt.kind !== 'waiting')) return;
    const text = this.#style.plain(moment.text);
    this.#write([
      `${padStart(formatClock(event.tMs), 8)}  ${pad(moment.label, 10)} ${moment.colour ? this.#style.paint(text, moment.colour) : text}`,
    ]);
  }

  say(text: string): void {
    this.#write([this.#style.plain(text)]);
  }

  finish(record: RunRecord, files: ReportFiles): void {
    if (this.#over) return;
    this.#endOutput();
    this.close();
    this.#write(summaryLines(record, files, this.#screen));
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#conversation.close('the drill is over');
    this.#stopTicking();
    this.#write([]);
  }

  inputEnded(how: string): void {
    // What a pipe said before its end still counts.
    if (this.#ahead?.length) this.#ended = how;
    else this.#conversation.close(how);
  }

  shown(prompt: Prompt): void {
    if (prompt.kind !== 'waiting') this.#endOutput();
    if (prompt.step) this.#showStep(prompt.step);
    const { error, question, choices } = promptText(prompt, this.#style);
    if (error !== undefined) this.#write(error.split('\n').map(line => `Failed: ${line}`));
    this.#write([question, ...choices].filter(line => line !== ''));
    this.#ask(prompt);
    queueMicrotask(() => this.#takeAhead());
  }

  closed(prompt: Prompt, reply: Reply | undefined): void {
    this.#askedAtMs = undefined;
    if (!reply) this.#write(prompt.kind === 'waiting' || this.#conversation.over ? [] : ['No answer is needed any more.']);
  }

  again(message: string): void {
    this.#write([`Not taken: ${this.#style.plain(message)}`]);
    this.#askAgain();
  }

  local(command: LocalCommand): void {
    const { prompt } = this.#conversation;
    if (command === 'status') this.#write(statusText(this.#progress, this.#step, this.#clock.tMs(), this.#style));
    else if (command === 'more') this.#write(this.#step ? this.#stepLines(this.#step) : ['There is no more.']);
    else if (prompt) this.#write(helpLines(prompt).map(line => `${line.command.replace(' ', ' or ')}: ${line.text}`));
    this.#askAgain();
  }

  /** A line was typed; the terminal has shown it, with its end. */
  line(text: string): void {
    this.#open = false;
    if (this.#ahead) {
      if (!this.#conversation.line(text)) this.#ahead.push(text);
      return;
    }
    // Typed before the question could be read: it answers something else, or nothing.
    const early = this.#askedAtMs === undefined || this.#ticker.monotonicMs() - this.#askedAtMs < TOO_SOON_MS;
    if (!early) this.#conversation.line(text);
    else if (text.trim() !== '') this.again(`“${harmlessLine(text)}” was typed before anything was asked`);
  }

  #takeAhead(): void {
    while (this.#ahead?.length && this.#conversation.prompt) {
      const line = this.#ahead.shift() ?? '';
      // Nobody has echoed it.
      this.#screen.write(`${harmlessLine(line)}\n`);
      this.#open = false;
      this.#conversation.line(line);
    }
    if (this.#ended !== undefined && this.#ahead?.length === 0) this.#conversation.close(this.#ended);
  }

  #ask(prompt: Prompt): void {
    const { answer } = promptText(prompt, this.#style);
    const name = harmlessLine(this.person.name);
    this.#startLine();
    this.#screen.write(
      this.#style.plain(`${[name, answer, commandHint(prompt), '? for help'].filter(part => part !== '').join(', ')}: `),
    );
    this.#open = true;
    this.#askedAtMs ??= this.#ticker.monotonicMs();
  }

  #askAgain(): void {
    const { prompt } = this.#conversation;
    if (prompt) this.#ask(prompt);
  }

  #showStep(step: ShownStep): void {
    if (this.#step?.id === step.id && this.#step.visit === step.visit) return;
    this.#step = step;
    this.#write([
      ...stepHeading(step, Number.POSITIVE_INFINITY, this.#style),
      ...(step.visit > 1 ? ['Its text: type more.'] : this.#stepLines(step)),
    ]);
  }

  #stepLines(step: ShownStep): string[] {
    return stepText(step, Number.POSITIVE_INFINITY, this.#style).filter(line => line !== '');
  }

  #tell(text: string, kind: 'evidence' | 'notice' | 'warning'): void {
    this.#endOutput();
    const lines = this.#style.plain(harmlessText(text)).trimEnd().split('\n');
    this.#write(kind === 'warning' ? lines.map((line, index) => (index === 0 ? `Warning: ${line}` : line)) : lines);
  }

  #stream(line: string): void {
    const shown = this.#output.add(line);
    if (shown !== undefined) this.#write([`| ${this.#style.plain(harmlessText(shown))}`]);
  }

  #endOutput(): void {
    const { leftOut, tail } = this.#output.end();
    if (leftOut > 0) this.#write([`${leftOut} lines left out; the report keeps the first and the last ones.`]);
    this.#write(tail.map(line => `| ${this.#style.plain(harmlessText(line))}`));
  }

  #write(lines: readonly string[]): void {
    if (lines.length === 0 && !this.#open) return;
    this.#startLine();
    for (const line of lines) this.#screen.write(`${line}\n`);
    this.#wroteAtMs = this.#ticker.monotonicMs();
  }

  #startLine(): void {
    if (this.#open) this.#screen.write('\n');
    this.#open = false;
  }

  #tick(): void {
    const now = this.#ticker.monotonicMs();
    if (this.#output.tail.length > 0 && now - this.#outputToldMs >= PROGRESS_MS) {
      this.#outputToldMs = now;
      this.#write([`The command goes on, ${this.#output.count} lines so far.`]);
    }
    if (!this.#open && !this.#over && now - this.#wroteAtMs >= QUIET_MS) this.#askAgain();
  }
}

function commandHint(prompt: Prompt): string {
  if (isQuestion(prompt)) return prompt.commands.length === 0 ? '' : 'commands begin with a colon';
  return prompt.kind === 'waiting' ? 'waiting, or a command' : 'Enter or a command';
}
