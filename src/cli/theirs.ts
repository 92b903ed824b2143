import { createInterface } from 'node:readline/promises';
import { mergeWhenDisjoint, type RestoreOptions, type TheirsChoice } from '../cluster/restore.ts';
import { type TheirChange, theirChangeText } from '../cluster/their-changes.ts';

const CHOICES = {
  keep: 'leave the object as it is now, with what the drill left in it',
  overwrite: 'put back what was there before the drill, over their change',
  merge: 'put back what only the drill changed, and keep theirs',
} as const satisfies Record<TheirsChoice, string>;

const THEIRS = Object.keys(CHOICES) as TheirsChoice[];

/** Shows somebody else's change and what becomes of it: as `--theirs` says, as the person at the terminal says, or by the default. */
export function chooseTheirs(
  given: TheirsChoice | undefined,
  input: NodeJS.ReadStream,
  output: NodeJS.WriteStream,
): NonNullable<RestoreOptions['choose']> {
  return async change => {
    output.write(`${theirChangeText(change)}\n`);
    if (given !== undefined) return given;
    if (input.isTTY && output.isTTY) return ask(change, input, output);
    const choice = await mergeWhenDisjoint(change);
    output.write(
      choice === undefined
        ? `  nothing was done to it: --theirs keep|${change.mergeable ? 'merge|' : ''}overwrite says what is to become of it\n`
        : `  no field was changed by both: ${CHOICES[choice]}\n`,
    );
    return choice;
  };
}

async function ask(
  { mergeable }: TheirChange,
  input: NodeJS.ReadStream,
  output: NodeJS.WriteStream,
): Promise<TheirsChoice | undefined> {
  const offered = THEIRS.filter(choice => choice !== 'merge' || mergeable);
  const lines = createInterface({ input, output });
  try {
    for (const choice of offered) output.write(`  ${choice}: ${CHOICES[choice]}\n`);
    for (;;) {
      const answer = (await lines.question(`  ${offered.join(', ')}, or nothing to leave it for later? `)).trim().toLowerCase();
      if (answer === '') return undefined;
      const chosen = offered.find(choice => choice === answer || choice[0] === answer);
      if (chosen) return chosen;
    }
  } finally {
    lines.close();
  }
}
