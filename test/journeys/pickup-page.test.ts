import { join } from 'node:path';
import type { BrowserContext, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Made } from '../../local/api-client.ts';
import { expectNoBarriers, openBrowser } from '../support/browser.ts';
import { becomes, createParcel, doorOf, knownAtBank, type Parcel, pinFor } from '../support/parcel.ts';
import { type Bank, eventually, newBank, newTenant, stack, type Tenant } from '../support/stack.ts';

const linkFor = (parcel: Parcel, step: string, method = 'pin'): string =>
  z.url().parse(parcel.credentials.find((it) => it.step === step && it.method === method)?.link);

describe('the page of somebody who was sent a link', () => {
  let browser: { context: BrowserContext; close(): Promise<void> };
  let tenant: Tenant;
  let bank: Bank;
  let parcel: Parcel;
  let link: string;
  let page: Page;
  let debug: CDPSession;
  const wrong: string[] = [];

  const newPage = async (): Promise<Page> => {
    const made = await browser.context.newPage();
    made.setDefaultTimeout(20_000);
    made.on('console', (said) => said.type() === 'error' && wrong.push(said.text()));
    made.on('pageerror', (error) => wrong.push(error.message));
    return made;
  };
  const titled = (title: string, on = page) => on.getByRole('heading', { level: 1, name: title }).waitFor();
  /** As a browser whose owner wants none, or that is too old for ours. */
  const scripts = (run: boolean) => debug.send('Emulation.setScriptExecutionDisabled', { value: !run });
  const screenshot = async (of: Page, name: string): Promise<void> => {
    const { LATCHWORK_SCREENSHOTS: into } = process.env;
    if (into) await of.screenshot({ path: join(into, `pickup-${name}.png`), fullPage: true });
  };

  beforeAll(async () => {
    browser = await openBrowser();
    tenant = await newTenant();
    const site = { name: 'Harbour', timeZone: 'Europe/Zurich', address: 'Quay 4, 8001 Zurich' };
    const { id: siteId } = await tenant.api.post('/v1/sites', site, Made);
    const told = {
      position: { latitude: 47.3667, longitude: 8.545 },
      support: { phone: '+41445550100', email: 'help@example.com' },
    };
    await tenant.api.request('PATCH', `/v1/sites/${siteId}`, { body: told });
    bank = await newBank(tenant, { siteId, name: 'Harbour Hall' });
    parcel = await createParcel(tenant, bank, {
      recipient: { name: 'Ada Example', locale: 'en' },
      access: [
        { step: 'pickup', method: 'pin' },
        { step: 'pickup', method: 'qr' },
      ],
    });
    link = linkFor(parcel, 'pickup');
    await knownAtBank(tenant, parcel.id);
    page = await newPage();
    debug = await browser.context.newCDPSession(page);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await bank?.stop();
  });

  it('leads to where the API is, says nothing of the person, and is told again on request', async () => {
    expect(link.startsWith(`${stack.apiUrl}/p/`)).toBe(true);
    const credentialId = parcel.credentials.find((it) => it.step === 'pickup' && it.method === 'pin')?.id;
    const path = `/v1/transactions/${parcel.id}/credentials/${credentialId}/link`;
    expect(await tenant.api.get(path, z.object({ link: z.string() }))).toEqual({ link });
  });

  it('may be kept, framed and found by nobody', async () => {
    for (const method of ['GET', 'HEAD']) {
      const response = await fetch(link, { method });
      expect(response.status).toBe(200);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        'x-robots-tag': 'noindex, nofollow',
        'content-security-policy': expect.stringMatching(/default-src 'none'.*frame-ancestors 'none'/),
      });
    }
    const other = `${link.slice(0, -1)}${link.endsWith('A') ? 'Q' : 'A'}`;
    const nowhere = await fetch(other, { headers: { 'accept-language': 'de-CH,de;q=0.9' } });
    expect([nowhere.status, await nowhere.text()]).toEqual([404, expect.stringContaining('führt nirgends hin')]);
  });

  it('tells whoever waits that it is not here yet, and shows it once it is, with PIN and QR code', async () => {
    await page.goto(link);
    await titled('Your parcel is not here yet');
    await page.getByText('Expected by').waitFor();
    await screenshot(page, 'ahead');
    await bank.panel.enter(pinFor(parcel, 'deposit'));
    await bank.panel.fill(doorOf(parcel));
    await becomes(tenant, parcel.id, 'stored');
    await page.reload();
    await titled('Your parcel is here');
    await page.getByText(`Door ${doorOf(parcel)}`, { exact: true }).waitFor();
    await page.getByText(/days?\s\d+\shours? left/).waitFor();
    await page.getByText('Show PIN').click();
    await page.getByText(pinFor(parcel, 'pickup')).waitFor();
    await page.getByRole('img', { name: 'QR code' }).waitFor();
    expect(await page.getByRole('link', { name: /Show on a map/ }).getAttribute('href')).toContain('mlat=47.3667');
    expect(await page.content()).not.toContain('Ada Example');
  });

  it.each([
    ['light', 1280, true],
    ['dark', 1280, false],
    ['light', 360, false],
    ['dark', 360, true],
  ] as const)('has no barriers in %s colours, %i pixels wide, scripts: %s', async (colorScheme, width, run) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width, height: 800 });
    await scripts(run);
    const response = await page.goto(link);
    expect((await response?.body())?.length).toBeLessThan(50 * 1024);
    for (const details of await page.locator('summary').all()) await details.click();
    await screenshot(page, `${colorScheme}-${width}`);
    await scripts(true);
    await expectNoBarriers(page);
    const widest = await page.evaluate(() => Reflect.get(globalThis, 'document').documentElement.scrollWidth);
    expect(widest).toBeLessThanOrEqual(width);
  });

  it('is handed on without a script, opened by the other person from where they stand, and over then', async () => {
    await scripts(false);
    await page.goto(link);
    await page.getByText('Somebody else goes for you?').click();
    await page.getByLabel('Name').fill('Ben <Example>');
    await page.getByLabel('Mobile number').fill('079 123');
    await page.getByRole('button', { name: 'Hand it on' }).click();
    await page.getByText('Please write the phone number with its country').waitFor();
    expect(await page.getByLabel('Name').inputValue()).toBe('Ben <Example>');
    await page.getByLabel('Mobile number').fill('');
    await page.getByRole('button', { name: 'Hand it on' }).click();
    await page.getByRole('heading', { name: 'Goes for you: Ben <Example>' }).waitFor();
    await screenshot(page, 'handed-on');
    const theirs = z.url().parse(await page.getByRole('link', { name: 'Their page' }).getAttribute('href'));
    await scripts(true);

    const other = await newPage();
    await other.setViewportSize({ width: 360, height: 800 });
    await other.goto(theirs);
    await titled('Your parcel is here', other);
    await other.getByLabel('Six digits on the screen').fill('000000');
    await other.getByRole('button', { name: `Open door ${doorOf(parcel)}` }).click();
    await other.getByText('The bank does not show this code now').waitFor();
    await eventually(
      async () => {
        const { presenceCode } = await bank.panel.state();
        await other.goto(theirs);
        await other.getByLabel('Six digits on the screen').fill(z.string().parse(presenceCode));
        await other.getByRole('button', { name: `Open door ${doorOf(parcel)}` }).click();
        await other.getByText(`Door ${doorOf(parcel)} is open`).waitFor({ timeout: 5_000 });
      },
      { what: 'the door opens with the code of the panel', within: 40_000 },
    );
    await screenshot(other, 'open');
    await expectNoBarriers(other);
    await bank.panel.clear(doorOf(parcel));
    await becomes(tenant, parcel.id, 'completed');
    await other.goto(theirs);
    await titled('Your parcel has been picked up', other);
    await screenshot(other, 'completed');
    await page.goto(link);
    await titled('Your parcel has been picked up');
    await other.close();
  });

  it('meets no error on the way but the number that is none, and nothing that its own policy forbids', () => {
    expect(wrong).toEqual([
      'Failed to load resource: the server responded with a status of 422 (Unprocessable Entity)',
    ]);
  });
});
