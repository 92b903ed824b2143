import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { follow, step } from './following.ts';
import { scriptedPerson } from './practising.ts';

const FRONT = `---
breakGlass:
  procedure: Ask the incident commander; the account is unlocked for you.
  approvers: [incident commander]
  account: shop-breakglass
  expires: 30m
---
`;
const READS_CONTEXT = `${process.execPath} -e 'console.log(require("node:fs").readFileSync(process.env.KUBECONFIG.split(":")[0], "utf8").match(/current-context: (.*)/)[1])'`;
const BOOK = `${FRONT}${step('Before', '', READS_CONTEXT)}${step('Unlock', 'breakGlass: true', READS_CONTEXT)}${step('After', '', READS_CONTEXT)}`;

let directory: string;
let kubeconfig: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'break-glass-test-'));
  kubeconfig = join(directory, 'config');
  const context = (name: string) => `  - {name: ${name}, context: {cluster: c, user: ${name}}}\n`;
  await writeFile(
    kubeconfig,
    `apiVersion: v1\nkind: Config\ncurrent-context: staging\ncontexts:\n${context('staging')}${context('shop-breakglass')}users:\n  - {name: shop-breakglass, user: {token: tok-of-the-elevated}}\n`,
  );
});
afterEach(() => rm(directory, { recursive: true }));

const SAYS: [string, string][] = [
  ['Whose name', 'Mira Lind'],
  ['Why is it needed', 'the operator refuses my own account'],
  ['Who approved it', 'Lin'],
  ['For how many minutes', '10'],
];
const restored = { reached: () => true };

describe('break-glass access', () => {
  test('is asked for by name, reason and expiry, used for the marked step alone, and everything done with it is listed', async () => {
    const person = scriptedPerson(SAYS);
    const run = await follow(BOOK, { kubeconfig, person, actions: restored });
    expect(run.finished.map(one => [one.outcome, one.output])).toEqual([
      ['passed', 'staging'],
      ['passed', 'shop-breakglass'],
      ['passed', 'staging'],
    ]);
    const events = run.events.filter(event => event.type.startsWith('break-glass'));
    expect(events).toMatchObject([
      {
        type: 'break-glass.opened',
        name: 'Mira Lind',
        reason: 'the operator refuses my own account',
        account: 'shop-breakglass',
        approvedBy: 'Lin',
      },
      { type: 'break-glass.used', stepId: 'unlock', command: expect.stringContaining('KUBECONFIG') },
      { type: 'break-glass.closed', reason: 'the runbook is over' },
    ]);
    const opened = events[0];
    const lasts = opened?.type === 'break-glass.opened' ? Date.parse(opened.expiresAt) - Date.now() : 0;
    expect(lasts).toBeGreaterThan(9 * 60_000);
    expect(lasts).toBeLessThanOrEqual(10 * 60_000);
    expect(person.told).toContain('Break-glass: Ask the incident commander; the account is unlocked for you.');
  });

  test('the elevated credential never shows, and nothing of it is left', async () => {
    const before = (await readdir(tmpdir())).filter(name => name.startsWith('kubeconfig-'));
    const leaks = `${process.execPath} -e 'console.log("using tok-of-the-elevated")'`;
    const run = await follow(`${FRONT}${step('Leak', 'breakGlass: true', leaks)}`, {
      kubeconfig,
      person: scriptedPerson(SAYS),
      actions: restored,
    });
    expect(run.finished[0]?.output).toMatch(/^using /);
    expect(run.finished[0]?.output).not.toContain('tok-of-the-elevated');
    const after = (await readdir(tmpdir())).filter(name => name.startsWith('kubeconfig-') && !before.includes(name));
    expect(after).toEqual([]);
  });

  test('an account that is no context of the kubeconfig is refused with what to do, and the step fails', async () => {
    const run = await follow(
      `${FRONT.replace('shop-breakglass', 'nobody')}${step('Unlock', 'breakGlass: true', READS_CONTEXT)}`,
      {
        kubeconfig,
        person: scriptedPerson([...SAYS, ['failed', ':skip no way in']]),
        actions: restored,
      },
    );
    expect(run.finished[0]).toMatchObject({
      outcome: 'failed',
      error: expect.stringContaining('no context "nobody"'),
      reason: 'no way in',
    });
    expect(run.events.some(event => event.type === 'break-glass.opened')).toBe(false);
  });

  test("the questions come before the command: until they are answered no rollback was issued, and the time is the person's", async () => {
    const order: string[] = [];
    const person = scriptedPerson(SAYS);
    const { prompt } = person;
    person.prompt = (asked, signal) => {
      order.push(`asked: ${asked.text}`);
      return prompt(asked, signal);
    };
    await follow(`${FRONT}${step('Unlock', 'breakGlass: true\nphase: rollback', READS_CONTEXT)}`, {
      kubeconfig,
      person,
      actions: {
        ...restored,
        spend: activity => void (activity === 'machine' && order.push('machine')),
        commandIssued: () => void order.push('issued'),
      },
    });
    const last = order.findIndex(entry => entry.startsWith('asked: For how many minutes'));
    expect(last).toBeGreaterThan(0);
    expect(order.indexOf('machine')).toBeGreaterThan(last);
    expect(order.indexOf('issued')).toBeGreaterThan(last);
  });

  test('nobody at the keyboard: the step says that it needs a person', async () => {
    const run = await follow(BOOK, { kubeconfig });
    expect(run.good).toBe(false);
    expect(run.finished.at(-1)).toMatchObject({
      outcome: 'failed',
      error: expect.stringContaining('needs a person: break-glass'),
    });
  });
});
