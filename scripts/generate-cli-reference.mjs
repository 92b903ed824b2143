// docs/cli.md from `--help` of the program itself.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

const help = (...command) =>
  spawnSync(process.execPath, ['dist/rehearse.js', ...command, '--help'], {
    encoding: 'utf8',
    env: { ...process.env, COLUMNS: '100', NO_COLOR: '1', LC_ALL: 'C.UTF-8' },
  }).stdout.trim();

const commands = [...help().matchAll(/^ {2}rehearse (\w+)/gm)].map(match => match[1]);
const unique = [...new Set(commands)];
if (unique.length < 5) throw new Error(`only ${unique.length} commands found: is dist/ built?`);

const sections = [[], ...unique.map(command => [command])].map(
  command => `## rehearse${command.map(word => ` ${word}`).join('')}\n\n\`\`\`\n${help(...command)}\n\`\`\`\n`,
);
writeFileSync('docs/cli.md', `# Commands\n\n<!-- Generated from --help: npm run generate -->\n\n${sections.join('\n')}`);
