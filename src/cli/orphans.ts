import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { isAbandoned, localJournals } from '../cluster/undo-journal.ts';
import { unsealRun } from '../record/store.ts';
import { systemClock } from '../rehearsal/clock.ts';
import { damagedJournal } from './damaged-journal.ts';

/** Tells of runs on this machine that died before they restored their target. A sandbox died with its run: nothing is left to restore. */
export async function announceOrphans(stateDir: string, say: (text: string) => void): Promise<void> {
  for (const { path, journal, problem } of await localJournals(stateDir)) {
    if (!journal) {
      const damaged = await damagedJournal({ path, problem });
      say(`the undo journal ${path} cannot be read (${damaged.problem}): a target may be left unrestored\n${damaged.remedy}`);
    } else if (isAbandoned(journal, { host: hostname(), now: systemClock.now() })) {
      // A blind drill that is over has no secret to keep.
      try {
        if (journal.directory !== undefined) unsealRun(journal.directory);
      } catch (error) {
        say(`the record of run ${journal.runId} stays sealed: ${(error as Error).message}`);
      }
      if (journal.provider === 'sandbox') await rm(path, { force: true });
      else
        say(
          `run ${journal.runId} of ${journal.scenario} on ${journal.context} was not restored: rehearse restore ${journal.runId}`,
        );
    }
  }
}
