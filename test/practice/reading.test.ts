import { describe, expect, test } from 'vitest';
import { legend } from '../../src/practice/commands.ts';
import { complete, readLine } from '../../src/practice/reading.ts';
import type { Prompt } from '../../src/runbook/person.ts';
import { COMMANDS as commands } from './seat.ts';

const failed: Prompt = { kind: 'failed', text: 'Enter tries again', error: 'exit code 1', commands };
const waiting: Prompt = { kind: 'waiting', text: 'waiting', waitingFor: 'cluster', commands };
const text: Prompt = { kind: 'text', text: 'Why?', commands };
const optional: Prompt = { kind: 'text', text: 'Why?', optional: true, commands };
const number: Prompt = { kind: 'number', text: 'How many?', min: 1, max: 5, commands };
const confirm: Prompt = { kind: 'confirm', text: 'Safe?', commands };
const choice: Prompt = {
  kind: 'choice',
  text: 'Which?',
  choices: [
    { value: 'payments' },
    { value: 'checkout', label: 'checkout, 2 minutes ago' },
    { value: 'later', label: 'not sure yet' },
  ],
  commands,
};
const revisions: Prompt = { kind: 'choice', text: 'Which?', choices: [{ value: '3' }, { value: '2' }, { value: '1' }], commands };

const answer = (line: string, prompt: Prompt) => {
  const reading = readLine(prompt, line);
  if (reading.kind === 'again') return `again: ${reading.message}`;
  if (reading.kind === 'local') return `local: ${reading.command}`;
  const { reply } = reading;
  return reply.kind === 'answer' ? `answer: ${reply.text}` : `${reply.command}: ${reply.text}`;
};

describe('what a line means', () => {
  test.each<[string, Prompt, string | RegExp]>([
    ['', failed, 'answer: '],
    ['', waiting, /^again: it goes on by itself/],
    ['n it is the database', failed, 'note: it is the database'],
    ['note it is: a:b', waiting, 'note: it is: a:b'],
    ['NOTE x', waiting, 'note: x'],
    [':note x', failed, 'note: x'],
    ['s pods', failed, 'show: pods'],
    ['ro', failed, 'rollback: '],
    ['handover', failed, 'hand-over: '],
    ['?', failed, 'local: help'],
    ['m', failed, 'local: more'],
    ['st', failed, 'local: status'],
    // Two letters for what ends or undoes something; "re" could be the other.
    ['sk', failed, 'skip: '],
    ['x', failed, /^again: “x” is no command here/],
    ['alert', failed, /^again: “alert” means nothing here/],
    ['it is the database', text, 'answer: it is the database'],
    ['nothing', text, 'answer: nothing'],
    ['n', text, /^again: as a command it begins with a colon, “:n”/],
    ['c is the culprit', text, 'answer: c is the culprit'],
    ['', text, /^again: an answer is needed/],
    ['', optional, 'answer: '],
    [':note aside', text, 'note: aside'],
    ['::wq', text, 'answer: :wq'],
    [':wq', text, /^again: “:wq” is no command here; an answer that begins with a colon is typed with two/],
    ['?', text, 'local: help'],
    ['3', number, 'answer: 3'],
    [' 2.5 ', number, 'answer: 2.5'],
    ['6', number, /^again: 6 is out of range: a number from 1 to 5/],
    ['three', number, /^again: a number is needed from 1 to 5/],
    ['0x3', number, /^again: a number is needed/],
    ['1e999', number, /^again: a number is needed/],
    ['Y', confirm, 'answer: yes'],
    ['no', confirm, 'answer: no'],
    ['n', confirm, 'answer: no'],
    ['', confirm, /^again: yes or no/],
    [':n', confirm, 'note: '],
    ['1', choice, 'answer: payments'],
    ['Checkout', choice, 'answer: checkout'],
    ['not', choice, 'answer: later'],
    ['4', choice, /^again: choose by 1 to 3/],
    ['', choice, /^again: choose by 1 to 3/],
    // Choices that are numbers have letters: "2" is the revision, never the second line.
    ['2', revisions, 'answer: 2'],
    ['b', revisions, 'answer: 2'],
    ['c', revisions, 'answer: 1'],
  ])('%j', (line, prompt, expected) => {
    const read = answer(line, prompt);
    if (typeof expected === 'string') expect(read).toBe(expected);
    else expect(read).toMatch(expected);
  });

  test('a command whose colon was forgotten is not taken for the answer at once', () => {
    expect(answer('note the db is slow', text)).toMatch(
      /^again: as a command it begins with a colon, “:note the db is slow”; once more/,
    );
    expect(readLine(text, 'skip', 'skip')).toEqual({ kind: 'reply', reply: { kind: 'answer', text: 'skip' } });
  });
});

describe('completion', () => {
  test.each<[string, Prompt, string, string[]]>([
    ['es', failed, 'escalate', []],
    ['ha', failed, 'hand-over', []],
    ['s', failed, 's', ['show', 'skip', 'status']],
    ['show p', failed, 'show pods', []],
    [':sho', text, ':show', []],
    ['sho', text, 'sho', []],
    ['pay', choice, 'payments', []],
    ['zzz', failed, 'zzz', []],
    ['y', confirm, 'yes', []],
  ])('%j', (line, prompt, completed, candidates) => {
    expect(complete(prompt, line)).toEqual({ line: completed, candidates });
  });
});

test('the legend shows what means something here, with what has to be typed, in two lines of 80 columns', () => {
  expect(legend(failed)).toBe(
    '[?]help [n]ote [s]how [c]ause [ro]llback [b]ack [d]one [sk]ip [e]scalate [ha]nd-over [h]int [p]ause [q]uit',
  );
  expect(legend({ ...text, commands: ['note'] })).toBe('[?]help after a colon: [n]ote');
  expect(legend({ ...text, commands: [] })).toBe('[?]help');
});
