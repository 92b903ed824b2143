/** The command line: composition root, and the only place with exit codes, signals and the environment. */
import { setMaxListeners } from 'node:events';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { EXIT, RehearseError } from '../errors/errors.ts';
import { commands } from './commands.ts';
import { reportFailure } from './failure.ts';
import { packageVersion } from './package-version.ts';

const EXIT_CODES = `Exit codes: 0 objectives met · 1 an objective missed · 2 bad usage or scenario · 3 refused before injecting
4 error while running, restored · 5 not restored · 130 interrupted and restored`;

// One signal ends every watch, probe and detector of a run: more than Node's ten listeners are no leak.
setMaxListeners(200);

async function main(): Promise<void> {
  const parser = yargs(hideBin(process.argv))
    .scriptName('rehearse')
    .usage(
      '$0 COMMAND\n\nRehearses rollbacks: injects a bad deploy into staging, times detection, diagnosis, rollback and verification, and reports it.',
    )
    .version(packageVersion())
    .help()
    .alias({ h: 'help' })
    .strict()
    .demandCommand(1, '')
    .recommendCommands()
    .wrap(Math.min(100, process.stdout.columns ?? 100))
    .example('$0 run', 'one drill on the embedded sandbox: no cluster, no Docker')
    .example('$0 run latency --json', 'another scenario, its result as JSON')
    .example('$0 sandbox up', 'a small Kubernetes for your own kubectl')
    .epilogue(EXIT_CODES)
    .fail((message, error, cli) => {
      // YError is how yargs tells of a mistake of the command line that it found itself, or an option's `coerce`.
      if (error && error.name !== 'YError') throw error;
      if (message === '' && hideBin(process.argv).length === 0) {
        cli.showHelp('log');
        process.exit(EXIT.met);
      }
      throw new RehearseError(message || 'no command given', { exitCode: EXIT.usage, hint: 'rehearse --help' });
    });
  for (const command of commands) parser.command(command);
  await parser.parseAsync();
}

main().catch(error => {
  process.exitCode = reportFailure(error, process.stderr, process.env);
});
