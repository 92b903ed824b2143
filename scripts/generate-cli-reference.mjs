// docs/cli.md from `--help` of the program itself.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

const help = (...command) =>
  spawnSync(process.execPath, ['dist/rehearse.js', ...command, '--help'], {
    encoding: 'utf8',
    env: { ...process.env, COLUMNS: '100', NO_COLOR: '1', LC_ALL: 'C.UTF-8' },
  }).stdout.trim();

/** A command and those below it, as its help lists them. */
const withCommands = command => {
  const listed =
    help(...command)
      .split(/^Commands:$/m)[1]
      ?.split('\n\n')[0] ?? '';
  const names = listed.matchAll(new RegExp(`^ {2}${['rehearse', ...command].join(' ')} (\\w+)`, 'gm'));
  return [command, ...[...names].flatMap(match => withCommands([...command, match[1]]))];
};

const commands = withCommands([]);
if (commands.length < 6) throw new Error(`only ${commands.length - 1} commands found: is dist/ built?`);

const sections = commands.map(
  command => `## rehearse${command.map(word => ` ${word}`).join('')}\n\n\`\`\`\n${help(...command)}\n\`\`\`\n`,
);
writeFileSync('docs/cli.md', `# Commands\n\n<!-- Generated from --help: npm run generate -->\n\n${sections.join('\n')}`);
