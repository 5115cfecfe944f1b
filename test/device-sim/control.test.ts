import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type RunningBanks, startBanks } from '../../device-sim/run.ts';

const Journal = z.object({
  journalId: z.string(),
  lastSeq: z.number(),
  entries: z.array(z.looseObject({ type: z.string() })),
  openings: z.array(z.unknown()),
});

const Doors = z.object({ doors: z.object({ '1': z.object({ inside: z.string() }) }) });

/** Nothing listens there: these banks are offline, and everything at the panel works all the same. */
const nowhere = { host: '127.0.0.1', port: 9 };

describe('the control of simulated banks', () => {
  let folder: string;
  let running: RunningBanks;
  let url: string;
  const start = async () => {
    const empty = join(folder, 'empty.pem');
    await writeFile(empty, '');
    return startBanks(
      {
        mqtt: { ...nowhere, caFile: empty },
        stateDir: folder,
        banks: ['bnk_a', 'bnk_b'].map((id) => ({
          id,
          name: `Bank ${id}`,
          certFile: empty,
          keyFile: empty,
          doors: [{ door: '1' }, { door: 'A/2' }],
        })),
      },
      () => undefined,
    );
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'latchwork-banks-'));
    running = await start();
    url = running.banks[0]?.controlUrl ?? '';
  });
  afterAll(async () => {
    await running.stop();
    await rm(folder, { recursive: true });
  });

  const get = async (path = ''): Promise<unknown> => (await fetch(url + path)).json();
  const journal = async () => Journal.parse(await get('/journal'));
  const post = async (path: string, body: unknown) => {
    const response = await fetch(url + path, { method: 'POST', body: JSON.stringify(body) });
    return { status: response.status, type: response.headers.get('content-type'), body: await response.json() };
  };

  it('shows a bank', async () => {
    expect(await get()).toMatchObject({
      id: 'bnk_a',
      name: 'Bank bnk_a',
      online: false,
      power: true,
      doors: {
        '1': { door: 'closed', contents: 'empty', lock: 'ok' },
        'A/2': { door: 'closed', contents: 'empty', lock: 'ok' },
      },
      message: 'Please enter or scan your code.',
      journal: { unacknowledged: 1 },
      timeKnown: false,
      keypadLockedUntil: null,
    });
  });

  it('lists the banks, each with its own address', async () => {
    expect(await (await fetch(running.controlUrl)).json()).toMatchObject({
      banks: [
        { id: 'bnk_a', doors: 2, controlUrl: url },
        { id: 'bnk_b', doors: 2 },
      ],
    });
    expect(running.banks.map(({ id }) => id)).toEqual(['bnk_a', 'bnk_b']);
  });

  it('sends a browser to the panel of the bank, and everybody else the state', async () => {
    const html = { headers: { accept: 'text/html,application/xhtml+xml;q=0.9' } };
    const sent = await fetch(url, { ...html, redirect: 'manual' });
    expect(sent.status).toBe(303);
    expect(new URL(sent.headers.get('location') ?? '', url).href).toBe(`${url}/panel`);
    const list = await fetch(running.controlUrl, html);
    expect(await list.text()).toContain('<a href="/banks/bnk_a/panel">Bank bnk_a</a>, 2 doors');
  });

  it.each([
    ['/panel', 'text/html'],
    ['/panel/panel.css', 'text/css'],
    ['/panel/icon.svg', 'image/svg+xml'],
    ['/panel/panel.ts', 'text/javascript'],
  ])('serves %s as %s, with a policy that allows nothing from elsewhere', async (path, type) => {
    const { status, headers } = await fetch(url + path);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe(`${type}; charset=utf-8`);
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'/);
    expect(headers.get('content-security-policy')).not.toMatch(/unsafe|https?:|\*/);
  });

  it.each(['/panel/tsconfig.json', '/panel/..%2Fcontrol.ts', '/panel/constructor', '/panel/a/b'])(
    'serves no other file, as %s',
    async (path) => {
      expect((await fetch(url + path)).status).toBe(404);
    },
  );

  it('tells who listens what the bank is like, at once and after every change', async () => {
    const listening = new AbortController();
    const { body } = await fetch(`${url}/events`, { signal: listening.signal });
    const reader = (body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader();
    const heardOf = async (what: string): Promise<void> => {
      for (let heard = ''; !heard.includes(what); ) heard += (await reader.read()).value ?? '';
    };
    await heardOf('"skewMs":0');
    await post('/clock', { skewMs: 1234 });
    await heardOf('"skewMs":1234');
    listening.abort();
    await post('/clock', { skewMs: 0 });
  });

  it('tells how the bank is built', async () => {
    expect(await get('/layout')).toMatchObject({
      name: 'Bank bnk_a',
      picture: { doors: [{ door: '1', widthMm: 440, heightMm: 300, bottomMm: 100 }, { door: 'A/2' }] },
    });
  });

  it('does nothing for a page of somebody else', async () => {
    const answer = await fetch(`${url}/power`, {
      method: 'POST',
      headers: { origin: 'http://elsewhere.example' },
      body: '{ "on": false }',
    });
    expect(answer.status).toBe(403);
    expect(await get()).toMatchObject({ power: true });
  });

  it('takes a credential and tells what the panel says', async () => {
    expect(await post('/enter', { method: 'pin', value: '123456' })).toMatchObject({
      status: 200,
      body: { granted: false, reason: 'no_cloud_time', message: expect.stringContaining('starting') },
    });
  });

  it('moves what can be moved, and says why something cannot', async () => {
    expect(await post('/doors/1', { contents: 'filled' })).toMatchObject({
      status: 409,
      type: 'application/problem+json',
      body: { status: 409, code: 'impossible', detail: expect.stringContaining('closed door') },
    });
    expect(await post('/doors/1', { contents: 'filled', force: true })).toMatchObject({
      status: 200,
      body: { door: 'open', contents: 'filled', lock: 'ok' },
    });
    expect(await post('/doors/1', { door: 'ajar' })).toMatchObject({ body: { door: 'ajar' } });
    expect(await post('/doors/1', { door: 'closed' })).toMatchObject({ body: { door: 'closed', contents: 'filled' } });
    expect(await post('/doors/A%2F2', { temperatureC: -18 })).toMatchObject({ status: 200 });
    const { entries, openings, journalId } = await journal();
    expect(entries.map(({ type }) => type)).toEqual(
      expect.arrayContaining([
        'boot',
        'door.forced',
        'contents.changed',
        'door.ajar',
        'door.closed',
        'temperature.read',
      ]),
    );
    expect(openings).toEqual([]);
    expect(await get()).toMatchObject({ journal: { journalId } });
  });

  it('tells what the bank holds', async () => {
    expect(await get('/grants')).toEqual({
      revs: {},
      configRev: null,
      keyGeneration: null,
      doors: {},
      commands: {},
    });
  });

  it('cuts and mends the link, the power and the clock', async () => {
    const faults = { online: false, drop: 0.5, duplicate: 0.1, delayMs: 200 };
    expect(await post('/link', faults)).toMatchObject({ status: 200, body: faults });
    expect(await post('/link', { drop: 0 })).toMatchObject({ body: { ...faults, drop: 0 } });
    expect(await post('/power', { on: false })).toMatchObject({ status: 200, body: { on: false } });
    expect(await get()).toMatchObject({ power: false, online: false });
    expect(await post('/enter', { method: 'pin', value: '1' })).toMatchObject({ body: { granted: false } });
    await post('/power', { on: true });
    expect(await get()).toMatchObject({ power: true });
    expect(await post('/clock', { skewMs: -5000 })).toMatchObject({ status: 200, body: { skewMs: -5000 } });
  });

  it('loses its disk, and keeps what lies behind its doors', async () => {
    const before = await journal();
    const { inside } = Doors.parse(await get()).doors['1'];
    expect(inside).toBe('filled');
    expect(await post('/disk', { lost: true })).toMatchObject({ status: 200, body: { acknowledged: 0 } });
    const after = await journal();
    expect(after.journalId).not.toBe(before.journalId);
    expect(after.entries.map(({ type }) => type)).toEqual(['boot', 'contents.changed']);
    expect(await get()).toMatchObject({ power: true, doors: { '1': { door: 'closed', contents: 'filled', inside } } });
  });

  it.each([
    ['/disk', {}, 'lost'],
    ['/enter', { method: 'smell', value: 'x' }, 'method'],
    ['/enter', { method: 'pin' }, 'value'],
    ['/enter', { method: 'pin', value: 'x'.repeat(300) }, 'value'],
    ['/doors/1', { door: 'wide' }, 'door'],
    ['/doors/1', { contents: 7 }, 'contents'],
    ['/doors/1', { temperature: 4 }, 'temperature'],
    ['/link', { drop: 2 }, 'drop'],
    ['/power', {}, 'on'],
    ['/clock', { skewMs: 'later' }, 'skewMs'],
    ['/power', [], 'body'],
  ])('refuses %s %j and names the field', async (path, body, field) => {
    const answer = await post(path, body);
    expect(answer).toMatchObject({ status: 400, type: 'application/problem+json', body: { code: 'bad_request' } });
    expect(answer.body).toMatchObject({ errors: expect.arrayContaining([expect.objectContaining({ field })]) });
  });

  it('refuses what is not JSON, not there, or too large', async () => {
    const raw = await fetch(`${url}/power`, { method: 'POST', body: 'on' });
    expect(raw.status).toBe(400);
    expect((await post('/power', { on: 'x'.repeat(40_000) })).status).toBe(413);
    expect((await post('/doors/9', {})).status).toBe(404);
    expect((await fetch(`${running.controlUrl}/banks/bnk_z`)).status).toBe(404);
    expect((await fetch(`${url}/power`)).status).toBe(404);
    expect((await fetch(`${url}/%E0%A4%A`)).status).toBe(404);
  });

  it('remembers everything over a restart', async () => {
    const before = await journal();
    await running.stop();
    running = await start();
    url = running.banks[0]?.controlUrl ?? '';
    const after = await journal();
    expect(after.journalId).toBe(before.journalId);
    expect(after.entries.slice(0, before.entries.length)).toEqual(before.entries);
    expect(after.entries.at(-1)).toMatchObject({ type: 'boot', seq: before.lastSeq + 1 });
    expect(await get()).toMatchObject({ doors: { '1': { door: 'closed', contents: 'filled' } } });
  });
});
