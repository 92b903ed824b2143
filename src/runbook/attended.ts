import type { RunbookActions } from '../rehearsal/ports.ts';
import type { Person } from './person.ts';

/** The person, as long as somebody is there: when the terminal goes away the drill ends as if they had ended it, and is restored. */
export function attended(person: Person, actions: Pick<RunbookActions, 'end'>, drill: AbortSignal): Person {
  return {
    get name() {
      return person.name;
    },
    set name(name) {
      person.name = name;
    },
    tell: (text, kind) => person.tell(text, kind),
    stream: line => person.stream(line),
    async prompt(prompt, signal) {
      try {
        return await person.prompt(prompt, signal);
      } catch (error) {
        if (!signal.aborted) actions.end(error instanceof Error ? error.message : String(error));
        drill.throwIfAborted();
        throw error;
      }
    },
  };
}
