import { marshall } from '@aws-sdk/util-dynamodb';
import { describe, expect, it } from 'vitest';
import { costOf, type Units } from '../../bench/cost-model.ts';
import { parcelCost } from '../../bench/parcel-cost.ts';
import type { Recorded } from '../../bench/recorder.ts';

const call = (
  by: string,
  service: string,
  operation: string,
  body: unknown,
  more: Partial<Recorded> = {},
): Recorded => ({
  by,
  service,
  operation,
  path: '/',
  body: JSON.stringify(body),
  status: 200,
  answer: '{}',
  ...more,
});

/** As the SDK sends it: binary as base64. */
const sent = (item: Record<string, { B?: Uint8Array }>) =>
  Object.fromEntries(
    Object.entries(item).map(([name, value]) => [
      name,
      value.B ? { B: Buffer.from(value.B).toString('base64') } : value,
    ]),
  );

const commit = (by: string, ...rows: Record<string, unknown>[]) =>
  call(by, 'dynamodb', 'TransactWriteItems', {
    TransactItems: rows.map((row) => ({ Put: { TableName: 't', Item: sent(marshall(row)) } })),
  });

const costed = (calls: Recorded[], woken: string[] = []) => {
  const { lines, apart } = parcelCost({ calls, woken, logBytes: 400 });
  const unitsOf = (start: string): Units =>
    [...lines, ...apart].find(({ what }) => what.startsWith(start))?.units ?? {};
  return { lines, unitsOf };
};

describe('what the calls of a parcel cost', () => {
  it('bills a row by the larger of what it was and what it becomes, and a deleted one by what it was', () => {
    const { unitsOf } = costed([
      commit('HttpTransactions', { PK: 'TXN#1', SK: 'T', text: 'x'.repeat(2_000) }, { PK: 'BANK#1', SK: 'P#1' }),
      commit('Journal', { PK: 'TXN#1', SK: 'T', text: 'x' }),
      call('Journal', 'dynamodb', 'TransactWriteItems', {
        TransactItems: [{ Delete: { TableName: 't', Key: marshall({ PK: 'BANK#1', SK: 'P#1' }) } }],
      }),
    ]);
    expect(unitsOf('create:')).toEqual({ writes: 2 * (2 + 1) });
    expect(unitsOf('deposit and pickup:')).toEqual({ writes: 2 * (2 + 1) });
  });

  it('counts the sparse index where an entry comes, moves and goes', () => {
    const row = (dueAt?: string) => ({ PK: 'TXN#1', SK: 'T', ...(dueAt && { duePk: 'DUE#1', dueAt }) });
    const steps = [row('1'), row('2'), row('2'), row()].map((it) => commit('Journal', it));
    expect(costed(steps).unitsOf('due-time index')).toEqual({ writes: 1 + 2 + 0 + 1 });
  });

  it('reads row by row in a batch, and all together in a query', () => {
    const rows = [1, 2].map((n) => marshall({ PK: 'BANK#1', SK: `D#${n}`, text: 'x'.repeat(1_000) }));
    const keys = rows.map(({ PK, SK }) => ({ PK, SK }));
    const { unitsOf } = costed([
      call(
        'Deliver',
        'dynamodb',
        'BatchGetItem',
        { RequestItems: { t: { Keys: keys, ConsistentRead: true } } },
        {
          answer: JSON.stringify({ Responses: { t: rows } }),
        },
      ),
      call('Journal', 'dynamodb', 'Query', { ConsistentRead: true }, { answer: JSON.stringify({ Items: rows }) }),
    ]);
    expect(unitsOf('0 webhooks').reads).toBe(2);
    expect(unitsOf('journal in:').reads).toBe(1);
  });

  it('leaves out the key row, which a warm function knows, and what is asked once per cold start', () => {
    const key = call('HttpTransactions', 'dynamodb', 'GetItem', { Key: marshall({ PK: 'KEYS#1', SK: 'k' }) });
    const secret = call('HttpTransactions', 'secretsmanager', 'GetSecretValue', {});
    expect(costed([key, secret]).lines.every(({ units }) => costOf(units) === 0)).toBe(true);
  });

  it('wakes a reaction by a message of its own for each entry of the bus that its rule matches', () => {
    const { unitsOf } = costed([call('SendSms', 'sns', 'Publish', {})], ['Grants', 'Grants', 'Messages']);
    expect(unitsOf('reactions: 2 Grants')).toMatchObject({ queueRequests: 6, invocations: 2 });
    expect(unitsOf('message to the recipient')).toMatchObject({ queueRequests: 6, topicPublishes: 1 });
  });

  it('keeps what makes transactions findable apart, as a line of its own', () => {
    const index = commit('Search', { PK: 'TXN#1', SK: 'F' }, { PK: 'F#1#all#', SK: '1' });
    const head = call('Search', 'dynamodb', 'PutItem', { Item: marshall({ PK: 'HEADS#1#0', SK: '1' }) });
    const { lines, unitsOf } = costed([index, head], ['Search']);
    expect(unitsOf('search rows of 2 KB')).toMatchObject({ queueRequests: 3, invocations: 1, writes: 4 + 1 });
    expect(lines.every(({ units }) => costOf(units) === 0)).toBe(true);
  });

  it('keeps what makes the feed apart, as a line of its own', () => {
    const numbered = commit(
      'Feed',
      { PK: 'FEEDEND#1', SK: 'S' },
      { PK: 'NUMBERED#1#evt_1', SK: 'S' },
      { PK: 'FEED#1', SK: '1', event: new Uint8Array(1_500) },
    );
    const { lines, unitsOf } = costed([numbered], ['Feed']);
    expect(unitsOf('feed: 1 event numbered in 1 transaction of 4 KB')).toMatchObject({
      queueRequests: 3,
      invocations: 1,
      writes: 2 * (1 + 1 + 2),
    });
    expect(lines.every(({ units }) => costOf(units) === 0)).toBe(true);
  });

  it('keeps the archive apart, where every entry of the bus is a record by 5 KB begun', () => {
    const entry = (Detail: string) => ({ DetailType: 'transaction.created', Detail });
    const put = call('Publish', 'events', 'PutEvents', {
      Entries: [entry('x'.repeat(2_000)), entry('x'.repeat(6_000))],
    });
    expect(costed([put]).unitsOf('archive: 2 events')).toEqual({ firehoseRecords: 1 + 2 });
  });

  it('bills binary by its bytes, not by the letters it is sent as', () => {
    const { unitsOf } = costed([commit('Journal', { PK: 'TXN#1', SK: 'C#1', events: new Uint8Array(1_000) })]);
    expect(unitsOf('deposit and pickup:')).toEqual({ writes: 2 });
  });

  it('lets a schedule fire unless somebody deletes it', () => {
    const schedule = (operation: string, path: string) => call('BusDeadlines', 'scheduler', operation, {}, { path });
    const made = ['/schedules/a', '/schedules/b'].map((path) => schedule('POST', path));
    expect(costed(made).unitsOf('2 schedules')).toMatchObject({ schedules: 2 });
    expect(costed([...made, schedule('DELETE', '/schedules/a')]).unitsOf('1 schedule ')).toMatchObject({
      schedules: 1,
    });
  });

  it('keeps what reminders cost apart, as a line of its own', () => {
    const path = '/schedules/latchwork/txn_1-reminder-1';
    const row = { PK: 'TXN#1', SK: 'M#1', remindsOf: '2026-03-04T12:00:00.000Z', duePk: 'DUE#1', dueAt: '1' };
    const planned = [
      call('Messages', 'dynamodb', 'GetItem', { Key: marshall({ PK: 'BANK#1', SK: 'B' }) }),
      call('Messages', 'dynamodb', 'PutItem', { Item: marshall(row) }),
      call('Messages', 'scheduler', 'POST', {}, { path }),
    ];
    const takenBack = [
      call('BusDeadlines', 'scheduler', 'DELETE', {}, { path }),
      call('BusDeadlines', 'dynamodb', 'TransactWriteItems', {
        TransactItems: [{ Delete: { TableName: 't', Key: marshall({ PK: row.PK, SK: row.SK }) } }],
      }),
    ];
    const { lines, unitsOf } = costed([...planned, ...takenBack]);
    expect(unitsOf('1 reminder planned, 1 taken back')).toEqual({ reads: 0.5, writes: 2 + 2 + 1 });
    expect(lines.every(({ units }) => costOf(units) === 0)).toBe(true);
    expect(costed(planned).unitsOf('1 reminder planned, 0 taken back')).toMatchObject({ schedules: 1 });
  });

  it('reads and writes a shadow by the size of its document, and sends each write to the bank', () => {
    const path = '/things/bnk_1/shadow';
    const desired = { 1: { text: 'x'.repeat(1_500) } };
    const { unitsOf } = costed([
      call('Grants', 'iotdata', 'GET', '', { path, answer: JSON.stringify({ state: { desired } }) }),
      call('Grants', 'iotdata', 'POST', { state: { desired: { 2: { text: 'x'.repeat(1_000) } } } }, { path }),
    ]);
    expect(unitsOf('grants shadow: 1 read, 1 write')).toEqual({ shadowOperations: 2 + 3, iotMessages: 1 });
  });

  it('refuses to price what it does not know', () => {
    expect(() => costed([call('Grants', 'dynamodb', 'PutItem', {})])).toThrow(
      'does not know that Grants calls dynamodb',
    );
  });
});
