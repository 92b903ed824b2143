/**
 * Writes renewed OIDC tokens back into the kubeconfig, as kubectl does: an issuer that gives a new refresh token each time no longer
 * takes the old one, and the next kubectl of this person would have to log in again.
 */
import { randomUUID } from 'node:crypto';
import { open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { parseDocument, YAMLMap, YAMLSeq } from 'yaml';
import { systemClock } from '../rehearsal/clock.ts';
import type { OidcTokens } from './oidc.ts';

const LOCK_ATTEMPTS = 20;
const LOCK_PAUSE_MS = 100;

/**
 * All else in the file stays as it is, comments too. A file that cannot be written, as it is mounted read-only or somebody else has the
 * lock, stays as it was: the tokens are good for this run all the same.
 */
export async function keepTokens(kubeconfig: string, user: string, tokens: OidcTokens): Promise<void> {
  try {
    const file = await realpath(kubeconfig);
    // client-go's lock, so that no `kubectl config` writes at the same time.
    const lock = `${kubeconfig}.lock`;
    await takeLock(lock);
    try {
      const changed = withTokens(await readFile(file, 'utf8'), user, tokens);
      if (changed !== undefined) await replaceFile(file, changed);
    } finally {
      await rm(lock, { force: true });
    }
  } catch {
    // See above.
  }
}

function withTokens(text: string, user: string, { idToken, refreshToken }: OidcTokens): string | undefined {
  const document = parseDocument(text);
  const users = document.get('users');
  if (!(users instanceof YAMLSeq)) return undefined;
  const entry = users.items.find(item => item instanceof YAMLMap && item.get('name') === user);
  if (!(entry instanceof YAMLMap) || !(entry.getIn(['user', 'auth-provider', 'config']) instanceof YAMLMap)) return undefined;
  entry.setIn(['user', 'auth-provider', 'config', 'id-token'], idToken);
  entry.setIn(['user', 'auth-provider', 'config', 'refresh-token'], refreshToken);
  return document.toString({ lineWidth: 0 });
}

async function takeLock(lock: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await (await open(lock, 'wx', 0)).close();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt >= LOCK_ATTEMPTS) throw error;
      await systemClock.sleep(LOCK_PAUSE_MS);
    }
  }
}

/** At once or not at all: a crash must not leave half a kubeconfig. */
async function replaceFile(file: string, text: string): Promise<void> {
  const { mode } = await stat(file);
  const draft = `${file}.${randomUUID()}`;
  try {
    const written = await open(draft, 'wx', mode & 0o777);
    try {
      await written.writeFile(text);
      await written.sync();
    } finally {
      await written.close();
    }
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
