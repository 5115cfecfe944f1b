import { describe, expect, it } from 'vitest';
import type { Envelope } from '#events/envelope.ts';
import { sampleEvent } from '#events/samples.ts';
import { derivedId } from '#shared/domain/derived-id.ts';
import { Export, requested } from '#shared/domain/export.ts';
import { type Incident, opened } from '#shared/domain/incident.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { epochMs, plusSeconds } from '#shared/domain/time.ts';
import { Delivery, type WebhookEndpoint } from '#shared/domain/webhook.ts';
import { firstIdAt, newId } from '#shared/lambda/ids.ts';
import type { ExportFiles } from '#shared/outside/export-files.ts';
import { commitExport } from '#shared/store/commit.ts';
import { deliveryWrite, endpointGoneWrite } from '#shared/store/deliveries.ts';
import { numberEvents, readPeriod } from '#shared/store/feed.ts';
import { keys } from '#shared/store/rows.ts';
import type { Row, Table } from '#shared/store/table.ts';
import { exportReaction } from '../../functions/bus/exports.ts';
import { startedAt } from '../domain/cloud-and-bank.ts';
import { type MemoryTable, memoryTable } from '../support/memory-table.ts';

const tenant = 'ten_1';
const id = 'exp_1';
const from = plusSeconds(startedAt, -3_600);
const clock = () => epochMs(startedAt);
const keptDays = 30;
const circumstances = { actor: { type: 'api_key' as const, id: 'key_1' }, now: startedAt, newId };
const event: Envelope = { ...sampleEvent('export.created'), tenant, subject: id };

const apiKey = {
  id: 'key_1',
  tenant,
  name: 'Finance',
  mode: 'live',
  scopes: ['exports:write', 'webhooks:read', 'events:read', 'incidents:read'],
  system: null,
  keyHash: 'hash',
  createdAt: from,
  revokedAt: null,
  version: 1,
  hash: '',
};

const deliveryAt = (endpointId: string, seconds: number, state: Delivery['state'] = 'delivered'): Delivery => {
  const ulid = `${firstIdAt('evt', epochMs(from) + seconds * 1000).slice(4)}0000000000000000`;
  return Delivery.parse({
    id: `dlv_${ulid}`,
    tenant,
    endpointId,
    eventId: `evt_${ulid}`,
    eventType: 'transaction.created',
    subject: 'txn_1',
    sequence: 1,
    state,
    attempts: [{ at: from, status: 200, error: null, durationMs: 7 }],
    nextAttemptAt: null,
    createdAt: from,
    version: 1,
  });
};

const endpoints = ['whe_1', 'whe_2', 'whe_3'];
/** Of the period, in their order; the second endpoint got nothing. */
const wanted = ['whe_1', 'whe_3'].flatMap((endpoint) =>
  Array.from({ length: 240 }, (_, nth) => deliveryAt(endpoint, nth)),
);

/** A table with these deliveries and an export of all of them. */
const asks = async (more: Partial<Parameters<typeof requested>[0]> = {}): Promise<MemoryTable> => {
  const table = memoryTable();
  const others = [deliveryAt('whe_1', -1), deliveryAt('whe_1', 3_600), { ...deliveryAt('whe_9', 5), tenant: 'ten_2' }];
  const job = requested(
    {
      ...{ id, tenant, kind: 'deliveries', format: 'jsonl', from, to: startedAt, filter: {} },
      ...{ personalData: false, apiKeyId: 'key_1', scheduleId: null, mode: 'live', pushTo: null, ...more },
    },
    startedAt,
  );
  for (const it of [...wanted, ...others]) await table.write([deliveryWrite(it, 'absent')]);
  for (const endpoint of endpoints) {
    const row: Partial<WebhookEndpoint> = { id: endpoint, tenant };
    await table.write([
      { kind: 'other', expects: 'absent', put: { ...keys.endpoint(tenant, endpoint), ...row } },
      { kind: 'other', expects: 'absent', put: { ...keys.endpointHealth(tenant, endpoint), version: 1 } },
    ]);
  }
  await table.write([
    ...commitExport(job, circumstances).writes,
    { kind: 'other', expects: 'absent', put: { ...keys.apiKey(tenant, 'key_1'), ...apiKey } },
  ]);
  return table;
};

type Memory = Omit<ExportFiles, 'link'> & { text: () => string | null; begun: () => number; forget: () => void };

/** A bucket that takes parts as S3 does: one of the same number takes the place of the one before. */
const memoryFiles = (before: (call: 'part' | 'finish', nth: number) => void = () => undefined): Memory => {
  let begun = 0;
  let parts = new Map<number, { tag: string; bytes: Uint8Array }>();
  let open: string | null = null;
  let file: Buffer | null = null;
  let tags = 0;
  return {
    text: () => file?.toString('utf8') ?? null,
    begun: () => begun,
    forget: () => {
      open = null;
    },
    begin: async () => {
      begun += 1;
      parts = new Map();
      open = `upload-${begun}`;
      return open;
    },
    part: async (_, uploadId, nth, bytes) => {
      before('part', nth);
      if (uploadId !== open) return null;
      tags += 1;
      parts.set(nth, { tag: `tag-${tags}`, bytes });
      return `tag-${tags}`;
    },
    finish: async (_, uploadId, listed) => {
      before('finish', 0);
      const found = listed.map((tag, nth) => (parts.get(nth + 1)?.tag === tag ? parts.get(nth + 1)?.bytes : undefined));
      if (uploadId !== open || found.includes(undefined)) return false;
      file = Buffer.concat(found.flatMap((it) => it ?? []));
      open = null;
      return true;
    },
    size: async () => file?.length ?? null,
  };
};

/** A turn; of a clock that runs, each ends after one part. */
const runs = (table: Table, files: Memory, sent: unknown[] = [], now = clock, partBytes = 10_000) =>
  exportReaction({
    table,
    rootKeys: async () => rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} }),
    newId,
    clock: now,
    files,
    partBytes,
    keptDays,
    queue: { send: async (message) => void sent.push(message) },
  })(event);

const jobIn = async (table: Table): Promise<Export> => Export.parse(await table.get(keys.export(tenant, id)));
const idsIn = (files: Memory): string[] =>
  (files.text() ?? '')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => `${JSON.parse(line).endpointId} ${JSON.parse(line).id}`);
const wantedIds = wanted.map(({ endpointId, id: own }) => `${endpointId} ${own}`);

const isWhole = async (table: MemoryTable, files: Memory): Promise<void> => {
  expect(idsIn(files)).toEqual(wantedIds);
  expect(await jobIn(table)).toMatchObject({
    state: 'done',
    rows: wanted.length,
    bytes: Buffer.byteLength(files.text() ?? ''),
    fileUntil: plusSeconds(startedAt, 7 * 86_400),
  });
  expect(await table.get(keys.exportProgress(tenant, id))).toBeUndefined();
};

/** A clock by which every turn is over as soon as anybody asks. */
const hurried = () => {
  let now = clock();
  return () => {
    now += 60_000;
    return now;
  };
};

describe('an export of incidents', () => {
  const period = { kind: 'incidents' as const, to: plusSeconds(from, 1_000) };
  const incidentAt = (seconds: number, more: Partial<Incident> = {}): Row => {
    const openedAt = plusSeconds(from, seconds);
    const own = {
      ...{ id: derivedId('inc', epochMs(openedAt), `evt_${seconds}`), tenant, kind: 'forced_open' as const, openedAt },
      ...{ severity: 'critical' as const, summary: 'A door was opened.', subject: null, eventId: null, livemode: true },
      ...{ bankId: 'bnk_1', door: '7' },
    };
    const { after } = opened(own, { at: openedAt, holds: false, transactionId: null, promisedBy: null });
    return { ...keys.incident(tenant, own.id), ...after, ...more };
  };
  const exported = async (filter: Export['filter'], rows: Row[]): Promise<Record<string, unknown>[]> => {
    const [table, files] = [await asks({ ...period, filter }), memoryFiles()];
    for (const put of rows) await table.write([{ kind: 'other', expects: 'absent', put }]);
    await runs(table, files, [], hurried());
    for (let turns = 0; (await jobIn(table)).state === 'running' && turns < 10; turns += 1) await runs(table, files);
    const text = files.text()?.trim() ?? '';
    return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line));
  };

  it('has those that were opened in the period, the oldest first, page after page', async () => {
    const rows = Array.from({ length: 240 }, (_, nth) => incidentAt(nth));
    const others = [incidentAt(-1), incidentAt(1_000), { ...incidentAt(5), PK: keys.incident('ten_2', '').PK }];
    const found = await exported({}, [...rows.toReversed(), ...others]);
    expect(found.map(({ id: own }) => own)).toEqual(rows.map((row) => row.id));
    expect(found[0]).toMatchObject({ kind: 'forced_open', state: 'open', openedAt: from, steps: [], owner: null });
  });

  it('has those that its filter names', async () => {
    const rows = [
      incidentAt(1),
      incidentAt(2, { state: 'closed' }),
      incidentAt(3, { kind: 'reported' }),
      incidentAt(4, { bankId: 'bnk_2' }),
    ];
    const seconds = async (filter: Export['filter']) =>
      (await exported(filter, rows)).map(({ openedAt }) => (epochMs(String(openedAt)) - epochMs(from)) / 1000);
    expect(await seconds({ incidentState: 'closed' })).toEqual([2]);
    expect(await seconds({ incidentKind: 'reported' })).toEqual([3]);
    expect(await seconds({ bankId: 'bnk_2' })).toEqual([4]);
    expect(await seconds({ bankId: 'bnk_1', incidentState: 'open' })).toEqual([1, 3]);
  });
});

describe('an export of deliveries', () => {
  it('has those of the period, of every endpoint of the tenant, and nothing else', async () => {
    const [table, files] = [await asks(), memoryFiles()];
    await runs(table, files);
    await isWhole(table, files);
  });

  it('has those that its filter names', async () => {
    const [table, files] = [await asks({ filter: { endpointId: 'whe_3', deliveryState: 'dead' } }), memoryFiles()];
    await table.write([deliveryWrite(deliveryAt('whe_3', 500, 'dead'), 'absent')]);
    await runs(table, files);
    expect(idsIn(files)).toEqual([`whe_3 ${deliveryAt('whe_3', 500).id}`]);
  });

  it('has those of endpoints that were deleted, each once and in its place', async () => {
    const [table, files] = [await asks(), memoryFiles()];
    const remove = keys.endpoint(tenant, 'whe_1');
    await table.write([
      { kind: 'other', expects: 'anything', remove },
      { kind: 'other', expects: 'anything', remove: keys.endpointHealth(tenant, 'whe_1') },
      endpointGoneWrite(tenant, 'whe_1', startedAt),
      // It is deleted while it is looked for, and found in both places.
      endpointGoneWrite(tenant, 'whe_3', startedAt),
      endpointGoneWrite('ten_2', 'whe_9', startedAt),
    ]);
    await runs(table, files);
    await isWhole(table, files);
  });

  it('is an empty file where there is nothing', async () => {
    const [table, files] = [await asks({ filter: { endpointId: 'whe_2' }, format: 'csv' }), memoryFiles()];
    await runs(table, files);
    expect(files.text()).toMatch(/^id,endpointId,[^\n]*\r\n$/);
    expect(await jobIn(table)).toMatchObject({ state: 'done', rows: 0 });
  });

  it('gives way after a part, goes on from there, and is what it would have been at once', async () => {
    const [table, files] = [await asks(), memoryFiles()];
    let turns = 0;
    for (let sent: unknown[] = [event]; sent.length > 0; turns += 1) {
      sent = [];
      await runs(table, files, sent, hurried());
      expect(sent.every((it) => (it as { detail: Envelope }).detail.subject === id)).toBe(true);
    }
    expect(turns).toBeGreaterThan(3);
    expect(files.begun()).toBe(1);
    expect(idsIn(files)).toEqual(wantedIds);
  });

  it.each([1, 2, 3])('has no row twice and lacks none, though its function dies at part %d', async (at) => {
    let dies = true;
    const table = await asks();
    const files = memoryFiles((call, nth) => {
      if (call === 'part' && nth === at && dies) {
        dies = false;
        throw new Error('out of time');
      }
    });
    await expect(runs(table, files)).rejects.toThrow('out of time');
    await runs(table, files);
    await isWhole(table, files);
  });

  it('has no row twice though a part was stored and nobody could say so', async () => {
    const [table, files] = [await asks(), memoryFiles()];
    let writes = 0;
    const forgetful: Table = {
      ...table,
      write: async (list) => {
        writes += 1;
        if (writes === 3) throw new Error('out of time');
        await table.write(list);
      },
    };
    await expect(runs(forgetful, files)).rejects.toThrow('out of time');
    await runs(table, files);
    await isWhole(table, files);
  });

  it('is done though its function died after the file was made of its parts', async () => {
    const [table, files] = [await asks(), memoryFiles()];
    const forgetful: Table = {
      ...table,
      write: async (list) => {
        if (list.some((it) => 'put' in it && it.put.state === 'done')) throw new Error('out of time');
        await table.write(list);
      },
    };
    await expect(runs(forgetful, files)).rejects.toThrow('out of time');
    await runs(table, files);
    await isWhole(table, files);
    expect(files.begun()).toBe(1);
  });

  it('is begun anew where what was stored is gone', async () => {
    const [table, files] = [await asks(), memoryFiles()];
    await runs(table, files, [], hurried());
    files.forget();
    const sent: unknown[] = [];
    await runs(table, files, sent);
    expect(sent).toHaveLength(1);
    await runs(table, files);
    await isWhole(table, files);
    expect(files.begun()).toBe(2);
  });

  it('is whole though two calls write it at the same time', async () => {
    const [table, files] = [await asks(), memoryFiles()];
    const sent: unknown[] = [];
    await Promise.allSettled([runs(table, files, sent), runs(table, files, sent)]);
    while ((await jobIn(table)).state === 'running') await runs(table, files, sent);
    await isWhole(table, files);
  });

  it('does nothing once it is done', async () => {
    const [table, files] = [await asks(), memoryFiles()];
    await runs(table, files);
    const before = table.rows();
    await runs(table, files);
    expect(table.rows()).toEqual(before);
  });

  it.each([
    ['was revoked', { revokedAt: startedAt }],
    ['may no longer read deliveries', { scopes: ['exports:write'] }],
  ])('fails where its key %s', async (_, change) => {
    const [table, files] = [await asks(), memoryFiles()];
    await runs(table, files, [], hurried());
    const row = { ...keys.apiKey(tenant, 'key_1'), ...apiKey, ...change };
    await table.write([{ kind: 'other', expects: 'anything', put: row }]);
    await runs(table, files);
    expect(await jobIn(table)).toMatchObject({ state: 'failed', problem: expect.stringContaining('API key') });
    expect(files.text()).toBeNull();
  });
});

describe('an export of events', () => {
  const ofEvents = { kind: 'events' as const, format: 'jsonl' as const };
  const anEvent = (nth: number, more: Partial<Envelope> = {}): Envelope => ({
    ...sampleEvent('transaction.deposited'),
    id: `evt_${nth}`,
    tenant,
    ...more,
  });
  /** Records events at a moment of the period, in seconds from its beginning, and numbers them in time unless it is said when. */
  const learn = (table: Table, seconds: number, events: Envelope[], numbered = seconds + 1): Promise<void> =>
    numberEvents(
      table,
      tenant,
      events.map((it) => ({ ...it, recordedAt: plusSeconds(from, seconds) })),
      { now: epochMs(from) + numbered * 1000, keptDays },
    );
  const number = (table: Table, seconds: number, ...events: Envelope[]): Promise<void> => learn(table, seconds, events);
  const found = (files: Memory): string[] =>
    (files.text() ?? '')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line).id);
  const many = Array.from({ length: 450 }, (_, nth) => anEvent(nth + 10));
  const inTens = (nth: number) => many.slice(nth * 10, nth * 10 + 10);

  it('has those that became known within the period, in the order of the feed, and nothing of others', async () => {
    const [table, files] = [await asks(ofEvents), memoryFiles()];
    await number(table, -1, anEvent(1));
    await number(table, 0, anEvent(2), anEvent(3));
    await number(table, 1_800, anEvent(4));
    await learn(table, 3_599, [anEvent(7)], 3_605);
    await number(table, 3_600, anEvent(5));
    await number(table, 3_612, anEvent(8));
    await numberEvents(table, 'ten_2', [anEvent(6, { tenant: 'ten_2' })], { now: epochMs(from), keptDays });
    await runs(table, files);
    expect(found(files)).toEqual(['evt_2', 'evt_3', 'evt_4', 'evt_7']);
    expect(JSON.parse((files.text() ?? '').split('\n')[0] ?? '')).toMatchObject({
      type: 'transaction.deposited',
      data: sampleEvent('transaction.deposited').data,
      hash: sampleEvent('transaction.deposited').hash,
    });
  });

  it('has in one of two periods that meet what came into the feed late, and says so before none can come', async () => {
    const [table, files] = [await asks(ofEvents), memoryFiles()];
    await learn(table, -20, [anEvent(1)], -11);
    await learn(table, -20, [anEvent(2)], 5);
    await learn(table, 3_590, [anEvent(3)], 3_600);
    await learn(table, 3_590, [anEvent(4)], 3_601);
    await number(table, 3_700, anEvent(5));
    await runs(table, files);
    expect(found(files)).toEqual(['evt_2', 'evt_3']);
    const [before, after] = [plusSeconds(from, -3_600), plusSeconds(startedAt, 3_600)];
    for (const [period, ids] of [
      [{ from: before, to: from }, ['evt_1']],
      [{ from: startedAt, to: after }, ['evt_4', 'evt_5']],
    ] as const) {
      const page = await readPeriod(table, tenant, period, {
        after: null,
        limit: 9,
        isWanted: () => true,
        isNarrow: false,
      });
      expect(page.events.map((it) => it.id)).toEqual(ids);
    }
  });

  it('finds those of a clock that is ahead of that which numbers', async () => {
    const [table, files] = [await asks(ofEvents), memoryFiles()];
    await learn(table, 5, [anEvent(1)], -20);
    await number(table, 3_700, anEvent(2));
    await runs(table, files);
    expect(found(files)).toEqual(['evt_1']);
  });

  it('has those that its filter names', async () => {
    const [table, files] = [await asks({ ...ofEvents, filter: { type: 'bank.*', subject: 'bnk_1' } }), memoryFiles()];
    await number(
      table,
      10,
      anEvent(1),
      anEvent(2, { type: 'bank.offline', subject: 'bnk_1' }),
      anEvent(3, { type: 'bank.offline', subject: 'bnk_2' }),
    );
    await number(table, 4_000, anEvent(4));
    await runs(table, files);
    expect(found(files)).toEqual(['evt_2']);
  });

  it('is what it would have been at once, though it was written in turns', async () => {
    const [table, files] = [await asks(ofEvents), memoryFiles()];
    for (let nth = 0; nth < 45; nth += 1) await number(table, nth * 60, ...inTens(nth));
    await number(table, 3_700, anEvent(1));
    for (let sent: unknown[] = [event]; sent.length > 0; ) {
      sent = [];
      await runs(table, files, sent, hurried());
    }
    expect(found(files)).toEqual(many.map((it) => it.id));
  });

  it('waits while events may still come into its period, and no longer than some two minutes', async () => {
    const [table, files] = [await asks(ofEvents), memoryFiles()];
    await number(table, 10, anEvent(1));
    const sent: unknown[] = [];
    await runs(table, files, sent);
    expect([sent.length, files.begun()]).toEqual([1, 0]);
    await number(table, 3_599, anEvent(2));
    await runs(table, files, sent, () => clock() + 129_000);
    expect([sent.length, files.begun()]).toEqual([2, 0]);
    await runs(table, files, sent, () => clock() + 130_000);
    expect(found(files)).toEqual(['evt_1', 'evt_2']);
  });

  it('is an empty file where nothing came in, ever', async () => {
    const [table, files] = [await asks(ofEvents), memoryFiles()];
    await runs(table, files, [], () => clock() + 130_000);
    expect(await jobIn(table)).toMatchObject({ state: 'done', rows: 0 });
  });

  it('fails rather than lack what was deleted before it was written', async () => {
    const [table, files] = [await asks(ofEvents), memoryFiles()];
    await number(table, 10, anEvent(1));
    await runs(table, files, [], () => epochMs(from) + (keptDays + 1) * 86_400_000);
    expect(await jobIn(table)).toMatchObject({ state: 'failed', problem: expect.stringContaining('30 days') });
    expect(files.text()).toBeNull();
  });
});
