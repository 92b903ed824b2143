/** Practice on a terminal: a transcript that scrolls, and below it clocks, what is known and a prompt with a line editor. */
import { formatClock } from '../record/duration.ts';
import type { RehearsalEvent } from '../record/events.ts';
import { harmlessLine, harmlessText } from '../record/harmless-text.ts';
import type { RunRecord } from '../record/run-record.ts';
import { PASTE_MARKED, PASTE_PLAIN } from '../reporters/control-codes.ts';
import { Progress } from '../reporters/progress.ts';
import type { ReportFiles, Screen, Ticker } from '../reporters/reporter.ts';
import { RunClock } from '../reporters/run-clock.ts';
import { pad, type Style, styleFor } from '../reporters/style.ts';
import { summaryLines } from '../reporters/summary.ts';
import type { Person, Prompt, Reply, ShownStep } from '../runbook/person.ts';
import { helpLines, isQuestion, type LocalCommand } from './commands.ts';
import { Conversation, type Surface } from './conversation.ts';
import { practiceFrame } from './frame.ts';
import type { Key } from './keys.ts';
import { LineEditor } from './line-editor.ts';
import { OutputTail } from './output-tail.ts';
import { Painter } from './painter.ts';
import { practiceEvent, practiceMoment } from './practice-view.ts';
import { choiceLabel, complete } from './reading.ts';
import { statusText } from './status-text.ts';
import {
  cutEntry,
  dimEntry,
  type Entry,
  logEntry,
  outputEntry,
  stepEntry,
  stepTextEntry,
  Transcript,
  toldEntry,
} from './transcript.ts';

/** Calm enough to read beside, quick enough for a clock. */
const REPAINT_MS = 200;
/** Nobody reads a prompt faster: an Enter that comes sooner was meant for what stood there before. */
const TOO_SOON_MS = 200;
/** Rows that a long text leaves free: for the line that tells of more. */
const PAGE_MARGIN = 1;
const LEAST_PAGE = 4;

export class RichTerminal implements Surface {
  readonly person: Person;
  readonly #screen: Screen;
  readonly #ticker: Ticker;
  readonly #style: Style;
  readonly #conversation = new Conversation(this);
  readonly #editor = new LineEditor();
  readonly #progress = new Progress();
  readonly #clock: RunClock;
  readonly #transcript = new Transcript();
  readonly #painter: Painter;
  readonly #output = new OutputTail();
  /** Entries that are not painted yet. */
  #added: Entry[] = [];
  /** Rows of the last frame that had a prompt: one like it will come back. */
  #tallest = 0;
  /** What is left of the last long text. */
  #rest: Entry | undefined;
  #step: ShownStep | undefined;
  #prompt: Prompt | undefined;
  #promptAtMs = 0;
  #message = '';
  #over = false;
  readonly #stopTicking: () => void;

  constructor(screen: Screen, ticker: Ticker, name: string) {
    this.#screen = screen;
    this.#ticker = ticker;
    this.#style = styleFor(screen);
    this.#clock = new RunClock(ticker);
    this.#painter = new Painter(screen, this.#transcript);
    this.person = {
      name,
      prompt: (prompt, signal) => this.#conversation.ask(prompt, signal),
      tell: (text, kind) => this.#tell(text, kind),
      stream: line => this.#stream(line),
    };
    screen.write(PASTE_MARKED);
    this.#stopTicking = ticker.every(REPAINT_MS, () => this.#paint());
  }

  onEvent(told: RehearsalEvent): void {
    if (this.#over) return;
    this.#clock.reached(told.tMs);
    const event = practiceEvent(told);
    if (!event) return;
    this.#progress.apply(event);
    if (event.type === 'runbook.step.finished' || event.type === 'runbook.step.started') this.#endOutput();
    const moment = practiceMoment(event);
    const { moments, started } = this.#progress;
    // Signals before and after the drill are about something else; the frame shows them while they last. (Blind, nobody knows.)
    const before = started?.blind === undefined && !moments.has('deployed');
    const aside = event.type === 'signal.raised' && (before || moments.has('restored'));
    if (!moment || moment.detail || aside) return;
    const { label, text, colour } = moment;
    this.#add(logEntry({ time: formatClock(event.tMs), label, text, colour }, this.#style));
    this.#paint();
  }

  say(text: string): void {
    if (this.#over) {
      this.#screen.write(`${harmlessText(text)}\n`);
      return;
    }
    this.#add(logEntry({ time: '', label: '', text, colour: undefined }, this.#style));
    this.#paint();
  }

  finish(record: RunRecord, files: ReportFiles): void {
    if (this.#over) return;
    this.#endOutput();
    this.#paint();
    this.close();
    this.#screen.write(`${summaryLines(record, files, this.#screen).join('\n')}\n`);
  }

  /** Gives the screen back, with nothing of the frame left on it. May be called more than once. */
  close(): void {
    if (this.#over) return;
    this.#conversation.close('the drill is over');
    this.#stopTicking();
    this.#paint();
    this.#over = true;
    this.#painter.erase();
    this.#screen.write(PASTE_PLAIN);
  }

  inputEnded(how: string): void {
    this.#conversation.close(how);
  }

  shown(prompt: Prompt): void {
    this.#adaptDraft(prompt);
    this.#prompt = prompt;
    this.#promptAtMs = this.#ticker.monotonicMs();
    this.#message = '';
    if (prompt.kind !== 'waiting') this.#endOutput();
    if (prompt.step) this.#showStep(prompt.step);
    this.#paint();
  }

  closed(prompt: Prompt, reply: Reply | undefined): void {
    if (reply?.kind === 'answer' && reply.text !== '' && isQuestion(prompt)) {
      const choice = prompt.kind === 'choice' ? prompt.choices.find(one => one.value === reply.text) : undefined;
      const text = harmlessLine(`${prompt.text} ${this.#style.marks.arrow} ${choice ? choiceLabel(choice) : reply.text}`);
      this.#add(logEntry({ time: formatClock(this.#clock.tMs()), label: 'answer', text, colour: undefined }, this.#style));
    }
    this.#message = '';
    this.#paint();
  }

  again(message: string): void {
    this.#message = message;
    this.#paint();
  }

  local(command: LocalCommand): void {
    const { prompt } = this.#conversation;
    if (command === 'more') this.#more();
    else if (command === 'status')
      this.#tell(statusText(this.#progress, this.#step, this.#clock.tMs(), this.#style).join('\n'), 'evidence');
    else if (prompt) this.#tell(this.#help(prompt), 'evidence');
    this.#paint();
  }

  /** @returns true when the person wants the drill to end (Ctrl-C). */
  press(key: Key): boolean {
    if (this.#over) return key.kind === 'key' && key.name === 'interrupt';
    if (key.kind === 'text') {
      this.#message = '';
      this.#editor.insert(key.text);
    } else if (key.name === 'interrupt') return true;
    else if (key.name === 'repaint') this.#repaint();
    else if (key.name === 'enter') this.#enter();
    else if (key.name === 'tab') this.#complete();
    else if (key.name === 'end-of-input' && this.#editor.text === '') this.#conversation.quit();
    else if (this.#editor.press(key.name === 'end-of-input' ? 'delete' : key.name)) this.#message = '';
    this.#paint();
    return false;
  }

  #enter(): void {
    const { prompt } = this.#conversation;
    if (!prompt) return;
    const soon = this.#ticker.monotonicMs() - this.#promptAtMs < TOO_SOON_MS;
    if (soon && this.#editor.text === '' && !isQuestion(prompt)) return;
    this.#message = '';
    this.#conversation.line(this.#editor.take());
  }

  #complete(): void {
    const { prompt } = this.#conversation;
    if (!prompt || this.#editor.beforeCursor !== this.#editor.text) return;
    const { line, candidates } = complete(prompt, this.#editor.text);
    this.#editor.set(line);
    this.#message = candidates.join(', ');
  }

  /** What was being typed when another prompt came stays what it was meant to be: a command, or an answer that is kept aside. */
  #adaptDraft(prompt: Prompt): void {
    const { text } = this.#editor;
    if (text === '' || !this.#prompt || text.startsWith(':') || isQuestion(prompt) === isQuestion(this.#prompt)) return;
    if (isQuestion(prompt)) this.#editor.set(`:${text}`);
    else {
      this.#editor.remember(text);
      this.#editor.set('');
    }
  }

  #showStep(step: ShownStep): void {
    if (this.#step?.id === step.id && this.#step.visit === step.visit) return;
    this.#step = step;
    const heading = stepEntry(step, this.#style);
    this.#add(heading);
    const text = stepTextEntry(step, this.#style);
    // Who comes back to a step has read it.
    if (step.visit > 1 && text(this.#screen.columns).length > LEAST_PAGE) {
      this.#rest = text;
      this.#add(dimEntry('its text: type "more"', this.#style));
    } else this.#addLong(text, this.#frame().lines.length + heading(this.#screen.columns).length);
  }

  #tell(text: string, kind: 'evidence' | 'notice' | 'warning'): void {
    if (this.#over) {
      this.#screen.write(`${harmlessText(text)}\n`);
      return;
    }
    this.#endOutput();
    this.#addLong(toldEntry(text, kind, this.#style));
    this.#paint();
  }

  #stream(line: string): void {
    const shown = this.#output.add(line);
    // The tail is in the frame, which is painted soon enough.
    if (shown === undefined || this.#over) return;
    this.#add(outputEntry(shown, this.#style));
  }

  #endOutput(): void {
    const { leftOut, tail } = this.#output.end();
    if (leftOut > 0) this.#add(dimEntry(`${leftOut} lines left out; the report keeps the first and the last ones`, this.#style));
    for (const line of tail) this.#add(outputEntry(line, this.#style));
  }

  /** @param taken rows that are needed for other things, so that the beginning of the text can be seen */
  #addLong(entry: Entry, taken = this.#tallest): void {
    const { rows = 24, columns } = this.#screen;
    const { shown, rest, left } = cutEntry(entry, columns, Math.max(LEAST_PAGE, rows - taken - PAGE_MARGIN));
    this.#add(shown);
    this.#rest = rest;
    if (rest) this.#add(dimEntry(`${left} more lines: type "more"`, this.#style));
  }

  #more(): void {
    if (this.#rest) this.#addLong(this.#rest);
    else if (this.#step) this.#addLong(stepTextEntry(this.#step, this.#style));
    else this.#message = 'there is no more';
  }

  #help(prompt: Prompt): string {
    const lines = helpLines(prompt);
    const width = Math.max(...lines.map(line => line.command.length));
    const keys =
      'Tab completes, up and down recall, Ctrl-L paints anew, Ctrl-D leaves, Ctrl-C ends the drill at once and restores.';
    return [...lines.map(line => `${pad(line.command, width)}  ${line.text}`), keys].join('\n');
  }

  #add(entry: Entry): void {
    this.#transcript.add(entry);
    this.#added.push(entry);
  }

  #frame() {
    const { prompt } = this.#conversation;
    const waitedMs = this.#ticker.monotonicMs() - this.#promptAtMs;
    return practiceFrame(
      {
        progress: this.#progress,
        tMs: this.#clock.tMs(),
        step: this.#step,
        output: { tail: this.#output.tail, count: this.#output.count },
        prompt: prompt && { prompt, editor: this.#editor, message: this.#message, name: this.person.name, waitedMs },
      },
      this.#screen,
      this.#style,
    );
  }

  #paint(): void {
    if (this.#over) return;
    const added = this.#added;
    this.#added = [];
    const frame = this.#frame();
    if (frame.cursor) this.#tallest = frame.lines.length;
    this.#painter.paint(frame, added);
  }

  #repaint(): void {
    this.#added = [];
    this.#painter.repaint(this.#frame());
  }
}
