import { lookup } from 'node:dns/promises';
import { writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { posix } from 'node:path';
import { type Applet, errorText } from './io.ts';

const DURATIONS: Record<string, number> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 };
/** Node's timers count in 32 bits. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

async function pause(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= LONGEST_TIMER_MS)
    await new Promise(resolve => setTimeout(resolve, Math.min(left, LONGEST_TIMER_MS)));
}

const sleep: Applet = async (args, io) => {
  let seconds = 0;
  for (const argument of args) {
    const match = /^(\d*\.?\d+)([smhd]?)$/.exec(argument);
    if (argument === 'infinity' || argument === 'inf') seconds = 1e12;
    else if (match) seconds += Number(match[1]) * (DURATIONS[match[2] ?? ''] ?? 1);
    else {
      io.stderr(`sleep: invalid number '${argument}'\n`);
      return 1;
    }
  }
  await pause(seconds * 1000);
  return 0;
};

/** The options that take a value: what remains are the operands. */
function options(args: readonly string[], withValue: string): { flags: Map<string, string>; operands: string[] } {
  const flags = new Map<string, string>();
  const operands: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] as string;
    if (argument.startsWith('--')) {
      const [name = '', value = ''] = argument.slice(2).split(/=(.*)/s);
      flags.set(name, value);
    } else if (argument.startsWith('-') && argument.length > 1) {
      for (let at = 1; at < argument.length; at++) {
        const letter = argument[at] as string;
        if (!withValue.includes(letter)) flags.set(letter, '');
        else {
          flags.set(letter, argument.slice(at + 1) || (args[++index] ?? ''));
          break;
        }
      }
    } else operands.push(argument);
  }
  return { flags, operands };
}

const wget: Applet = async (args, io) => {
  const { flags, operands } = options(args, 'OTPU');
  const given = operands[0] ?? '';
  let url: URL;
  try {
    url = new URL(given.includes('://') ? given : `http://${given}`);
  } catch {
    io.stderr(`wget: bad address '${given}'\n`);
    return 1;
  }
  if (url.protocol !== 'http:') {
    io.stderr(`wget: not an http or ftp url: ${given}\n`);
    return 1;
  }
  const seconds = Number(flags.get('T') ?? flags.get('timeout') ?? 900);
  const quiet = flags.has('q');
  return new Promise(resolve => {
    const request = get(url, { agent: false, headers: { 'User-Agent': 'Wget', Connection: 'close' } }, response => {
      const chunks: Buffer[] = [];
      response.on('data', chunk => chunks.push(chunk));
      response.on('end', () => {
        if ((response.statusCode ?? 0) >= 400) {
          io.stderr(`wget: server returned error: HTTP/1.1 ${response.statusCode} ${response.statusMessage}\n`);
          return resolve(1);
        }
        const text = Buffer.concat(chunks).toString();
        const file = flags.get('O') ?? (posix.basename(url.pathname) || 'index.html');
        if (flags.has('spider')) return resolve(0);
        if (file === '-') io.stdout(text);
        else if (file !== '/dev/null') writeFileSync(file, text);
        resolve(0);
      });
      response.on('error', () => resolve(1));
    });
    request.setTimeout(seconds * 1000, () => request.destroy(new Error('download timed out')));
    request.on('error', (error: NodeJS.ErrnoException & { address?: string }) => {
      if (error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN') io.stderr(`wget: bad address '${url.host}'\n`);
      else if (error.code === 'ECONNREFUSED')
        io.stderr(`wget: can't connect to remote host (${error.address ?? url.hostname}): Connection refused\n`);
      else io.stderr(`wget: ${errorText(error)}\n`);
      resolve(1);
    });
    if (!quiet) io.stderr(`Connecting to ${url.host}\n`);
  });
};

const nc: Applet = (args, io) => {
  const { flags, operands } = options(args, 'wip');
  const [host = '', port = ''] = operands;
  const seconds = Number(flags.get('w') ?? 0);
  return new Promise(resolve => {
    const socket = connect({ host, port: Number(port) });
    if (seconds > 0) socket.setTimeout(seconds * 1000, () => socket.destroy(new Error('timed out')));
    socket.on('connect', () => {
      if (flags.has('z')) {
        if (flags.has('v')) io.stderr(`${host} (${host}:${port}) open\n`);
        socket.destroy();
        resolve(0);
      } else socket.end(io.stdin.text);
    });
    socket.on('data', data => io.stdout(data.toString()));
    socket.on('end', () => resolve(0));
    socket.on('error', error => {
      io.stderr(
        `nc: ${(error as NodeJS.ErrnoException).code === 'ENOTFOUND' ? `bad address '${host}'` : `${host} (${host}:${port}): ${errorText(error)}`}\n`,
      );
      resolve(1);
    });
  });
};

const nslookup: Applet = async ([name = ''], io) => {
  try {
    const found = await lookup(name, { all: true });
    io.stdout(`Name:\t${name}\n${found.map(({ address }) => `Address: ${address}\n`).join('')}`);
    return 0;
  } catch {
    io.stdout(`** server can't find ${name}: NXDOMAIN\n`);
    return 1;
  }
};

const DATE_FIELDS: Record<string, (date: Date) => string> = {
  Y: date => String(date.getUTCFullYear()),
  m: date => String(date.getUTCMonth() + 1).padStart(2, '0'),
  d: date => String(date.getUTCDate()).padStart(2, '0'),
  H: date => String(date.getUTCHours()).padStart(2, '0'),
  M: date => String(date.getUTCMinutes()).padStart(2, '0'),
  S: date => String(date.getUTCSeconds()).padStart(2, '0'),
  F: date => date.toISOString().slice(0, 10),
  T: date => date.toISOString().slice(11, 19),
  s: date => String(Math.floor(date.getTime() / 1000)),
  N: date => String(date.getUTCMilliseconds() * 1e6).padStart(9, '0'),
  Z: () => 'UTC',
  z: () => '+0000',
  '%': () => '%',
};

const date: Applet = (args, io) => {
  const now = new Date();
  const format = args.find(argument => argument.startsWith('+'))?.slice(1);
  const [day, dayOfMonth, month, year, time] = now.toUTCString().replace(',', '').split(' ');
  const text =
    format === undefined
      ? `${day} ${month} ${String(Number(dayOfMonth)).padStart(2)} ${time} UTC ${year}`
      : format.replaceAll(/%(.)/g, (whole, letter: string) => DATE_FIELDS[letter]?.(now) ?? whole);
  io.stdout(`${text}\n`);
  return 0;
};

const SIGNALS: Record<string, NodeJS.Signals> = {
  '1': 'SIGHUP',
  '2': 'SIGINT',
  '3': 'SIGQUIT',
  '10': 'SIGUSR1',
  '12': 'SIGUSR2',
  '15': 'SIGTERM',
};

/** The container has one process. As in a real one, SIGKILL from inside does nothing to it. */
const kill: Applet = (args, io) => {
  const signal = args.find(argument => argument.startsWith('-'))?.replace(/^-(s|SIG)?/, '') ?? '15';
  const pid = args.find(argument => /^\d+$/.test(argument));
  if (pid !== '1') {
    io.stderr(`sh: can't kill pid ${pid ?? ''}: No such process\n`);
    return 1;
  }
  const name =
    SIGNALS[signal] ?? (Object.values(SIGNALS).find(candidate => candidate === `SIG${signal}`) as NodeJS.Signals | undefined);
  if (signal !== '0' && name) process.emit(name, name);
  return 0;
};

export const systemApplets: Record<string, Applet> = {
  sleep,
  wget,
  nc,
  nslookup,
  date,
  kill,
  usleep: async ([microseconds = '0']) => {
    await pause(Number(microseconds) / 1000);
    return 0;
  },
  true: () => 0,
  false: () => 1,
  hostname: (_args, io) => {
    io.stdout(`${hostname()}\n`);
    return 0;
  },
  whoami: (_args, io) => {
    io.stdout('root\n');
    return 0;
  },
  id: (args, io) => {
    io.stdout(args.includes('-u') ? '0\n' : 'uid=0(root) gid=0(root) groups=0(root)\n');
    return 0;
  },
  uname: (args, io) => {
    io.stdout(args.includes('-a') ? `Linux ${hostname()} rehearse-sandbox\n` : 'Linux\n');
    return 0;
  },
  printenv: (names, io, env) => {
    if (names.length === 0)
      io.stdout(
        Object.entries(env)
          .map(([name, value]) => `${name}=${value}\n`)
          .join(''),
      );
    let code = 0;
    for (const name of names) {
      if (env[name] === undefined) code = 1;
      else io.stdout(`${env[name]}\n`);
    }
    return code;
  },
};
