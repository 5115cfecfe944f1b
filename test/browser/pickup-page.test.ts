import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import type { BrowserContext, CDPSession, Page, Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../local/ports.ts';
import { credentialValue } from '../../shared/domain/derived.ts';
import type { Pickup, Situation } from '../../shared/domain/pickup.ts';
import { rootKeysFrom } from '../../shared/domain/root-key.ts';
import { instant } from '../../shared/domain/time.ts';
import { type PickupPage, pageHeaders, pickupPage } from '../../shared/page/pickup-page.ts';
import { languages } from '../../shared/page/words.ts';
import { reserved } from '../domain/cloud-and-bank.ts';
import { expectNoBarriers, openBrowser } from '../support/browser.ts';

const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
const [, pin] = reserved('txn_1', '7').credentials;
if (pin === undefined) throw new Error('a parcel has two credentials');
const qr = { ...pin, id: 'crd_q', method: 'qr' as const };
const theirs = { ...pin, id: 'crd_z' };

const pickup: Pickup = {
  task: 'parcel',
  situation: 'ready',
  actorId: pin.id,
  party: {},
  door: '7',
  credentials: [pin, qr],
  from: null,
  until: instant(Date.now() + 2.5 * 86_400_000),
  isOverdue: false,
  opens: pin,
  isScanned: false,
  handsOn: pin,
  together: [],
  handedOn: [{ credential: theirs, party: { name: 'Ben' } }],
};

const whole: PickupPage = {
  words: languages.de,
  version: 3,
  here: 'token',
  pickup,
  bank: { name: 'Hafenhalle', timeZone: 'Pacific/Auckland', isOffline: false },
  site: { name: 'Hafen', address: 'Kai 4, 8001 Zürich', support: { phone: '+41445550100', email: 'help@example.com' } },
  values: new Map([
    [pin.id, '482913'],
    [theirs.id, '905127'],
    [qr.id, credentialValue(rootKeys, { bankId: 'bnk_1', transactionId: 'txn_1' }, qr) ?? ''],
  ]),
  brand: { name: 'Hafenpost', color: '#7a1fa2', logoUrl: null },
  links: new Map([[theirs.id, 'https://api.example/p/theirs']]),
  typed: null,
  notice: 'wrong_presence_code',
  opening: null,
};

describe('the pickup page in a browser, with all that it may have', () => {
  let browser: { context: BrowserContext; close(): Promise<void> };
  let server: Server;
  let page: Page;
  let debug: CDPSession;
  let url: string;
  let shown = whole;
  const wrong: string[] = [];

  beforeAll(async () => {
    const port = await freePort();
    server = createServer((_, response) => response.writeHead(200, pageHeaders(shown.brand)).end(pickupPage(shown)));
    await new Promise<void>((listening) => {
      server.listen(port, '127.0.0.1', listening);
    });
    url = `http://127.0.0.1:${port}/p/token`;
    browser = await openBrowser();
    page = await browser.context.newPage();
    page.setDefaultTimeout(10_000);
    page.on('console', (said) => said.type() === 'error' && wrong.push(said.text()));
    page.on('pageerror', (error) => wrong.push(error.message));
    debug = await browser.context.newCDPSession(page);
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  /** As a browser whose owner wants no scripts, or that is too old for ours. */
  const scripts = (run: boolean) => debug.send('Emulation.setScriptExecutionDisabled', { value: !run });

  it.each([
    ['light', 1280, true],
    ['dark', 1280, false],
    ['light', 360, false],
    ['dark', 360, true],
  ] as const)('has no barriers in %s colours, %i pixels wide, scripts: %s', async (colorScheme, width, run) => {
    shown = whole;
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width, height: 800 });
    await scripts(run);
    await page.goto(url);
    for (const details of await page.locator('summary').all()) await details.click();
    // Elsewhere than the bank, by their own clock.
    const countdown = page.getByText(/noch\s2\sTage\s\d+\sStunden? \(.*nach Ihrer Uhr\)/);
    if (run) await countdown.waitFor();
    else expect(await countdown.count()).toBe(0);
    const { LATCHWORK_SCREENSHOTS: into } = process.env;
    if (into) await page.screenshot({ path: join(into, `pickup-whole-${colorScheme}-${width}.png`), fullPage: true });
    await scripts(true);
    await expectNoBarriers(page);
    const widest = await page.evaluate(() => Reflect.get(globalThis, 'document').documentElement.scrollWidth);
    expect(widest).toBeLessThanOrEqual(width);
  });

  it('has none either while nothing can be opened, and once it is over', async () => {
    const situations: Situation[] = ['ahead', 'on_hold', 'too_late', 'completed'];
    for (const situation of situations) {
      const over = situation === 'completed' ? { door: null, credentials: [] } : {};
      shown = {
        ...whole,
        pickup: { ...pickup, situation, ...over, until: null, opens: null, handsOn: null, handedOn: [] },
        bank: { ...whole.bank, isOffline: true },
        notice: null,
        opening: situation === 'on_hold' ? { state: 'not_opened', door: '7' } : null,
      };
      await page.goto(url);
      await expectNoBarriers(page);
    }
  });

  it('leaves a form open that does not fit, with what was typed, and goes to the field that is wrong', async () => {
    shown = { ...whole, notice: null, typed: { person: { name: 'Ben', phone: '079 1', email: '' }, wrong: 'phone' } };
    for (const run of [true, false]) {
      await scripts(run);
      await page.goto(url);
      await page.locator('#phone:focus').waitFor();
      await page.getByText(languages.de.notices.not_a_phone).waitFor();
      expect(await page.locator('#name').inputValue()).toBe('Ben');
      expect(await page.locator('#phone').inputValue()).toBe('079 1');
      const { LATCHWORK_SCREENSHOTS: into } = process.env;
      if (into) await page.screenshot({ path: join(into, `pickup-typed-${run}.png`), fullPage: true });
      await scripts(true);
      await expectNoBarriers(page);
    }
  });

  it('leaves a form open that was overtaken, with what was typed, and nothing to tap that takes it away', async () => {
    const person = { name: 'Ben', phone: '+41791234567', email: 'ben@example.com' };
    shown = { ...whole, notice: 'changed', typed: { person, wrong: null } };
    await scripts(true);
    await page.goto(url);
    await page.getByRole('status').getByText(languages.de.notices.changed).waitFor();
    for (const [field, value] of Object.entries(person))
      expect(await page.locator(`#${field}`).inputValue()).toBe(value);
    expect(await page.getByRole('link', { name: 'OK' }).count()).toBe(0);
    await expectNoBarriers(page);
  });

  it.each([
    ['when the door is asked to open', 'POST'],
    ['while it waits to hear that it has opened', 'GET'],
  ])('says so if nobody answers %s', async (_, lost) => {
    shown = whole;
    await page.goto(url);
    shown = { ...whole, opening: { state: 'under_way', door: '7' } };
    const before = [...wrong];
    const lose = (asked: Route) => (asked.request().method() === lost ? asked.abort() : asked.continue());
    await page.route('**/*', lose);
    await page.getByLabel(languages.de.code).fill('123456');
    await page.getByRole('button', { name: languages.de.open('7') }).click();
    await page.getByText(languages.de.noAnswer).waitFor();
    await page.unroute('**/*', lose);
    // The browser complains of what was lost, and of nothing else.
    expect(wrong.slice(before.length).filter((it) => !it.includes('ERR_FAILED'))).toEqual([]);
    wrong.splice(before.length);
  });

  it('meets nothing that its own policy forbids', () => {
    expect(wrong).toEqual([]);
  });
});
