import { createJsonReporter } from '../reporters/json.ts';
import { createLiveReporter } from '../reporters/live.ts';
import { createPlainReporter } from '../reporters/plain.ts';
import { type Reporter, screenOf, systemTicker } from '../reporters/reporter.ts';

/** Live on a terminal, plain lines elsewhere; with `--json` the result alone on stdout, progress on stderr. */
export function chooseReporter(
  args: { json: boolean; plain: boolean },
  streams: Pick<NodeJS.Process, 'stdout' | 'stderr' | 'env'>,
): Reporter {
  const screen = screenOf(args.json ? streams.stderr : streams.stdout, streams.env);
  const people = screen.isTTY && !args.plain ? createLiveReporter(screen, systemTicker) : createPlainReporter(screen);
  return args.json ? together(people, createJsonReporter(screenOf(streams.stdout, streams.env))) : people;
}

function together(...reporters: Reporter[]): Reporter {
  return {
    onEvent: event => reporters.forEach(reporter => void reporter.onEvent(event)),
    say: text => reporters.forEach(reporter => void reporter.say(text)),
    finish: (record, files) => reporters.forEach(reporter => void reporter.finish(record, files)),
    close: () => reporters.forEach(reporter => void reporter.close()),
  };
}
