/** The person who practises, as the follower of a runbook meets them. The terminal stands behind it (src/practice), or a test. */
import type { PhaseName } from '../record/events.ts';

/** What a person can say at any prompt, beside answering it. */
export const SIDE_COMMANDS = {
  skip: 'leave this step out, and say why',
  back: 'return to the step before',
  repeat: 'do this step again',
  done: 'it is done, by your own hands',
  alert: 'you see the trouble yourself: report it',
  cause: 'you know what it is: name it',
  rollback: 'roll back now, wherever the runbook is',
  show: 'evidence: changes, pods, events, logs, service-level',
  note: 'write something down',
  escalate: 'you would call for help here',
  'hand-over': 'somebody else takes a role',
  hint: 'a hint, for points',
  pause: 'leave the drill for a while, and say why',
  quit: 'end the drill; the target is restored',
} as const;
export type SideCommand = keyof typeof SIDE_COMMANDS;

/** A step as a person sees it. */
export interface ShownStep {
  id: string;
  number: number;
  total: number;
  title: string;
  /** As written; executable fences are in it. */
  markdown: string;
  phase: PhaseName | undefined;
  owner: string | undefined;
  expectedMs: number | undefined;
  /** `run`, `rollback`, `show logs`, … */
  does: string;
  /** What it would run here, with the values of variables that are known; undefined when it runs no command. */
  command: string | undefined;
  visit: number;
}

interface PromptBase {
  /** One line. */
  text: string;
  /** Side commands that mean something here. */
  commands: readonly SideCommand[];
  /** The step that it belongs to: its text is read before the prompt. */
  step?: ShownStep;
}

export type Prompt =
  /** A step is reached: an answer ("") does it. */
  | (PromptBase & { kind: 'step'; step: ShownStep })
  /** Something is under way and ends by itself; there is nothing to answer, only side commands. */
  | (PromptBase & { kind: 'waiting'; waitingFor: 'cluster' | 'machine' })
  /** A step did not go well: the answer "" tries again. */
  | (PromptBase & { kind: 'failed'; error: string })
  /** Left with an answer "". */
  | (PromptBase & { kind: 'paused'; reason: string })
  | (PromptBase & { kind: 'text'; optional?: boolean })
  | (PromptBase & { kind: 'number'; min?: number | undefined; max?: number | undefined })
  | (PromptBase & { kind: 'choice'; choices: readonly Choice[] })
  | (PromptBase & { kind: 'confirm' });

export interface Choice {
  /** What the answer is. */
  value: string;
  /** What is shown; the value when left out. */
  label?: string;
}

export type Reply =
  /** For `number` a number in its range, for `choice` a value of it, for `confirm` "yes" or "no": the person was asked again until it was. */
  | { kind: 'answer'; text: string }
  /** `text`: what was typed behind it; may be empty. */
  | { kind: 'command'; command: SideCommand; text: string };

export interface Person {
  /** Whoever is at the keyboard now, as the record names them. */
  name: string;
  /** Shows a prompt until it is answered. Rejects with the signal's reason, and takes the prompt off the screen, when aborted. */
  prompt(prompt: Prompt, signal: AbortSignal): Promise<Reply>;
  /** Something to read: evidence that was asked for, an explanation, a hint. Redacted and harmless already; may have many lines. */
  tell(text: string, kind: 'evidence' | 'notice' | 'warning'): void;
  /** Output of the command under way, as it comes, in whole lines. Redacted and harmless already. */
  stream(line: string): void;
}
