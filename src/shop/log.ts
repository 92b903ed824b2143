/** Structured logs: one JSON object a line on stdout, as a log collector wants them. */
const LEVELS = ['debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof LEVELS)[number];

export type Log = Record<LogLevel, (msg: string, fields?: Readonly<Record<string, unknown>>) => void>;

export function isLogLevel(value: unknown): value is LogLevel {
  return LEVELS.includes(value as LogLevel);
}

/** @param fields go into every line; `atLeast` is asked at each line, so that a level read later from the config counts. */
export function createLog(
  fields: Readonly<Record<string, unknown>>,
  atLeast: () => LogLevel = () => 'info',
  write: (line: string) => void = line => process.stdout.write(line),
): Log {
  const at =
    (level: LogLevel) =>
    (msg: string, more: Readonly<Record<string, unknown>> = {}) => {
      if (LEVELS.indexOf(level) < LEVELS.indexOf(atLeast())) return;
      write(`${JSON.stringify({ time: new Date().toISOString(), level, ...fields, msg, ...more })}\n`);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), fatal: at('fatal') };
}
