import { readFileSync } from 'node:fs';
import { arithmetic } from './arithmetic.ts';
import { type Applet, errorText, type Io } from './io.ts';

const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v', '\\': '\\' };

function unescaped(text: string): string {
  return text.replaceAll(/\\(?:0?([0-7]{1,3})|x([0-9a-fA-F]{1,2})|(.))/g, (whole, octal, hex, letter) => {
    if (octal) return String.fromCharCode(Number.parseInt(octal, 8));
    if (hex) return String.fromCharCode(Number.parseInt(hex, 16));
    return ESCAPES[letter] ?? whole;
  });
}

const echo: Applet = (args, io) => {
  const words = [...args];
  let newline = '\n';
  let escapes = false;
  while (/^-[neE]+$/.test(words[0] ?? '')) {
    const flags = words.shift() as string;
    if (flags.includes('n')) newline = '';
    if (flags.includes('e')) escapes = true;
  }
  const text = words.join(' ');
  io.stdout((escapes ? unescaped(text) : text) + newline);
  return 0;
};

const printf: Applet = ([format = '', ...args], io) => {
  const rest = [...args];
  const template = unescaped(format);
  do {
    io.stdout(
      template.replaceAll(/%(-?0?\d*)(?:\.\d+)?([sdiuxXofcb%])/g, (_whole, width: string, letter: string) => {
        if (letter === '%') return '%';
        const argument = rest.shift() ?? '';
        const number = Number.parseInt(argument, 10) || 0;
        const value =
          letter === 'b'
            ? unescaped(argument)
            : letter === 'x'
              ? number.toString(16)
              : letter === 'o'
                ? number.toString(8)
                : 'diu'.includes(letter)
                  ? String(number)
                  : argument;
        const size = Math.abs(Number(width));
        return width.startsWith('-') ? value.padEnd(size) : value.padStart(size, width.startsWith('0') ? '0' : ' ');
      }),
    );
  } while (rest.length > 0 && /%[^%]/.test(template));
  return 0;
};

/** Runs `use` on each named file's text, or on the input; tells of files that cannot be read. */
function eachInput(name: string, files: readonly string[], io: Io, use: (text: string, file: string) => void): number {
  let code = 0;
  for (const file of files.length > 0 ? files : ['-']) {
    try {
      use(file === '-' ? io.stdin.text : readFileSync(file, 'utf8'), file);
    } catch (error) {
      io.stderr(`${name}: ${name === 'cat' ? `can't open '${file}'` : file}: ${errorText(error)}\n`);
      code = 1;
    }
  }
  return code;
}

const lines = (text: string) => text.replace(/\n$/, '').split('\n');

function countArgument(args: readonly string[], fallback: number): { count: number; files: string[] } {
  let count = fallback;
  const files: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] as string;
    if (argument === '-n') count = Number(args[++index]);
    else if (/^-n?\d+$/.test(argument)) count = Number(argument.replace(/^-n?/, ''));
    else if (!argument.startsWith('-') || argument === '-') files.push(argument);
  }
  return { count, files };
}

const cat: Applet = (args, io) =>
  eachInput(
    'cat',
    args.filter(argument => argument !== '-u'),
    io,
    text => io.stdout(text),
  );

const head: Applet = (args, io) => {
  const { count, files } = countArgument(args, 10);
  return eachInput('head', files, io, text => text !== '' && io.stdout(`${lines(text).slice(0, count).join('\n')}\n`));
};

const tail: Applet = async (args, io) => {
  const { count, files } = countArgument(args, 10);
  const code = eachInput('tail', files, io, text => text !== '' && io.stdout(`${lines(text).slice(-count).join('\n')}\n`));
  // `tail -f /dev/null` is the customary way to do nothing.
  if (args.some(argument => /^-[fF]$/.test(argument))) await new Promise(() => setInterval(() => {}, 1 << 30));
  return code;
};

const grep: Applet = (args, io) => {
  const flags = args.filter(argument => /^-[a-zA-Z]+$/.test(argument)).join('');
  const [pattern = '', ...files] = args.filter(argument => !/^-[a-zA-Z]+$/.test(argument));
  const source = flags.includes('F') ? pattern.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&') : pattern;
  let expression: RegExp;
  try {
    expression = new RegExp(source, flags.includes('i') ? 'i' : '');
  } catch {
    io.stderr(`grep: bad regex '${pattern}'\n`);
    return 2;
  }
  let found = 0;
  const failed = eachInput('grep', files, io, text => {
    if (text === '') return;
    for (const line of lines(text)) {
      if (expression.test(line) === flags.includes('v')) continue;
      found++;
      if (!/[qc]/.test(flags)) io.stdout(`${line}\n`);
    }
  });
  if (flags.includes('c')) io.stdout(`${found}\n`);
  return found > 0 ? 0 : failed ? 2 : 1;
};

const wc: Applet = (args, io) => {
  const flags = args.filter(argument => argument.startsWith('-')).join('');
  return eachInput(
    'wc',
    args.filter(argument => !argument.startsWith('-')),
    io,
    (text, file) => {
      const counts = [
        [/l/, text.split('\n').length - 1],
        [/w/, text.split(/\s+/).filter(Boolean).length],
        [/[cm]/, Buffer.byteLength(text)],
      ] as const;
      const shown = counts.filter(([flag]) => flags === '' || flag.test(flags)).map(([, count]) => count);
      io.stdout(`${shown.join(' ')}${file === '-' ? '' : ` ${file}`}\n`);
    },
  );
};

const tr: Applet = (args, io) => {
  const flags = args.filter(argument => /^-[cds]+$/.test(argument)).join('');
  const set = (text = '') =>
    unescaped(text)
      .replaceAll('[:lower:]', 'a-z')
      .replaceAll('[:upper:]', 'A-Z')
      .replaceAll(/(.)-(.)/gs, (_whole, from: string, to: string) =>
        String.fromCharCode(
          ...Array.from({ length: to.charCodeAt(0) - from.charCodeAt(0) + 1 }, (_, index) => from.charCodeAt(0) + index),
        ),
      );
  const [from = '', to = ''] = args.filter(argument => !/^-[cds]+$/.test(argument)).map(set);
  io.stdout(
    [...io.stdin.text]
      .map(character => {
        const index = from.indexOf(character);
        if (index < 0) return character;
        return flags.includes('d') ? '' : (to[Math.min(index, to.length - 1)] ?? character);
      })
      .join(''),
  );
  return 0;
};

const seq: Applet = (args, io) => {
  const numbers = args.map(Number);
  const first = numbers.length > 1 ? (numbers[0] as number) : 1;
  const step = numbers.length > 2 ? (numbers[1] as number) : 1;
  const last = numbers.at(-1) ?? 0;
  if (!step) return 1;
  const output: number[] = [];
  for (let value = first; step > 0 ? value <= last : value >= last; value += step) output.push(value);
  io.stdout(output.map(value => `${value}\n`).join(''));
  return 0;
};

const expr: Applet = (args, io) => {
  try {
    const text =
      args.length === 1 && !/^\d+$/.test(args[0] ?? '')
        ? (args[0] ?? '')
        : String(arithmetic(args.join(' ').replace(/ = /, ' == '), () => undefined));
    io.stdout(`${text}\n`);
    return text === '0' || text === '' ? 1 : 0;
  } catch {
    io.stderr('expr: syntax error\n');
    return 2;
  }
};

const yes: Applet = async (args, io) => {
  const text = `${args.join(' ') || 'y'}\n`.repeat(100);
  for (;;) {
    io.stdout(text);
    await new Promise(resolve => setImmediate(resolve));
  }
};

export const textApplets: Record<string, Applet> = {
  echo,
  printf,
  cat,
  head,
  tail,
  grep,
  wc,
  tr,
  seq,
  expr,
  yes,
  basename: ([path = '', suffix = ''], io) => {
    const base = path.replace(/\/+$/, '').split('/').at(-1) ?? '';
    io.stdout(`${suffix && base.endsWith(suffix) ? base.slice(0, -suffix.length) : base}\n`);
    return 0;
  },
  dirname: ([path = ''], io) => {
    const parent = path.replace(/\/+$/, '').split('/').slice(0, -1).join('/');
    io.stdout(`${parent || (path.startsWith('/') ? '/' : '.')}\n`);
    return 0;
  },
};
