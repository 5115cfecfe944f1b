import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import axe from 'axe-core';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';

const usualPlaces = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const chromiumPath = (): string => {
  const named = process.env.CHROMIUM_PATH || undefined;
  const found = (named === undefined ? usualPlaces : [named]).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new Error(
    named === undefined
      ? 'no Chromium on this machine, which the tests in test/browser look at pages with: install it (Debian: apt-get install chromium), or say in CHROMIUM_PATH where it is'
      : `there is no Chromium at CHROMIUM_PATH=${named}`,
  );
};

/** A browser of its own that has never been anywhere. */
export const openBrowser = async (): Promise<{ context: BrowserContext; close(): Promise<void> }> => {
  const executablePath = chromiumPath();
  const profile = await mkdtemp(join(tmpdir(), 'latchwork-browser-'));
  const context = await chromium.launchPersistentContext(profile, { executablePath, args: flags });
  return {
    context,
    close: async () => {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
};

/** Nothing that axe finds wrong, by the rules of WCAG 2.2 A and AA and its own best practices. */
export const expectNoBarriers = async (page: Page): Promise<void> => {
  // By the debugger's connection, so that the page's own policy stands.
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const result = await Reflect.get(globalThis, 'axe').run({ runOnly: tags });
    return result.violations.map((it: { id: string; nodes: { html: string; failureSummary: string }[] }) => ({
      rule: it.id,
      where: it.nodes.map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary}`),
    }));
  });
  expect(violations).toEqual([]);
};
