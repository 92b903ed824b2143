import { createPracticeTerminal } from '../practice/terminal.ts';
import { createBlindReporter } from '../reporters/blind.ts';
import { createJsonReporter } from '../reporters/json.ts';
import { createLiveReporter } from '../reporters/live.ts';
import { createPlainReporter } from '../reporters/plain.ts';
import { type Reporter, screenOf, systemTicker } from '../reporters/reporter.ts';
import type { Person } from '../runbook/person.ts';
import type { Play } from './play.ts';

/** What people see of a drill and, when one of them practises, how they are asked. */
export interface Screens {
  reporter: Reporter;
  person: Person | undefined;
}

/**
 * Live on a terminal, plain lines elsewhere; with `--json` the result alone on stdout, progress on stderr.
 * Of a blind drill nothing is shown that would give it away.
 */
export function chooseScreens(
  args: { json: boolean; plain: boolean },
  play: Pick<Play, 'mode' | 'operator' | 'blind'>,
  streams: Pick<NodeJS.Process, 'stdin' | 'stdout' | 'stderr' | 'env'>,
): Screens {
  const screen = screenOf(args.json ? streams.stderr : streams.stdout, streams.env);
  const terminal =
    play.mode === 'practice'
      ? createPracticeTerminal({ input: streams.stdin, screen, ticker: systemTicker, plain: args.plain, name: play.operator })
      : undefined;
  const shown =
    terminal?.reporter ?? (screen.isTTY && !args.plain ? createLiveReporter(screen, systemTicker) : createPlainReporter(screen));
  const people = play.blind ? createBlindReporter(shown, play.blind.common) : shown;
  return {
    reporter: args.json ? together(people, createJsonReporter(screenOf(streams.stdout, streams.env))) : people,
    person: terminal?.person,
  };
}

function together(...reporters: Reporter[]): Reporter {
  return {
    onEvent: event => reporters.forEach(reporter => void reporter.onEvent(event)),
    say: text => reporters.forEach(reporter => void reporter.say(text)),
    finish: (record, files) => reporters.forEach(reporter => void reporter.finish(record, files)),
    close: () => reporters.forEach(reporter => void reporter.close()),
  };
}
