import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import type { Envelope } from '#events/envelope.ts';
import { sampleEvent } from '#events/samples.ts';
import { ApiKey } from '#shared/domain/api-key.ts';
import { fileCame, Reconciliation, reconciliationAsked } from '#shared/domain/reconciliation.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { epochMs, plusSeconds } from '#shared/domain/time.ts';
import type { Transaction } from '#shared/domain/transaction.ts';
import { newId } from '#shared/lambda/ids.ts';
import { commitReconciliation } from '#shared/store/commit.ts';
import { keys } from '#shared/store/rows.ts';
import { indexTransaction } from '#shared/store/search.ts';
import type { Row } from '#shared/store/table.ts';
import { reconciliationReaction } from '../../functions/bus/reconciliations.ts';
import { importFileConsumer } from '../../functions/queue/import-files.ts';
import { startedAt } from '../domain/cloud-and-bank.ts';
import { type MemoryTable, memoryTable } from '../support/memory-table.ts';

const tenant = 'ten_1';
const id = 'rec_1';
const from = plusSeconds(startedAt, -3_600);
const clock = () => epochMs(startedAt);
const circumstances = { actor: { type: 'api_key' as const, id: 'key_1' }, now: startedAt, newId };
const event: Envelope = { ...sampleEvent('reconciliation.uploaded'), tenant, subject: id };
const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });

const apiKey: ApiKey = ApiKey.parse({
  id: 'key_1',
  tenant,
  name: 'Finance',
  scopes: ['exports:write', 'transactions:read'],
  system: null,
  keyHash: 'hash',
  createdAt: from,
  revokedAt: null,
  version: 1,
  hash: '',
});

const transaction = (order: string, more: Partial<Transaction> = {}): Transaction => ({
  ...{ id: `txn_${order}`, tenant, livemode: true, workflow: 'parcel', state: 'completed', version: 1, hash: '' },
  ...{ siteId: 'sit_1', bankId: 'bnk_1', bankKey: { generation: 1, keyVersion: 1 }, door: '7' },
  externalIds: { order },
  source: null,
  items: [{ lengthMm: 1, widthMm: 1, heightMm: 1, thermalClass: 'ambient' }],
  ...{ recipient: {}, parties: {}, salt: 'salt', metadata: {} },
  payment: { amountMinor: 1_290, currency: 'CHF' },
  deadlines: { reserveUntil: startedAt },
  ...{ pickupWithinSeconds: null, deadlineRev: 0, flags: [], holdReason: null, credentials: [] },
  ...{ depositStartedAt: null, depositedAt: null, pickedUpAt: null, endedAt: null, expiredStage: null },
  ...{ cancelReason: null, recallCause: null, rejectReason: null },
  assignment: { policy: 'best-fit', candidates: 1, reason: '' },
  createdAt: plusSeconds(from, 60),
  updatedAt: from,
  ...more,
});

/** `isIndexed`: whether search knows it already. */
const record = async (table: MemoryTable, it: Transaction, isIndexed = true): Promise<void> => {
  const { order = '' } = it.externalIds;
  const put = { ...keys.transaction(tenant, it.id), ...it, compartment: null } as Row;
  await table.write([
    { kind: 'other', expects: 'anything', put },
    { kind: 'other', expects: 'anything', put: { ...keys.externalId(tenant, 'order', order), transactionId: it.id } },
  ]);
  if (isIndexed) await indexTransaction(table, rootKeys, { tenant, transactionId: it.id, sequence: 1, doors: [] });
};

const csvOf = (...lines: string[]) => new TextEncoder().encode(['orderId,amountMinor,currency', ...lines].join('\n'));

/** A table with a reconciliation whose file has come. */
const asks = async (bytes: Uint8Array): Promise<MemoryTable> => {
  const table = memoryTable();
  const asked = reconciliationAsked(
    {
      ...{ id, tenant, name: 'Orders', system: 'order', from, to: startedAt, apiKeyId: 'key_1', mode: 'live' },
      ...{ bytes: bytes.length, uploadBy: plusSeconds(startedAt, 900) },
    },
    startedAt,
  );
  await table.write([
    ...commitReconciliation(asked, circumstances).writes,
    { kind: 'other', expects: 'absent', put: { ...keys.apiKey(tenant, 'key_1'), ...apiKey } },
  ]);
  await importFileConsumer({ table, newId, clock, uploads: { read: async () => null } })({
    detail: { object: { key: `${tenant}/${id}.csv` } },
  });
  return table;
};

const runs = async (table: MemoryTable, bytes: Uint8Array | null, more: { transactionsMax?: number } = {}) => {
  const parts: Uint8Array[] = [];
  let text: string | null = null;
  await reconciliationReaction({
    table,
    rootKeys: async () => rootKeys,
    newId,
    clock,
    uploads: { read: async () => bytes },
    files: {
      begin: async () => 'upload',
      part: async (_key, _uploadId, nth, part) => {
        parts[nth - 1] = part;
        return `tag-${nth}`;
      },
      finish: async () => {
        text = Buffer.concat(parts).toString('utf8');
        return true;
      },
    },
    partBytes: 100,
    transactionsMax: 100,
    ...more,
  })(event);
  return text;
};

const jobIn = async (table: MemoryTable) => Reconciliation.parse(await table.get(keys.reconciliation(tenant, id)));

describe('a reconciliation', () => {
  const file = csvOf('A,1290,CHF', 'B,1000,CHF', 'C,1290,CHF', 'D,1290,CHF', 'E,1290,CHF');
  const recorded = async (): Promise<MemoryTable> => {
    const table = await asks(file);
    for (const order of ['A', 'B', 'F']) await record(table, transaction(order));
    // Created a moment ago: search does not know it yet.
    await record(table, transaction('C'), false);
    await record(table, transaction('D', { createdAt: plusSeconds(from, -60) }));
    return table;
  };

  it('lists what differs, and has the totals of both sides', async () => {
    const table = await recorded();
    const text = await runs(table, file);
    const rows: Record<string, string>[] = parse(text ?? '', { columns: true });
    expect(rows.map(({ difference, orderId }) => [difference, orderId]).toSorted()).toEqual([
      ['amount_differs', 'B'],
      ['missing_here', 'E'],
      ['missing_there', 'F'],
      ['outside_period', 'D'],
    ]);
    expect(rows.find(({ orderId }) => orderId === 'B')).toMatchObject({
      ...{ row: '2', transactionId: 'txn_B', theirAmountMinor: '1000', ourAmountMinor: '1290', ourState: 'completed' },
    });
    expect(await jobIn(table)).toMatchObject({
      state: 'done',
      rows: 5,
      result: {
        totals: [
          { currency: 'CHF', there: { orders: 5, amountMinor: 6_160 }, here: { orders: 4, amountMinor: 5_160 } },
        ],
        differences: { amount_differs: 1, missing_here: 1, missing_there: 1, outside_period: 1, doubled_there: 0 },
      },
      fileUntil: plusSeconds(startedAt, 7 * 86_400),
    });
  });

  it('is done once, however often it is woken', async () => {
    const table = await recorded();
    await runs(table, file);
    const before = table.rows();
    expect(await runs(table, file)).toBeNull();
    expect(table.rows()).toEqual(before);
  });

  it.each([
    ['a file that is none', csvOf('A,12.90,CHF'), 'invalid', /amountMinor of row 1/],
    ['a file of another size', new TextEncoder().encode('orderId'), 'invalid', /7 bytes, and \d+ were announced/],
    ['a file that is gone', null, 'failed', /gone/],
  ] as const)('ends with %s', async (_, bytes, state, problem) => {
    const table = await asks(bytes === null || bytes.length < 10 ? file : bytes);
    await runs(table, bytes);
    expect(await jobIn(table)).toMatchObject({ state, problem: expect.stringMatching(problem), result: null });
  });

  it('fails where there is more than one call can compare', async () => {
    const table = await recorded();
    expect(await runs(table, file, { transactionsMax: 2 })).toBeNull();
    expect(await jobIn(table)).toMatchObject({ state: 'failed', problem: expect.stringContaining('shorter one') });
  });

  it('fails where its key may no longer read transactions', async () => {
    const table = await recorded();
    const put = { ...keys.apiKey(tenant, 'key_1'), ...apiKey, scopes: ['exports:write'] };
    await table.write([{ kind: 'other', expects: 'anything', put }]);
    await runs(table, file);
    expect(await jobIn(table)).toMatchObject({ state: 'failed', problem: expect.stringContaining('API key') });
  });

  it('takes a file once: what comes later changes nothing', async () => {
    const table = await recorded();
    const job = await jobIn(table);
    expect(job).toMatchObject({ state: 'running', version: 2 });
    await expect(
      table.write(commitReconciliation(fileCame({ ...job, version: 1 }), circumstances).writes),
    ).rejects.toThrow('lost');
  });
});
