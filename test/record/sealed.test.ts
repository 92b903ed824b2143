import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openText, sealText } from '../../src/record/seal.ts';
import { createRunStore, readEvents, unsealRun } from '../../src/record/store.ts';
import { runEvents } from '../fixtures/runs.ts';

let folder: string;
let directory: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rehearse-sealed-'));
  directory = join(folder, 'run');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const written = () =>
  readdirSync(directory)
    .map(name => `${name}\n${readFileSync(join(directory, name), 'latin1')}`)
    .join('\n');
const TELLING = /error-rate|payments|fault|decoy|1\.5\.0|injected/i;

describe('an envelope', () => {
  test('is opened to what was put in, and shows nothing of it', () => {
    const text = JSON.stringify({ entries: [{ object: 'deployment/payments' }], what: 'é'.repeat(9000) });
    const sealed = sealText(text);
    expect(openText(sealed)).toBe(text);
    expect(sealed).not.toMatch(TELLING);
    expect(Buffer.from(sealed, 'base64').toString('latin1')).not.toMatch(TELLING);
    expect(sealed.split('\n')).toHaveLength(1);
  });

  test('does not tell by its length which of two objects is in it', () => {
    expect(sealText('a short one').length).toBe(sealText('a longer one, as another workload would have'.repeat(40)).length);
  });

  test('the same text twice looks different, so that nobody compares', () => {
    expect(sealText('payments')).not.toBe(sealText('payments'));
  });

  test('what was not sealed is read as it is: journals of drills that are not blind', () => {
    for (const text of ['{"version":1}', 'no JSON', '']) expect(openText(text)).toBe(text);
  });

  test('a damaged one is told, not half read', () => {
    const sealed = JSON.parse(sealText('payments')) as { data: string };
    const bytes = Buffer.from(sealed.data, 'base64');
    bytes[40] = (bytes[40] ?? 0) ^ 1;
    expect(() => openText(JSON.stringify({ ...sealed, data: bytes.toString('base64') }))).toThrow();
  });
});

describe('the folder of a blind run', () => {
  const events = runEvents('met');

  function play() {
    const store = createRunStore(directory, { sealed: true });
    const log = store.openLog();
    for (const event of events) {
      store.append(event);
      log.write(`${JSON.stringify({ msg: event.type, event })}\n`);
    }
    return { store, log };
  }

  test('shows nothing of the drill until it is over; the same events in the open show everything', () => {
    const { store } = play();
    expect(readdirSync(directory).sort()).toEqual(['events.sealed', 'log.sealed']);
    expect(written()).not.toMatch(TELLING);
    store.unseal();
    expect(written()).toMatch(TELLING);
  });

  test('over, it is a run like any other, and what comes later goes on in the open', () => {
    const { store, log } = play();
    store.unseal();
    expect(readdirSync(directory).sort()).toEqual(['events.ndjson', 'rehearse.log']);
    const later = { seq: 9999, at: '2026-11-22T15:00:00.000Z', tMs: 99_999, type: 'note', text: 'late' } as const;
    store.append(later);
    log.write('{"msg":"late"}\n');
    store.close();
    expect(readEvents(directory)).toEqual([...events, later]);
    const lines = readFileSync(join(directory, 'rehearse.log'), 'utf8').trimEnd().split('\n');
    expect(lines).toHaveLength(events.length + 1);
    expect(lines.at(-1)).toBe('{"msg":"late"}');
  });

  test('a run that ends with an error is readable too', () => {
    play().store.close();
    expect(readEvents(directory)).toEqual(events);
  });

  test('no report or record is written beside sealed events by mistake', () => {
    const { store } = play();
    expect(() => store.writeFile('report.html', 'payments')).toThrow(/unseal/);
    expect(existsSync(join(directory, 'report.html'))).toBe(false);
  });

  test('a torn end costs one line', () => {
    const { store } = play();
    const path = join(directory, 'events.sealed');
    const bytes = readFileSync(path);
    truncateSync(path, bytes.length - 20);
    appendFileSync(path, '\n');
    store.close();
    expect(readEvents(directory)).toEqual(events.slice(0, -1));
  });

  test('while the drill runs nobody opens it; after SIGKILL everything that was written is there', async () => {
    const script = join(folder, 'writer.ts');
    writeFileSync(
      script,
      `import { createRunStore } from ${JSON.stringify(join(process.cwd(), 'src/record/store.ts'))};
       const store = createRunStore(${JSON.stringify(directory)}, { sealed: true });
       for (let seq = 1; seq <= 200; seq++) store.append({ seq, at: '2026-11-22T10:00:00.000Z', tMs: seq, type: 'note', text: 'payments' });
       process.stdout.write('written');
       setInterval(() => {}, 1000);`,
    );
    const writer = spawn(process.execPath, ['--import', 'tsx', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: process.cwd(),
    });
    const exited = once(writer, 'exit');
    await once(writer.stdout, 'data');
    expect(unsealRun(directory)).toBe('in-use');
    expect(readdirSync(directory)).toEqual(['events.sealed']);
    writer.kill('SIGKILL');
    await exited;
    expect(unsealRun(directory)).toBe('open');
    expect(readdirSync(directory)).toEqual(['events.ndjson']);
    expect(readEvents(directory).map(event => event.seq)).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
  });

  test('one that another machine wrote to a moment ago is left alone', () => {
    play();
    const path = join(directory, 'events.sealed');
    const text = readFileSync(path, 'utf8').replace(/"host":"[^"]*"/, '"host":"elsewhere"');
    writeFileSync(path, text);
    rmSync(join(directory, 'log.sealed'));
    expect(unsealRun(directory)).toBe('in-use');
  });
});
