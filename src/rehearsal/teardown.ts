/**
 * What must be undone, in reverse order. A teardown is registered before its set-up runs, so a set-up that fails
 * halfway is undone as well. Every teardown runs, whatever the others do.
 */
export class Teardowns {
  readonly #stack: { name: string; run: () => Promise<void> | void }[] = [];

  add(name: string, run: () => Promise<void> | void): void {
    this.#stack.push({ name, run });
  }

  /** Runs all, last first. Resolves with the failures; never rejects. */
  async run(): Promise<{ name: string; error: unknown }[]> {
    const failures: { name: string; error: unknown }[] = [];
    for (let teardown = this.#stack.pop(); teardown; teardown = this.#stack.pop()) {
      try {
        await teardown.run();
      } catch (error) {
        failures.push({ name: teardown.name, error });
      }
    }
    return failures;
  }
}
