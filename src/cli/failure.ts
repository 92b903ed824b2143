import { EXIT, InvalidInput, RehearseError } from '../errors/errors.ts';

/** Says what went wrong on `stderr` and returns the exit code. A stack trace is only for our own mistakes, and only when asked for. */
export function reportFailure(error: unknown, stderr: { write(text: string): unknown }, environment: NodeJS.ProcessEnv): number {
  if (error instanceof InvalidInput) {
    const count = error.diagnostics.length;
    stderr.write(`${error.message}\n\nrehearse: ${count === 1 ? '1 mistake' : `${count} mistakes`}, nothing was started\n`);
    return error.exitCode;
  }
  if (error instanceof RehearseError) {
    stderr.write(`rehearse: ${error.message}\n${error.hint ? `${error.hint.replace(/^/gm, '  ')}\n` : ''}`);
    return error.exitCode;
  }
  const failure = error instanceof Error ? error : new Error(String(error));
  stderr.write(`rehearse: ${failure.message}\n`);
  if (environment['REHEARSE_DEBUG']) stderr.write(`${failure.stack}\n`);
  else stderr.write('  this is likely a mistake of rehearse: run again with REHEARSE_DEBUG=1 and report what it prints\n');
  return EXIT.error;
}
