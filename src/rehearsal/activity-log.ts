import type { Activity, EventBody } from '../record/events.ts';

interface ActivityParts {
  emit: (event: EventBody) => void;
  /** t0 is reached: before it no time is told. */
  begun: () => boolean;
  /** What is under way ends by itself, whatever a person does meanwhile. */
  byItself: () => boolean;
}

/** What the drill's time goes into, told whenever it changes. */
export class ActivityLog {
  readonly #parts: ActivityParts;
  #spent: { activity: Activity; stepId: string | undefined; detail: string | undefined } = {
    activity: 'cluster',
    stepId: undefined,
    detail: undefined,
  };
  #told = '';

  constructor(parts: ActivityParts) {
    this.#parts = parts;
  }

  /** From now on. Without `of`, for the step that it went into last. */
  spend(activity: Activity, of?: { stepId?: string; detail?: string }): void {
    this.#spent = { activity, stepId: of ? of.stepId : this.#spent.stepId, detail: of?.detail };
    this.tell();
  }

  /** Looks again whether it is the person who is waited for; the same again is nothing new. */
  tell(): void {
    const { begun, byItself, emit } = this.#parts;
    if (!begun()) return;
    const { activity: spent, stepId, detail } = this.#spent;
    const activity = spent === 'person' && byItself() ? 'cluster' : spent;
    const key = JSON.stringify([activity, stepId, detail]);
    if (key === this.#told) return;
    this.#told = key;
    emit({
      type: 'activity.changed',
      activity,
      ...(stepId === undefined ? {} : { stepId }),
      ...(detail === undefined ? {} : { detail }),
    });
  }
}
