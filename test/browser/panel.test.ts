import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RunningBanks, startBanks } from '../../device-sim/run.ts';
import { largeBank } from '../../local/demo-layouts.ts';
import { panel } from '../../local/panel.ts';
import { until } from '../../local/until.ts';
import { defaultBankConfig } from '../../shared/device/config.ts';
import { verifierOf } from '../../shared/device/verifier.ts';
import { expectNoBarriers, openBrowser } from '../support/browser.ts';
import { cloudAtHand } from '../support/cloud-at-hand.ts';

const bankKey = Buffer.alloc(32, 7);
const courier = '111111';
const recipient = '222222';

const grant = (id: string, step: 'deposit' | 'pickup', value: string) => ({
  id,
  step,
  method: 'pin' as const,
  verifier: verifierOf(bankKey, 'pin', value),
  notBefore: Math.floor(Date.now() / 1000) - 60,
  notAfter: Math.floor(Date.now() / 1000) + 3600,
  uses: 1,
});

/** A parcel is expected at door 3. */
const shadows = {
  config: { ...defaultBankConfig, rev: 1, issuerKeys: [] },
  'grants-0': {
    rev: 1,
    '3': {
      transactionId: 'txn_1',
      version: 1,
      grants: [grant('crd_d', 'deposit', courier), { ...grant('crd_p', 'pickup', recipient), after: 'crd_d' }],
    },
  },
};

/** Tries until it no longer throws. */
const eventually = (check: () => Promise<unknown>) =>
  until('it is as the test says', async () => {
    await check();
    return true;
  });

describe('the panel of a simulated bank in a browser', () => {
  let folder: string;
  let banks: RunningBanks;
  let controlUrl: string;
  let browser: { context: BrowserContext; close(): Promise<void> };
  let page: Page;
  const wrong: string[] = [];

  beforeAll(async () => {
    browser = await openBrowser();
    folder = await mkdtemp(join(tmpdir(), 'latchwork-panel-'));
    const empty = join(folder, 'empty.pem');
    await writeFile(empty, '');
    banks = await startBanks(
      {
        mqtt: { host: '127.0.0.1', port: 9, caFile: empty },
        stateDir: folder,
        banks: [{ id: 'bnk_panel', name: 'Harbour Market', certFile: empty, keyFile: empty, doors: largeBank }],
      },
      (line) => wrong.push(line),
      cloudAtHand(shadows, bankKey),
    );
    controlUrl = banks.banks[0]?.controlUrl ?? '';
    await eventually(async () => {
      const grants = await (await fetch(`${controlUrl}/grants`)).json();
      expect(grants).toMatchObject({ doors: { '3': { transactionId: 'txn_1' } } });
    });
    page = await browser.context.newPage();
    page.setDefaultTimeout(10_000);
    page.on('console', (said) => {
      // One test asks for what is not possible.
      const isAsked = said.text().includes('409 (Conflict)');
      if (said.type() === 'error' && !isAsked) wrong.push(said.text());
    });
    page.on('pageerror', (error) => wrong.push(error.message));
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await banks?.stop();
    if (folder) await rm(folder, { recursive: true });
  });
  beforeEach(async () => {
    await panel(controlUrl).link({ online: true, drop: 0, duplicate: 0, delayMs: 0 });
    await page.goto(controlUrl);
    await page.getByRole('heading', { name: 'At door' }).waitFor();
  });

  const says = (text: string | RegExp) => page.locator('#message').filter({ hasText: text }).waitFor();
  const door = (label: string) => page.getByRole('radio', { name: new RegExp(`^Door ${label},`) });
  /** With the mouse; they are numbered in layout order. */
  const choose = (nth: number) =>
    page
      .locator('.door')
      .nth(nth - 1)
      .click();
  const state = async () => panel(controlUrl).state();

  it('shows the bank as it is built, door by door', async () => {
    expect(page.url()).toBe(`${controlUrl}/panel`);
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Harbour Market');
    expect(await page.getByRole('radio').count()).toBe(largeBank.length);
    const boxOf = async (label: string) =>
      (await page
        .locator('.door')
        .nth(Number(label) - 1)
        .boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
    const [first, second, next] = [await boxOf('1'), await boxOf('2'), await boxOf('7')];
    // Door 1 is 600 mm high, door 2 above it 400 mm, door 7 begins the next column.
    expect(first.height / second.height).toBeCloseTo(1.5, 1);
    expect(second.y).toBeLessThan(first.y);
    expect(next.x).toBeGreaterThan(first.x + first.width);
  });

  it('takes a parcel from the courier to the recipient, by mouse', async () => {
    for (const digit of courier) await page.getByRole('button', { name: digit, exact: true }).click();
    await page.getByRole('button', { name: 'Enter', exact: true }).click();
    await says('Door 3 is open. Put the item in and close the door.');
    await page.getByRole('heading', { name: 'At door 3' }).waitFor();
    await page.getByRole('button', { name: 'Put something in and close' }).click();
    await page.getByRole('radio', { name: 'Door 3, closed, something inside' }).waitFor({ state: 'attached' });
    await page.getByLabel('PIN').fill(recipient);
    await page.getByLabel('PIN').press('Enter');
    await says('Door 3 is open. Take the item out and close the door.');
    await page.getByRole('button', { name: 'Take it out and close' }).click();
    await page.getByRole('radio', { name: 'Door 3, closed, empty' }).waitFor({ state: 'attached' });
    expect((await state()).doors['3']).toMatchObject({ door: 'closed', contents: 'empty' });
  });

  it('shows the code that opening by phone asks for, and how long it is good', async () => {
    const code = page.locator('#presence-code');
    await eventually(async () => expect(await code.textContent()).toBe((await state()).presenceCode));
    await page.getByText('To open a door with your phone, enter this code there.').waitFor();
    await page.locator('#presence-left', { hasText: /^\d+ s$/ }).waitFor();
    await panel(controlUrl).power(false);
    await code.waitFor({ state: 'hidden' });
    await panel(controlUrl).power(true);
    await code.waitFor();
  });

  it('is used with the keyboard alone', async () => {
    await door('1').focus();
    await page.keyboard.press('ArrowDown');
    await page.getByRole('heading', { name: 'At door 2' }).waitFor();
    await page.getByRole('button', { name: 'Force open' }).press('Enter');
    await page.getByRole('radio', { name: /^Door 2, open/ }).waitFor({ state: 'attached' });
    await page.getByRole('button', { name: 'Leave ajar' }).press('Space');
    await page.getByRole('radio', { name: /^Door 2, ajar/ }).waitFor({ state: 'attached' });
    await page.getByRole('button', { name: 'Close', exact: true }).press('Enter');
    await page.getByRole('radio', { name: /^Door 2, closed/ }).waitFor({ state: 'attached' });
  });

  it('says why something cannot be done', async () => {
    await choose(5);
    await page.getByRole('button', { name: 'Put in', exact: true }).click();
    await page.getByText('That is not possible: nothing passes a closed door').waitFor();
  });

  it('tells a person why a code does not open', async () => {
    await page.getByLabel('Scanner and reader').selectOption('QR code');
    await page.getByLabel('What it reads').fill('LW1.nonsense');
    await page.getByRole('button', { name: 'Show it' }).click();
    await says('This code is not valid here. Please check it, and try again.');
  });

  it('has a switch for everything that goes wrong', async () => {
    const power = page.getByRole('switch', { name: 'Power' });
    await power.click();
    await page.getByText('No power').waitFor();
    expect(await power.getAttribute('aria-checked')).toBe('false');
    expect((await state()).power).toBe(false);
    await power.click();
    await page.getByText('Power on').waitFor();

    await page.getByRole('switch', { name: 'Network' }).click();
    await page.getByText('Offline', { exact: true }).waitFor();
    await page.getByRole('switch', { name: 'Network' }).click();
    await page.getByText('Online', { exact: true }).waitFor();

    await page.getByLabel('Messages lost').fill('0.25');
    await page.getByLabel('Messages that come twice').fill('1');
    await page.getByLabel('Messages late by up to').fill('400');
    await eventually(async () =>
      expect(await state()).toMatchObject({ link: { drop: 0.25, duplicate: 1, delayMs: 400 } }),
    );

    await page.getByLabel('Its own clock is ahead by, seconds').fill('90');
    await page.getByRole('button', { name: 'Turn it' }).click();
    await eventually(async () => expect(await state()).toMatchObject({ clock: { skewMs: 90_000 } }));
    await panel(controlUrl).clock(0);

    await choose(4);
    await page.getByRole('switch', { name: 'Lock jammed' }).click();
    await page.getByRole('radio', { name: 'Door 4, closed, empty, lock jammed' }).waitFor({ state: 'attached' });
    await page.getByRole('switch', { name: 'Lock jammed' }).click();
    await page.getByLabel('Temperature inside').fill('-18.5');
    await page.getByRole('button', { name: 'Report it' }).click();
    await page.getByRole('cell', { name: 'temperature read: -18.5 °C' }).waitFor();

    const { journal } = await state();
    await page.getByRole('button', { name: 'Replace its disk' }).click();
    await eventually(async () => expect((await state()).journal.journalId).not.toBe(journal.journalId));
  });

  it.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 360],
    ['dark', 360],
  ] as const)('has no barriers in %s colours, %i pixels wide', async (colorScheme, width) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width, height: 900 });
    await panel(controlUrl).door('9', { force: true, contents: 'filled' });
    await panel(controlUrl).enter(recipient);
    await page
      .getByRole('cell', { name: /^access denied: .+, pin$/ })
      .first()
      .waitFor();
    await page.getByRole('radio', { name: /^Door 9, open, something inside/ }).waitFor({ state: 'attached' });
    const { LATCHWORK_SCREENSHOTS: into } = process.env;
    if (into) await page.screenshot({ path: join(into, `panel-${colorScheme}-${width}.png`), fullPage: true });
    await expectNoBarriers(page);
    const widest = await page.evaluate(() => Reflect.get(globalThis, 'document').documentElement.scrollWidth);
    expect(widest).toBeLessThanOrEqual(width);
  });

  it('meets no error on the way, and nothing that its own policy forbids', () => {
    expect(wrong).toEqual([]);
  });
});
