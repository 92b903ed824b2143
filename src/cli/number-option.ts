/** Options whose value is a number, each with its limits: what is no such number is a mistake of the command line, not NaN later on. */
import { EXIT, RehearseError } from '../errors/errors.ts';

interface Limits {
  /** `seconds`, `port`: what the number is. */
  of: string;
  least: number;
  most: number;
  /** Without a fraction. */
  whole?: boolean;
  example: number;
}

/**
 * The part of an option of yargs that makes it a number within limits.
 * Its `coerce` throws RehearseError (usage) that says what to write.
 */
export function numberOption(name: string, { of, least, most, whole = false, example }: Limits) {
  return {
    type: 'number',
    requiresArg: true,
    // yargs hands over NaN for a word, and a list for an option that is given twice.
    coerce(value: unknown): number {
      const fits = typeof value === 'number' && value >= least && value <= most && (!whole || Number.isInteger(value));
      if (fits) return value;
      throw new RehearseError(
        `--${name} takes ${of}: one ${whole ? 'whole ' : ''}number from ${least} to ${most}, such as --${name} ${example}`,
        { exitCode: EXIT.usage },
      );
    },
  } as const;
}
