/** Errors that a user reads: what happened, where, what to do next. No stack trace is ever shown for one of these. */

/** The process's exit codes; documented in docs/exit-codes.md and `rehearse --help`. */
export const EXIT = {
  met: 0,
  missed: 1,
  usage: 2,
  refused: 3,
  error: 4,
  notRestored: 5,
  interrupted: 130,
} as const;

/** @param hint what to do next, a sentence or a command. */
export class RehearseError extends Error {
  readonly exitCode: number;
  readonly hint: string | undefined;
  constructor(message: string, options: { exitCode?: number; hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RehearseError';
    this.exitCode = options.exitCode ?? EXIT.error;
    this.hint = options.hint;
  }
}

/** A mistake in a file, where an editor would put the cursor: line and column start at 1. */
export interface Diagnostic {
  file: string;
  line: number;
  column: number;
  /** Length of the offending text on its line, at least 1. */
  length: number;
  message: string;
  /** "did you mean `probe`?", what is allowed. */
  hint: string | undefined;
  /** The offending line as it stands in the file. */
  source: string;
}

/** Every mistake of a file at once. */
export class InvalidInput extends RehearseError {
  readonly diagnostics: readonly Diagnostic[];
  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map(formatDiagnostic).join('\n\n'), { exitCode: EXIT.usage });
    this.name = 'InvalidInput';
    this.diagnostics = diagnostics;
  }
}

/** As compilers print it: file:line:col, the message, the line with a caret under it, the hint. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { file, line, column, length, message, hint, source } = diagnostic;
  const gutter = String(line);
  // Long lines are cut around the mistake; tabs keep their width so that the caret stands right.
  const start = Math.max(0, column - 60);
  const shown = source.slice(start, start + 120);
  const pad = source.slice(start, column - 1).replace(/[^\t]/g, ' ');
  const carets = '^'.repeat(Math.max(1, Math.min(length, shown.length - pad.length || 1)));
  const lines = [
    `${file}:${line}:${column}: ${message}`,
    `  ${gutter} | ${shown}`,
    `  ${' '.repeat(gutter.length)} | ${pad}${carets}`,
  ];
  if (hint) lines.push(`  ${' '.repeat(gutter.length)} = ${hint}`);
  return lines.join('\n');
}
