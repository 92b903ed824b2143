/** A runbook as read: what people see and what is executed. Positions are 1-based, as editors count. */
import type { Diagnostic } from '../errors/errors.ts';
import type { PhaseName } from '../record/events.ts';
import type { CommandLine } from './command-line.ts';
import type { Condition, Expectation, FrontMatter, Showable } from './format.ts';

export interface RunbookDocument {
  /** As given by the caller; diagnostics name it. */
  file: string;
  source: string;
  title: string;
  service: string | undefined;
  owners: string[];
  /** Date, YYYY-MM-DD. */
  lastRehearsed: string | undefined;
  breakGlass: FrontMatter['breakGlass'];
  vars: Record<string, string>;
  /** Expected times of the front matter, ms by step id; the steps have them already. */
  expected: Record<string, number>;
  /** Fields of the front matter that rehearse does not know. */
  unknownFields: string[];
  /** Mistakes in the front matter of a file without any ```yaml rehearse fence: written for another tool, and read all the same. */
  tolerated: Diagnostic[];
  /** Markdown before the first ## heading, without the title. */
  introduction: string;
  /** Every part under a # or ## heading (finer where those alone are steps) in the order of the file, for showing; those with a step are followed. */
  sections: Section[];
  steps: Step[];
}

export interface Section {
  title: string;
  line: number;
  /** Markdown under the heading, as written. */
  markdown: string;
  step: Step | undefined;
  /** Also of parts that are no step, because all of it is for people. */
  fences: ShellFence[];
}

export interface Step {
  id: string;
  title: string;
  /** Line of the heading. */
  line: number;
  phase: PhaseName | undefined;
  owner: string | undefined;
  expectedMs: number | undefined;
  /** Of one try. */
  timeoutMs: number | undefined;
  retries: number;
  retryAfterMs: number;
  optional: boolean;
  when: Condition | undefined;
  expect: Expectation | undefined;
  breakGlass: boolean;
  action: Action;
  /** What a person would type for the same; also those that the action itself runs. */
  fences: ShellFence[];
  /** Of the ```yaml rehearse fence, when there is one: its text and where the text starts. */
  settings: { text: string; line: number; column: number } | undefined;
  markdown: string;
}

export interface ShellFence {
  text: string;
  /** Of the first line of the text. */
  line: number;
  column: number;
  /** Marked `by-hand`: for people only. */
  byHand: boolean;
}

/** What a step runs: commands without a shell, one after the other, or scripts for one. */
export type Commands = { shell: false; lines: LocatedCommand[] } | { shell: true; scripts: LocatedScript[] };
export interface LocatedCommand extends CommandLine {
  /** Line in the file. */
  fileLine: number;
  fileColumn: number;
}
export interface LocatedScript {
  source: string;
  fileLine: number;
  fileColumn: number;
}

export type Action =
  | { kind: 'await-detection' }
  | { kind: 'diagnose' }
  | { kind: 'rollback' }
  | { kind: 'verify' }
  | { kind: 'show'; what: Showable }
  | { kind: 'run'; commands: Commands }
  | { kind: 'assert'; commands: Commands; everyMs: number }
  | {
      kind: 'ask';
      text: string;
      answerKind: 'text' | 'number' | 'choice';
      choices: string[];
      min: number | undefined;
      max: number | undefined;
      answer: string | undefined;
      as: string | undefined;
    }
  | { kind: 'confirm'; text: string; answer: boolean | undefined }
  | { kind: 'decide'; text: string; branches: Branch[]; answer: string | undefined }
  | { kind: 'wait'; ms: number }
  | { kind: 'notify'; text: string; to: string | undefined };

export interface Branch {
  label: string;
  when: Condition | undefined;
  /** Id of a step, or `end`. */
  go: string;
}
