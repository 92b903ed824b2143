/** The shop's configuration: a JSON file, mounted from a ConfigMap. */
import { jsonErrorIndex } from './json-position.ts';
import { isLogLevel, type LogLevel } from './log.ts';

export interface ShopConfig {
  logLevel: LogLevel;
  currency: string;
  /** Share of business requests that fail, 0..1; on top of what the version brings. */
  errorRate: number;
  /** Additional ms of every business request. */
  extraLatencyMs: number;
  /** How long a downstream service may take, ms. */
  downstreamTimeoutMs: number;
  featureFlags: {
    /** Payments asks the fraud service (FRAUD_URL) before each charge. */
    fraudCheck: boolean;
  };
}

export const DEFAULT_CONFIG: ShopConfig = {
  logLevel: 'info',
  currency: 'EUR',
  errorRate: 0,
  extraLatencyMs: 0,
  downstreamTimeoutMs: 1500,
  featureFlags: { fraudCheck: false },
};

/** The config cannot be used; the message names file, line and column, or the field. */
export class ConfigError extends Error {}

/**
 * Reads a config. What is left out has its default; a field that it does not know is returned in `unknown`, so that an
 * older version starts with a newer config.
 * @throws ConfigError
 */
export function parseConfig(file: string, text: string): { config: ShopConfig; unknown: string[] } {
  const value = parseJson(file, text);
  const root = objectOf(file, '', value);
  const flags = objectOf(file, 'featureFlags', root.featureFlags ?? {});
  const wrong = (field: string, wanted: string): never => {
    throw new ConfigError(`${file}: ${field} must be ${wanted}`);
  };
  const number = (field: keyof ShopConfig & string, fallback: number, max: number): number => {
    const given = root[field] ?? fallback;
    return typeof given === 'number' && given >= 0 && given <= max ? given : wrong(field, `a number from 0 to ${max}`);
  };
  const logLevel = root.logLevel ?? DEFAULT_CONFIG.logLevel;
  const currency = root.currency ?? DEFAULT_CONFIG.currency;
  const fraudCheck = flags.fraudCheck ?? DEFAULT_CONFIG.featureFlags.fraudCheck;

  return {
    config: {
      logLevel: isLogLevel(logLevel) ? logLevel : wrong('logLevel', 'one of debug, info, warn, error, fatal'),
      currency:
        typeof currency === 'string' && /^[A-Z]{3}$/.test(currency) ? currency : wrong('currency', 'three capital letters'),
      errorRate: number('errorRate', DEFAULT_CONFIG.errorRate, 1),
      extraLatencyMs: number('extraLatencyMs', DEFAULT_CONFIG.extraLatencyMs, 60_000),
      downstreamTimeoutMs: number('downstreamTimeoutMs', DEFAULT_CONFIG.downstreamTimeoutMs, 60_000),
      featureFlags: {
        fraudCheck: typeof fraudCheck === 'boolean' ? fraudCheck : wrong('featureFlags.fraudCheck', 'true or false'),
      },
    },
    unknown: [
      ...Object.keys(root).filter(key => !Object.hasOwn(DEFAULT_CONFIG, key)),
      ...Object.keys(flags)
        .filter(key => !Object.hasOwn(DEFAULT_CONFIG.featureFlags, key))
        .map(key => `featureFlags.${key}`),
    ],
  };
}

function objectOf(file: string, field: string, value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new ConfigError(`${file}: ${field || 'the config'} must be an object`);
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const at = jsonErrorIndex(text);
    const before = text.slice(0, at).split('\n');
    const line = before.length;
    const column = (before.at(-1) ?? '').length + 1;
    const found = at >= text.length ? 'end of file' : JSON.stringify(text[at]);
    throw new ConfigError(`${file}:${line}:${column}: not valid JSON: unexpected ${found}`, { cause });
  }
}
