import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../local/ports.ts';
import { referenceFiles } from '../../local/reference/documents.ts';
import { type ReferenceServer, startReference } from '../../local/reference/server.ts';
import asyncapi from '../../shared/api/asyncapi.json' with { type: 'json' };
import openapi from '../../shared/api/openapi.json' with { type: 'json' };
import { routes } from '../../shared/api/routes.ts';
import { expectNoBarriers, openBrowser } from '../support/browser.ts';

const files = referenceFiles();
const widthOf = (page: Page): Promise<number> =>
  page.evaluate(() => Reflect.get(globalThis, 'document').documentElement.scrollWidth);

const pages = [...files].filter(([name]) => name.endsWith('.html'));

describe('the reference', () => {
  let browser: { context: BrowserContext; close(): Promise<void> };
  let server: ReferenceServer;
  let page: Page;
  const asked: string[] = [];

  beforeAll(async () => {
    server = await startReference(await freePort(), files);
    browser = await openBrowser();
    page = await browser.context.newPage();
    page.on('request', (request) => asked.push(request.url()));
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  it.each([
    [360, 'light'],
    [1280, 'dark'],
    [360, 'dark'],
    [1280, 'light'],
  ] as const)(
    'has no barriers on a screen of %i px in the %s, and nothing wider',
    async (width, colorScheme) => {
      await page.setViewportSize({ width, height: 800 });
      await page.emulateMedia({ colorScheme });
      for (const name of ['', 'webhook-endpoints.html', 'event-types.html', 'bank-messages.html']) {
        await page.goto(`${server.url}${name}`);
        const folds = page.locator('summary');
        for (let nth = 0; nth < Math.min(4, await folds.count()); nth += 1) await folds.nth(nth).click();
        await expectNoBarriers(page);
        expect([name, await widthOf(page)]).toEqual([name, width]);
      }
    },
    60_000,
  );

  it('leads from a chapter to a call, its fields and an example', async () => {
    await page.setViewportSize({ width: 360, height: 800 });
    await page.goto(server.url);
    await page.getByRole('link', { name: 'Chapters' }).click();
    await page.getByRole('navigation').getByRole('link', { name: 'Transactions' }).click();
    await page.getByRole('heading', { level: 1, name: 'Transactions' }).waitFor();
    const create = page.getByRole('region', { name: routes.find(({ id }) => id === 'create-transaction')?.summary });
    await create.getByText('Fields of the request').click();
    await create.getByText('recipient', { exact: true }).first().waitFor();
    expect(new Set(asked.map((it) => new URL(it).origin))).toEqual(new Set([new URL(server.url).origin]));
  }, 60_000);

  it('says every call, type of event, message and shape, and leads nowhere that is not there', () => {
    const places = new Set(
      pages.flatMap(([name, text]) => [name, ...[...text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => `${name}#${id}`)]),
    );
    const ids = new Set([...places].map((it) => it.split('#')[1]));
    for (const { id } of routes) expect(ids).toContain(id);
    for (const name of Object.keys(asyncapi.components.messages)) expect(ids).toContain(name);
    for (const name of Object.keys(openapi.components.schemas)) expect(places).toContain(`shapes.html#${name}`);
    const links = pages.flatMap(([name, text]) =>
      [...text.matchAll(/href="([^":]+)"/g)].map(([, to = '']) => (to.startsWith('#') ? name + to : to)),
    );
    expect([...new Set(links)].filter((to) => !places.has(to) && !files.has(to))).toEqual([]);
  });

  it('needs no script, and no page is more than a phone likes to load', () => {
    for (const [name, text] of pages) {
      expect(text).not.toContain('<script');
      expect([name, Buffer.byteLength(text) <= 250_000]).toEqual([name, true]);
    }
  });
});
