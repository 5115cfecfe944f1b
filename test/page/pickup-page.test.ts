import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { credentialValue } from '#shared/domain/derived.ts';
import { type Pickup, situations, taskOf, tasks } from '#shared/domain/pickup.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { workflows } from '#shared/domain/workflow.ts';
import { html } from '#shared/page/html.ts';
import { type PickupPage, pageHeaders, pickupPage, plainBrand, plainPage } from '#shared/page/pickup-page.ts';
import { languages, notices, wordsFor } from '#shared/page/words.ts';
import { reserved } from '../domain/cloud-and-bank.ts';

const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
const [, pin] = reserved('txn_1', '7').credentials;
if (pin === undefined) throw new Error('a parcel has two credentials');
const qr = { ...pin, id: 'crd_q', method: 'qr' as const };
const qrValue = credentialValue(rootKeys, { bankId: 'bnk_1', transactionId: 'txn_1' }, qr) ?? '';

const pickup: Pickup = {
  task: 'parcel',
  situation: 'ready',
  actorId: pin.id,
  party: {},
  door: '7',
  credentials: [pin, qr],
  from: null,
  until: '2026-03-04T12:00:00.000Z',
  isOverdue: false,
  opens: pin,
  isScanned: false,
  handsOn: pin,
  together: [],
  handedOn: [],
};

const pageOf = (more: Partial<PickupPage> = {}, of: Partial<Pickup> = {}): PickupPage => ({
  words: languages.en,
  version: 3,
  here: 'token',
  pickup: { ...pickup, ...of },
  bank: { name: 'Harbour Hall', timeZone: 'Europe/Zurich', isOffline: false },
  site: { name: 'Harbour', address: 'Quay 4', support: { phone: '+41445550100' } },
  brand: plainBrand,
  values: new Map([
    [pin.id, '482913'],
    ['crd_q', qrValue],
  ]),
  links: new Map(),
  typed: null,
  notice: null,
  opening: null,
  ...more,
});

const textOf = (page: string): string =>
  page
    .replace(/<(style|script|svg)[\s\S]*?<\/\1>/g, '')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ');

describe('the pickup page', () => {
  it('takes what others wrote for text', () => {
    const nasty = `<script>alert("'&')</script>`;
    expect(html`<p title="${nasty}">${[nasty, html`<b>${1}</b>`, null, false]}</p>`.text).toBe(
      '<p title="&lt;script&gt;alert(&quot;&#39;&amp;&#39;)&lt;/script&gt;">&lt;script&gt;alert(&quot;&#39;&amp;&#39;)&lt;/script&gt;<b>1</b></p>',
    );
    const page = pickupPage(
      pageOf(
        {
          bank: { name: nasty, timeZone: 'UTC', isOffline: false },
          site: { name: nasty, address: nasty, support: { email: 'a"b@example.com' } },
        },
        { handedOn: [{ credential: qr, party: { name: nasty } }], door: nasty },
      ),
    );
    expect(page.split('<script>')).toHaveLength(2);
    expect(page).not.toContain('a"b@');
  });

  it.each(Object.values(languages))('has words for everything there is to say: $lang', (words) => {
    for (const task of tasks)
      for (const situation of situations) {
        const page = pickupPage(pageOf({ words }, { task, situation }));
        expect(/<h1>([^<]+)<\/h1>/.exec(page)?.[1]).toMatch(/\S{2}/);
        expect(page).not.toMatch(/undefined|\[object|NaN/);
      }
    for (const notice of notices)
      expect(textOf(pickupPage(pageOf({ words, notice })))).toContain(words.notices[notice]);
    for (const state of ['under_way', 'open', 'closed', 'not_opened'] as const)
      expect(textOf(pickupPage(pageOf({ words, opening: { state, door: '7' } })))).toContain(
        words.openings[state]('7'),
      );
  });

  it('knows every step of every workflow', () => {
    for (const [name, { steps }] of Object.entries(workflows))
      expect(Object.keys(taskOf[name as keyof typeof taskOf]).sort()).toEqual(steps.map(({ step }) => step).sort());
  });

  it('says times by the clock at the bank, with its zone', () => {
    expect(textOf(pickupPage(pageOf()))).toMatch(/Until Wed,? 4 Mar,? 13:00 CET/);
    expect(textOf(pickupPage(pageOf({ words: languages.de })))).toMatch(/Bis Mi\., 4\. März,? 13:00 MEZ/);
  });

  it('offers the button only while the bank hears, and says so when it does not', () => {
    expect(pickupPage(pageOf())).toContain('action="token/open"');
    const offline = pickupPage(pageOf({ bank: { name: 'Hall', timeZone: 'UTC', isOffline: true } }));
    expect(offline).not.toContain('action="token/open"');
    expect(textOf(offline)).toContain(languages.en.offline);
  });

  it('has all it needs within 50 KB, and nothing that its policy does not name', () => {
    const page = pickupPage(pageOf());
    expect(Buffer.byteLength(page)).toBeLessThan(50 * 1024);
    expect(page).not.toMatch(/ style=| on[a-z]+=|src=/);
    const policy = pageHeaders()['content-security-policy'];
    expect(policy).not.toMatch(/unsafe|\*/);
    expect(plainPage(languages.en, languages.en.gone)).toContain('This link leads nowhere');
  });

  it('shows whose it is, in their colour, with a picture from the one server that they named', () => {
    const brand = { name: 'Post & Co', color: '#7a1fa2', logoUrl: 'https://img.example/logo.png' };
    const page = pickupPage(pageOf({ brand }));
    expect(page).toContain('<img src="https://img.example/logo.png" alt="" height="32"><span>Post &amp; Co</span>');
    const [, colors = ''] = /<style>(:root\{--brand:[^<]*)<\/style>/.exec(page) ?? [];
    expect(colors).toBe(':root{--brand:#7a1fa2;--onbrand:#ffffff}');
    const policy = pageHeaders(brand)['content-security-policy'];
    expect(policy).toContain('; img-src data: https://img.example; ');
    expect(policy).toContain(`'sha256-${hash('sha256', colors, 'base64')}'`);
    expect(pickupPage(pageOf())).not.toContain('class="brand"');
  });

  it('speaks as is known of the person, else as their browser asks, else English', () => {
    expect(wordsFor('de-CH', 'en').lang).toBe('de');
    expect(wordsFor('fr', 'es, de;q=0.5, en;q=0.4').lang).toBe('de');
    expect(wordsFor(undefined, 'de;q=0, en;q=0.1').lang).toBe('en');
    expect(wordsFor(undefined, undefined).lang).toBe('en');
    expect(wordsFor(undefined, 'zz;q=x,,;').lang).toBe('en');
  });
});
