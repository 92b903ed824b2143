/** Resource quantities (apimachinery/pkg/api/resource): `500m`, `64Mi`, `1e3`. */

const PATTERN = /^([+-]?[0-9.]+)([eE][+-]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?$/;
const BINARY: Record<string, number> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 };
const DECIMAL: Record<string, number> = { n: 1e-9, u: 1e-6, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 };

/** Upstream's text for a quantity that cannot be parsed. */
export const QUANTITY_RULE = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** In units (bytes, cores); undefined when it is none. */
export function parseQuantity(text: unknown): number | undefined {
  const match = PATTERN.exec(String(text));
  if (!match) return undefined;
  const number = Number(match[1]);
  const suffix = match[2];
  if (!Number.isFinite(number)) return undefined;
  if (!suffix) return number;
  if (/^[eE][+-]?\d+$/.test(suffix)) return number * 10 ** Number(suffix.slice(1));
  return number * (BINARY[suffix] ?? DECIMAL[suffix] ?? Number.NaN);
}

const BINARY_SUFFIXES = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const DECIMAL_SUFFIXES = ['m', '', 'k', 'M', 'G', 'T', 'P', 'E'];

/** As the API server writes a quantity back (Quantity.CanonicalizeBytes): no fraction, the largest suffix: `0.5` is `500m`, `1000m` is `1`. */
export function canonicalQuantity(given: string | number): string {
  const text = String(given);
  const match = PATTERN.exec(text);
  const value = parseQuantity(text);
  if (!match || value === undefined || value === 0) return value === 0 ? '0' : text;
  const suffix = match[2] ?? '';
  if (/^[eE]/.test(suffix) || suffix === 'n' || suffix === 'u') return text;
  if (suffix.endsWith('i') && Number.isInteger(value)) {
    let exponent = 0;
    let number = value;
    while (exponent < BINARY_SUFFIXES.length && number % 1024 === 0) {
      number /= 1024;
      exponent++;
    }
    return `${number}${exponent === 0 ? '' : BINARY_SUFFIXES[exponent - 1]}`;
  }
  let number = Math.round(value * 1e3);
  if (Math.abs(number - value * 1e3) > 1e-6 * Math.abs(number) || !Number.isSafeInteger(number)) return text;
  let exponent = 0;
  while (exponent < DECIMAL_SUFFIXES.length - 1 && number % 1000 === 0) {
    number /= 1000;
    exponent++;
  }
  return `${number}${DECIMAL_SUFFIXES[exponent]}`;
}
