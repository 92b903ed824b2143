/** BusyBox' face: a few applets and a small shell, all interpreted here. `busybox APPLET [ARGUMENT…]`. */
import { readFileSync } from 'node:fs';
import { fileApplets } from './busybox/file-applets.ts';
import { httpd } from './busybox/httpd.ts';
import { type Applet, errorText, processIo } from './busybox/io.ts';
import { Shell } from './busybox/shell.ts';
import { systemApplets } from './busybox/system-applets.ts';
import { textApplets } from './busybox/text-applets.ts';

const applets: Record<string, Applet> = { ...textApplets, ...fileApplets, ...systemApplets };
let foreground: Shell | undefined;

/** `sh [-exc] [SCRIPT] [NAME ARGUMENT…]`, or a script's file. */
const sh: Applet = (args, io, env) => {
  const flags: string[] = [];
  const rest = [...args];
  while (/^[-+][a-z]+$/.test(rest[0] ?? '')) flags.push(rest.shift() as string);
  const options = flags.join('');
  const isCommand = options.includes('c');
  const [first, ...others] = rest;
  const [name = 'sh', ...positional] = isCommand ? others : [first ?? 'sh', ...others];
  const shell = new Shell(applets, env, name, positional);
  foreground ??= shell;
  let script = isCommand ? (first ?? '') : io.stdin.text;
  if (!isCommand && first !== undefined) {
    try {
      script = readFileSync(first, 'utf8');
    } catch (error) {
      io.stderr(`sh: can't open '${first}': ${errorText(error)}\n`);
      return 2;
    }
  }
  const prelude = ['e', 'x'].filter(letter => options.includes(letter)).map(letter => `set -${letter}\n`);
  return shell.runScript(prelude.join('') + script, io);
};

Object.assign(applets, {
  sh,
  ash: sh,
  httpd: (async (args, io) => {
    try {
      return await httpd(args);
    } catch (error) {
      io.stderr(`httpd: ${(error as Error).message}\n`);
      return 1;
    }
  }) satisfies Applet,
  env: (async (args, io, env) => {
    const own = { ...env };
    const rest = [...args];
    while (/^[^=\s]+=/.test(rest[0] ?? '')) {
      const [variable = '', value = ''] = (rest.shift() as string).split(/=(.*)/s);
      own[variable] = value;
    }
    const [command, ...commandArguments] = rest;
    if (command === undefined) {
      io.stdout(
        Object.entries(own)
          .map(([variable, value]) => `${variable}=${value}\n`)
          .join(''),
      );
      return 0;
    }
    const applet = Object.hasOwn(applets, command) ? applets[command] : undefined;
    if (applet) return applet(commandArguments, io, own);
    io.stderr(`env: can't execute '${command}': No such file or directory\n`);
    return 127;
  }) satisfies Applet,
});

for (const name of ['HUP', 'INT', 'QUIT', 'USR1', 'USR2', 'TERM']) process.on(`SIG${name}`, () => foreground?.signal(name));

const [name = 'sh', ...args] = process.argv.slice(2);
const applet = Object.hasOwn(applets, name) ? applets[name] : undefined;
const env = Object.fromEntries(Object.entries(process.env).map(([variable, value]) => [variable, value ?? '']));
if (applet) process.exit(await applet(args, processIo, env));
process.stderr.write(`${name}: applet not found\n`);
process.exit(127);
