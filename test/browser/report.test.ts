/**
 * The report in a real browser: layout, contrast, keyboard, print, and that nothing leaves the file.
 * Needs the system's Chromium (on the PATH, or named by CHROMIUM) and is skipped without one.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AxeResults } from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { foldEvents } from '../../src/record/fold.ts';
import { renderIndex } from '../../src/report/index-page.ts';
import { renderReport } from '../../src/report/report.ts';
import { PRACTICE_KINDS, practiceEvents } from '../fixtures/practice-runs.ts';
import { RUN_KINDS, type RunKind, runEvents } from '../fixtures/runs.ts';
import { findChromium } from './chromium.ts';

const executablePath = findChromium();
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Set to keep the screenshots, for looking at them. */
const screenshots = process.env['SCREENSHOTS'];

if (!executablePath)
  process.stderr.write('test/browser: skipped, no Chromium on the PATH; name one with CHROMIUM=/path/to/chromium\n');

describe.skipIf(!executablePath)('pages in Chromium', () => {
  let browser: Browser;
  let folder: string;
  const pages = new Map<string, string>();

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rehearse-browser-'));
    const save = (name: string, html: string) => {
      const path = join(folder, `${name}.html`);
      writeFileSync(path, html);
      pages.set(name, pathToFileURL(path).href);
    };
    for (const kind of RUN_KINDS) save(kind, renderReport(foldEvents(runEvents(kind)), { indexHref: 'index.html' }));
    const before = foldEvents(practiceEvents('practice', '2026-11-15T15:10:00.000Z', 1.4));
    for (const kind of PRACTICE_KINDS)
      save(kind, renderReport(foldEvents(practiceEvents(kind)), { indexHref: 'index.html', previous: [before] }));
    save('long-names', renderReport(longNames()));
    save('long-practice', renderReport(longPractice(), { previous: [longPractice()] }));
    save('index', renderIndex(RUN_KINDS.map((kind, i) => foldEvents(runEvents(kind, `2026-11-${10 + i}T14:00:00.000Z`)))));
    save('index-empty', renderIndex([]));
    browser = await chromium.launch({ executablePath: executablePath as string, args: ['--no-sandbox'] });
  });

  afterAll(async () => {
    await browser?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  interface Look {
    colorScheme?: 'light' | 'dark';
    width?: number;
    bypassCSP?: boolean;
  }

  /** Opens a page and fails on anything the browser complains about: a blocked style, a request, a script. */
  async function open(name: string, look: Look, use: (page: Page) => Promise<void>): Promise<void> {
    const context = await browser.newContext({
      viewport: { width: look.width ?? 1280, height: 900 },
      colorScheme: look.colorScheme ?? 'light',
      bypassCSP: look.bypassCSP ?? false,
    });
    const page = await context.newPage();
    const complaints: string[] = [];
    const requests: string[] = [];
    page.on('console', message => complaints.push(message.text()));
    page.on('pageerror', error => complaints.push(error.message));
    page.on('request', request => requests.push(request.url()));
    await page.goto(pages.get(name) as string);
    await use(page);
    expect(complaints).toEqual([]);
    expect(requests).toEqual([pages.get(name)]);
    await context.close();
  }

  /** Evaluates an expression in the page. As text: the project is compiled without the types of a browser. */
  const evaluate = <Result>(page: Page, expression: string): Promise<Result> => page.evaluate<Result>(expression);

  async function keep(page: Page, name: string): Promise<void> {
    if (!screenshots) return;
    mkdirSync(screenshots, { recursive: true });
    await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
  }

  test.each([...RUN_KINDS, ...PRACTICE_KINDS, 'long-names', 'long-practice', 'index', 'index-empty'])(
    '%s: nothing runs over the edge, from a telephone to a wide screen',
    async name => {
      await open(name, { width: 360 }, async page => {
        for (const width of [360, 740, 920, 1180, 1920]) {
          await page.setViewportSize({ width, height: 900 });
          expect(await evaluate(page, 'document.documentElement.scrollWidth'), `at ${width} px`).toBeLessThanOrEqual(width);
          if (width === 360) await keep(page, `${name}-narrow`);
        }
      });
    },
  );

  test.each([
    ['met', 'light', 1280],
    ['met', 'dark', 360],
    ['missed-objective', 'dark', 1280],
    ['not-restored', 'light', 1280],
    ['misdiagnosed', 'light', 360],
    ['error-before', 'dark', 1280],
    ['refused', 'light', 1280],
    ['killed', 'dark', 1280],
    ['practice', 'light', 1280],
    ['practice', 'dark', 360],
    ['blind', 'dark', 1280],
    ['blind', 'light', 360],
    ['roles', 'light', 1280],
    ['roles', 'dark', 360],
    ['index', 'light', 1280],
    ['index', 'dark', 360],
    ['index-empty', 'dark', 1280],
  ] as const)('%s, %s, %i px: axe finds no violation', async (name, colorScheme, width) => {
    // Only the scanner needs a way around the policy; what is scanned is the page as it is.
    await open(name, { colorScheme, width, bypassCSP: true }, async page => {
      await page.evaluate('for (const details of document.querySelectorAll("details")) details.open = true');
      await page.evaluate(axeSource);
      const results = await evaluate<AxeResults>(page, 'axe.run({ resultTypes: ["violations"] })');
      const violations = results.violations.map(
        ({ id, nodes }) => `${id}: ${nodes.map(node => `${node.html.slice(0, 120)} ${node.any[0]?.message ?? ''}`).join(' | ')}`,
      );
      expect(violations).toEqual([]);
      expect(results.passes.length).toBeGreaterThan(0);
      await keep(page, `${name}-${colorScheme}-${width}`);
    });
  });

  test('the policy is in force: the style sheet applies, an inline style and a script do not', async () => {
    const fontSize = 'parseFloat(getComputedStyle(document.querySelector(".hero-figure .figure")).fontSize)';
    await open('met', {}, async page => {
      expect(await evaluate(page, fontSize)).toBeGreaterThan(40);
    });
    const context = await browser.newContext();
    const page = await context.newPage();
    const path = join(folder, 'injected.html');
    const html = readFileSync(new URL(pages.get('met') as string), 'utf8');
    writeFileSync(
      path,
      html.replace('</main>', '<p id="styled" style="color:rgb(1,2,3)">x</p><script>document.title="ran"</script></main>'),
    );
    await page.goto(pathToFileURL(path).href);
    expect(await evaluate(page, 'getComputedStyle(document.querySelector("#styled")).color')).not.toBe('rgb(1, 2, 3)');
    expect(await page.title()).not.toBe('ran');
    await context.close();
  });

  test('labels of moments do not cover each other on the page, even where moments are close together', async () => {
    for (const name of ['met', 'missed-objective', 'not-restored', 'misdiagnosed'] satisfies RunKind[]) {
      await open(name, {}, async page => {
        for (const width of [360, 911, 1160, 1600]) {
          await page.setViewportSize({ width, height: 900 });
          const boxes = await evaluate<{ left: number; right: number; top: number; bottom: number }[]>(
            page,
            `[...document.querySelectorAll('.flag rect')].map(rect => rect.getBoundingClientRect()).filter(box => box.width > 0)
              .map(({ left, right, top, bottom }) => ({ left, right, top, bottom }))`,
          );
          expect(boxes.length).toBeGreaterThanOrEqual(3);
          for (const [i, a] of boxes.entries()) {
            expect(a.left, `${name} at ${width} px`).toBeGreaterThanOrEqual(0);
            expect(a.right, `${name} at ${width} px`).toBeLessThanOrEqual(width);
            for (const b of boxes.slice(i + 1)) {
              const apart = a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
              expect(apart, `${name} at ${width} px`).toBe(true);
            }
          }
        }
      });
    }
  });

  test('all lanes share one time axis: a bar starts under the line of its moment', async () => {
    await open('met', {}, async page => {
      for (const width of [1280, 360]) {
        await page.setViewportSize({ width, height: 900 });
        const left = (selector: string) =>
          evaluate<number>(page, `document.querySelector('${selector}').getBoundingClientRect().left`);
        const line = await left('.mark-line.m-detected');
        expect(Math.abs(line - (await left('.tl-phases .p-diagnosis'))), `at ${width} px`).toBeLessThan(2);
        // A dot stands with its middle on the line.
        expect(Math.abs(line - (await left('.signal')) - 5), `at ${width} px`).toBeLessThan(3);
      }
    });
  });

  test('the keyboard reaches everything, the skip link first, and focus can be seen', async () => {
    await open('met', {}, async page => {
      await page.keyboard.press('Tab');
      expect(await evaluate(page, 'document.activeElement.textContent')).toBe('Skip to the report');
      await page.keyboard.press('Enter');
      expect(await evaluate(page, 'document.activeElement.id')).toBe('main');
      const reached = new Set<string>();
      for (let i = 0; i < 45; i++) {
        await page.keyboard.press('Tab');
        const [tag, outline] = await evaluate<[string, string]>(
          page,
          '[document.activeElement.tagName, getComputedStyle(document.activeElement).outlineStyle]',
        );
        expect(outline).toBe('solid');
        reached.add(tag);
      }
      expect([...reached].sort()).toEqual(['A', 'DIV', 'PRE', 'SUMMARY']);
      await page.locator('#runbook summary').first().focus();
      await page.keyboard.press('Enter');
      expect(await page.locator('#runbook details').first().getAttribute('open')).not.toBeNull();
    });
  });

  test('a link to an event shows that event', async () => {
    await open('met', {}, async page => {
      await page.locator('#phases a.event').first().click();
      expect(await evaluate(page, 'document.querySelector(":target").innerText')).toContain('t1 detected');
    });
  });

  test('print is light, opens what was folded, and leaves out what only works on a screen', async () => {
    await open('missed-objective', { colorScheme: 'dark', width: 1000 }, async page => {
      await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
      expect(await evaluate(page, 'getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)');
      expect(await page.locator('.toc').isVisible()).toBe(false);
      expect(await page.locator('#runbook pre').first().isVisible()).toBe(true);
      await keep(page, 'missed-objective-print');
      const pdf = await page.pdf({ format: 'A4', printBackground: true });
      expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
      const sheets = pdf.toString('latin1').match(/\/Type\s*\/Page[^s]/g)?.length ?? 0;
      expect(sheets).toBeGreaterThan(2);
      expect(sheets).toBeLessThan(16);
    });
  });

  test('where a server forbids all styles, as Jenkins does, the page still reads from top to bottom', async () => {
    await open('missed-objective', { bypassCSP: true }, async page => {
      await page.evaluate('document.querySelector("style").remove()');
      const order = await evaluate<string>(page, 'document.querySelector("main").innerText');
      const parts = ['4 objectives missed', '43.5', 'Where the time went', 'What to improve', 'Timeline', 'Event log'];
      const places = parts.map(part => order.indexOf(part));
      expect(places).not.toContain(-1);
      expect(places).toEqual([...places].sort((a, b) => a - b));
      // The drawing for narrow screens stays away, and no drawing takes over the page.
      const drawings = await evaluate<[narrow: boolean, height: number][]>(
        page,
        '[...document.querySelectorAll("svg")].map(svg => [svg.classList.contains("narrow"), svg.getBoundingClientRect().height])',
      );
      expect(drawings.filter(([narrow, height]) => narrow && height > 0)).toEqual([]);
      expect(Math.max(...drawings.map(([, height]) => height))).toBeLessThan(150);
      await keep(page, 'missed-objective-unstyled');
    });
  });
});

function longPractice() {
  const record = foldEvents(practiceEvents('roles'));
  const long = 'a-very-long-name-that-somebody-generated-'.repeat(6).slice(0, 230);
  record.blind = { seed: 1, scenarios: [long, long] };
  record.hints.push({ tMs: 60_000, by: long, level: 1, text: long, cost: 2 });
  record.notes.push({ tMs: 60_000, by: long, text: long });
  for (const role of record.roles) role.role = long;
  for (const each of record.handOvers) Object.assign(each, { role: long, from: long, to: long, reason: long });
  for (const each of record.escalations) Object.assign(each, { by: long, to: long, reason: long });
  for (const use of record.breakGlass) {
    Object.assign(use, { name: long, reason: long, account: long, approvedBy: long });
    for (const one of use.used) one.command = long;
  }
  for (const step of record.runbook.steps) Object.assign(step, { id: long, title: long, reason: long, by: long, owner: long });
  if (record.rollback) record.rollback.outside = { manager: long, how: long, at: long };
  for (const step of record.plan?.runbook?.outline ?? []) step.title = long;
  return record;
}

/** Names as long as Kubernetes allows, and words without a place to break. */
function longNames() {
  const record = foldEvents(runEvents('misdiagnosed'));
  const long = 'a-very-long-name-that-somebody-generated-'.repeat(6).slice(0, 230);
  record.scenario.title = long;
  record.runId = long;
  record.environment.server = `https://${long}`;
  for (const detector of record.detectors) {
    detector.name = long;
    for (const signal of detector.signals) signal.message = long;
  }
  for (const step of record.runbook.steps) {
    step.title = long;
    step.output = `${long}${long}`;
    step.command = long;
    step.error = long;
  }
  for (const answer of record.diagnosis.answers) {
    for (const suspect of answer.suspects) {
      suspect.workload = { ...suspect.workload, name: long };
      for (const reason of suspect.reasons) reason.evidence = long;
    }
  }
  return record;
}
