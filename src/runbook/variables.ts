/** Variables of a runbook's commands and texts: `{{namespace}}` anywhere, `$NAMESPACE` and `${NAMESPACE}` in commands. */
import { RehearseError } from '../errors/errors.ts';
import type { CommandLine, WordPart } from './command-line.ts';

/** What the run gives to every runbook, beside `vars` of the front matter and answers to questions. */
export const RUN_VARIABLES = {
  namespace: 'namespace of the target',
  workload: "the scenario's target, KIND/NAME",
  kind: "kind of the scenario's target",
  name: "name of the scenario's target",
  container: 'container of the target that the scenario names',
  context: 'kubeconfig context of the run',
  kubeconfig: 'path of the kubeconfig of the run',
  runId: 'id of the run',
  suspect: 'the workload that the last diagnosis names first, KIND/NAME',
} as const;

/** Words of Go templates (`kubectl -o go-template='{{range .items}}…{{end}}'`), left as they are. */
const TEMPLATE_WORDS = new Set(['end', 'else', 'break', 'continue']);

const MUSTACHE = /\{\{\s*([A-Za-z][\w-]*)\s*\}\}/g;
const DOLLAR = /\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))/g;

/** `runId` is `RUN_ID`, `which-pod` is `WHICH_POD` in the environment of commands. */
export function environmentName(variable: string): string {
  return variable
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/-/g, '_')
    .toUpperCase();
}

function referenceName(variable: string): string {
  return `REHEARSE_VAR_${environmentName(variable)}`;
}

/** Names in `{{ }}` of a text, with where each stands. */
export function mentionedVariables(text: string): { name: string; index: number; length: number }[] {
  return [...text.matchAll(MUSTACHE)]
    .map(match => ({ name: match[1] as string, index: match.index, length: match[0].length }))
    .filter(one => !TEMPLATE_WORDS.has(one.name));
}

/** Values of variables while a runbook is followed. */
export class Variables {
  readonly #values: Map<string, string>;
  readonly #overrides: Record<string, string> = {};

  constructor(values: Record<string, string | undefined>) {
    this.#values = new Map(Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined));
  }

  set(name: string, value: string): void {
    this.#values.set(name, value);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** For the environment of commands: as `NAME` for people's scripts, and under a name that nothing else has for our own references. */
  environment(): Record<string, string> {
    const all = [...this.#values].flatMap(([name, value]) => [
      [environmentName(name), value],
      [referenceName(name), value],
    ]);
    return { ...Object.fromEntries(all), ...this.#overrides };
  }

  /** A variable of the environment whose value there is another than that of `{{name}}`. */
  override(name: string, value: string): void {
    this.#overrides[name] = value;
  }

  /** Puts values into prose. @throws RehearseError for a variable that has no value. */
  fill(text: string): string {
    return text.replace(MUSTACHE, (whole, name: string) => (TEMPLATE_WORDS.has(name) ? whole : this.#value(name)));
  }

  /** As fill, but what has no value stays as written: for showing to people. */
  fillKnown(text: string): string {
    return text.replace(MUSTACHE, (whole, name: string) => this.#values.get(name) ?? whole);
  }

  /**
   * The argument list of a command. A value never splits into several arguments, and never becomes an option: one that starts
   * a word and itself starts with `-` is refused.
   *
   * @throws RehearseError for a variable without a value
   */
  arguments(command: CommandLine): string[] {
    return command.words.map(word => this.#word(word));
  }

  #word(parts: WordPart[]): string {
    let word = '';
    const put = (value: string, name: string) => {
      if (word === '' && value.startsWith('-')) {
        throw new RehearseError(`The value of ${name} starts with "-" and would be taken for an option: ${value}`, {
          hint: 'Correct the value; a variable stands for a name or text, not for an option.',
        });
      }
      return value;
    };
    for (const part of parts) {
      let done = 0;
      const pieces = part.literal ? new RegExp(MUSTACHE) : new RegExp(`${MUSTACHE.source}|${DOLLAR.source}`, 'g');
      for (const match of part.text.matchAll(pieces)) {
        word += part.text.slice(done, match.index);
        done = match.index + match[0].length;
        const [whole, mustache, braced, bare] = match;
        if (mustache !== undefined) word += TEMPLATE_WORDS.has(mustache) ? whole : put(this.#value(mustache), mustache);
        else word += put(this.#environmentValue((braced ?? bare) as string), `$${braced ?? bare}`);
      }
      word += part.text.slice(done);
    }
    return word;
  }

  /**
   * A script for a shell. Every `{{name}}` becomes a reference to an environment variable, so that its value is data there and
   * can never be run as code, whatever it holds.
   */
  script(text: string): string {
    let quote = '';
    let result = '';
    let at = 0;
    while (at < text.length) {
      const rest = text.slice(at);
      const match = /^\{\{\s*([A-Za-z][\w-]*)\s*\}\}/.exec(rest);
      if (match && !TEMPLATE_WORDS.has(match[1] as string)) {
        this.#value(match[1] as string);
        const reference = `\${${referenceName(match[1] as string)}}`;
        result += quote === '"' ? reference : quote === "'" ? `'"${reference}"'` : `"${reference}"`;
        at += match[0].length;
        continue;
      }
      const char = text[at] as string;
      if (char === '\\' && quote !== "'") {
        result += text.slice(at, at + 2);
        at += 2;
        continue;
      }
      if (quote === char) quote = '';
      else if (quote === '' && (char === '"' || char === "'")) quote = char;
      result += char;
      at++;
    }
    return result;
  }

  #value(name: string): string {
    const value = this.#values.get(name);
    if (value !== undefined) return value;
    const known = name in RUN_VARIABLES ? RUN_VARIABLES[name as keyof typeof RUN_VARIABLES] : undefined;
    throw new RehearseError(
      known ? `{{${name}}} (${known}) has no value at this point of the run.` : `The variable {{${name}}} is not defined.`,
      { hint: known ? noValueHint(name) : 'Define it under `vars` in the front matter, or by an `ask` step with `as`.' },
    );
  }

  #environmentValue(name: string): string {
    const inherited = this.environment()[name] ?? process.env[name];
    if (inherited !== undefined) return inherited;
    throw new RehearseError(`The variable $${name} is not defined.`, {
      hint: 'Define it under `vars` in the front matter, by an `ask` step with `as`, or in the environment.',
    });
  }
}

function noValueHint(name: string): string {
  return name === 'suspect' ? 'A step with `do: diagnose` has to come first.' : 'The scenario does not name one.';
}
