import { randomUUID } from 'node:crypto';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { apiClient } from '../../local/api-client.ts';
import { outputOf } from '../../local/stack-handle.ts';
import { ApiKeyView } from '../../shared/api/api-keys.ts';
import { ImportRowView, ImportView } from '../../shared/api/imports.ts';
import { listOf } from '../../shared/api/shapes.ts';
import { importRowsMax } from '../../shared/domain/import.ts';
import { CommitRow } from '../../shared/store/commit-row.ts';
import { keys, ranges } from '../../shared/store/rows.ts';
import { spokenForBank, table } from '../support/faults.ts';
import { invariantsHold } from '../support/invariants.ts';
import { newOrder, readParcel } from '../support/parcel.ts';
import { aws, eventually, newReceiver, newTenant, stack, type Tenant } from '../support/stack.ts';
import { inTurns } from '../support/street.ts';

/*
 * The whole size takes an hour on two cores:
 *   LATCHWORK_FULL=1 npm test -- test/journeys/imports.test.ts
 */
const full = process.env.LATCHWORK_FULL === '1';
const rowsInAll = full ? importRowsMax : 110;
const doorsPerBank = full ? 100 : 55;

let tenant: Tenant;
let bankId: string;

beforeAll(async () => {
  tenant = await newTenant();
  bankId = (await spokenForBank(tenant, 30)).id;
});

const holds = () => invariantsHold({ tenants: [tenant], banks: [] });

const header =
  'workflow,bankId,externalIds.order,items.0.lengthMm,items.0.widthMm,items.0.heightMm,recipient.name,recipient.phone';
const rowFor = (bank: string, order = newOrder(), sizes = '300,200,100', phone = '+41791234567') =>
  `parcel,${bank},${order},${sizes},"Example, Ada",${phone}`;
const csvOf = (rows: readonly string[]): string => [header, ...rows].join('\r\n');

const ask = (bytes: number, { api }: Pick<Tenant, 'api'> = tenant): Promise<ImportView> =>
  api.post('/v1/imports', { name: 'A file', bytes }, ImportView);

const put = ({ upload }: ImportView, text: string, headers = upload?.headers) =>
  fetch(upload?.url ?? '', { method: 'PUT', body: text, ...(headers && { headers }) });

const upload = async (text: string, by: Pick<Tenant, 'api'> = tenant): Promise<ImportView> => {
  const made = await ask(Buffer.byteLength(text), by);
  const answer = await put(made, text);
  expect([answer.status, await answer.text()]).toEqual([200, '']);
  return made;
};

const read = (id: string): Promise<ImportView> => tenant.api.get(`/v1/imports/${id}`, ImportView);
const becomes = (id: string, state: ImportView['state'], within = 60_000): Promise<ImportView> =>
  eventually(
    async () => {
      const now = await read(id);
      expect(now).toMatchObject({ state });
      return now;
    },
    { what: `${id} becomes ${state}`, within },
  );

const Rows = listOf(ImportRowView);
const reportsOf = async (id: string, limit = 100): Promise<ImportRowView[]> => {
  const all: ImportRowView[] = [];
  let cursor = '';
  do {
    const page = await tenant.api.get(`/v1/imports/${id}/rows?limit=${limit}${cursor}`, Rows);
    all.push(...page.data);
    cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`;
  } while (cursor !== '');
  return all;
};

const eventsOf = async (id: string): Promise<string[]> => {
  const { rows } = await table.query(ranges.events(keys.import(tenant.id, id).PK), { consistent: true });
  return rows.flatMap((row) => CommitRow.parse(row).events.map(({ type }) => type));
};

describe('a file of transactions', () => {
  it('is created row by row, told of each, and creates nothing when it is uploaded again', async () => {
    const receiver = await newReceiver();
    const endpoint = z.object({ secret: z.string() });
    const wanted = { url: receiver.url, eventTypes: ['import.completed'] };
    receiver.verifyWith((await tenant.api.post('/v1/webhook-endpoints', wanted, endpoint)).secret);
    const orders = Array.from({ length: 25 }, () => newOrder());
    const text = csvOf(orders.map((order) => rowFor(bankId, order)));
    const first = await upload(text);
    expect(first).toMatchObject({ state: 'pending', rows: null, upload: { method: 'PUT' } });
    const done = await becomes(first.id, 'done');
    expect(done).toMatchObject({ rows: 25, counts: { created: 25, alreadyExists: 0, refused: 0, pending: 0 } });
    expect(done).not.toHaveProperty('upload');

    const reports = await reportsOf(first.id, 10);
    expect(reports.map(({ row, outcome }) => [row, outcome])).toEqual(orders.map((_, nth) => [nth + 1, 'created']));
    for (const [nth, { transactionId, credentials = [] }] of reports.entries()) {
      const made = await readParcel(tenant, transactionId ?? '');
      expect(made).toMatchObject({ state: 'reserved', bankId, externalIds: { order: orders[nth] } });
      expect(made.recipient).toEqual({ name: 'Example, Ada', phone: '+41791234567' });
      expect(credentials.map(({ id }) => id)).toEqual(made.credentials.map(({ id }) => id));
      for (const { value } of credentials) expect(value).toMatch(/^\d{6,8}$/);
    }
    const scopes = ['transactions:read'];
    const { key } = await tenant.api.post('/v1/api-keys', { name: 'Reader', scopes }, ApiKeyView);
    const seen = await apiClient(stack.apiUrl, key).get(`/v1/imports/${first.id}/rows`, Rows);
    expect(seen.data.some((it) => 'credentials' in it)).toBe(false);

    // The bank has five doors left for 25 rows; what there is is named, not refused.
    const second = await upload(text);
    expect(await becomes(second.id, 'done')).toMatchObject({ counts: { created: 0, alreadyExists: 25, refused: 0 } });
    expect((await reportsOf(second.id)).map(({ transactionId }) => transactionId)).toEqual(
      reports.map(({ transactionId }) => transactionId),
    );
    await eventually(async () => {
      const heard = (await receiver.received()).map(({ body }) =>
        z.looseObject({ subject: z.string(), type: z.string() }).parse(JSON.parse(body)),
      );
      const completed = heard.filter(({ type }) => type === 'import.completed');
      expect(completed.map(({ subject }) => subject).toSorted()).toEqual([first.id, second.id].toSorted());
    });
    expect(await eventsOf(first.id)).toEqual([
      'import.created',
      'import.uploaded',
      'import.started',
      'import.completed',
    ]);
    await holds();
  });

  it('with one wrong row creates nothing, and says of each wrong one what is wrong', async () => {
    const good = newOrder();
    const { id } = await upload(
      csvOf([
        rowFor(bankId, good),
        rowFor(bankId, newOrder(), '300,wide,100'),
        rowFor('bnk_of_nobody'),
        rowFor(bankId, newOrder(), undefined, '0791234567'),
      ]),
    );
    expect(await becomes(id, 'invalid')).toMatchObject({ rows: 4, invalidRows: 3, counts: { created: 0, pending: 0 } });
    expect(await reportsOf(id)).toMatchObject([
      { row: 2, outcome: 'invalid', errors: [{ pointer: '/items/0/widthMm' }] },
      { row: 3, outcome: 'invalid', errors: [{ pointer: '/bankId', detail: 'there is no bank bnk_of_nobody' }] },
      { row: 4, outcome: 'invalid', errors: [{ pointer: '/recipient/phone' }] },
    ]);
    expect(await tenant.api.request('GET', `/v1/transactions/ext:order:${good}`)).toMatchObject({ status: 404 });
    expect(await eventsOf(id)).toEqual(['import.created', 'import.uploaded', 'import.rejected']);
    await holds();
  });

  it('that is none is told so', async () => {
    const { id } = await upload('This is a letter.\r\nIt has lines.');
    expect(await becomes(id, 'invalid')).toMatchObject({
      rows: null,
      problem: 'the header of column 1 is not one that an import has',
    });
    expect(await reportsOf(id)).toEqual([]);
  });

  it('has room for what a full bank refuses, in the words of a create', async () => {
    const rows = Array.from({ length: 8 }, () => rowFor(bankId));
    const { id } = await upload(csvOf(rows));
    expect(await becomes(id, 'done')).toMatchObject({ counts: { created: 5, refused: 3 } });
    const refused = (await reportsOf(id)).filter(({ outcome }) => outcome === 'refused');
    for (const it of refused)
      expect(it).toMatchObject({ code: 'reservation_refused', reason: 'bank_full', transactionId: null });
    await holds();
  });
});

describe('the link of an upload', () => {
  it('takes one file, of the size that was announced', async () => {
    const text = csvOf([rowFor(bankId)]);
    const made = await ask(Buffer.byteLength(text));
    expect((await put(made, text)).status).toBe(200);
    await becomes(made.id, 'done');
    expect((await put(made, text)).status).toBe(412);
    // AWS refuses it by the signature; wherever that is not checked, the file is refused when it is read.
    const other = await ask(Buffer.byteLength(text));
    const answer = await put(other, `${text}\r\n`);
    if (answer.ok)
      expect(await becomes(other.id, 'invalid')).toMatchObject({ problem: expect.stringMatching(/bytes/) });
    else expect(answer.status).toBe(403);
    await holds();
  });

  it('is the same upload when the request is sent again, and another for another request', async () => {
    const request = { body: { name: 'Twice', bytes: 1_000 }, headers: { 'idempotency-key': randomUUID() } };
    const answers = await Promise.all([1, 2].map(() => tenant.api.request('POST', '/v1/imports', request)));
    const [one, two] = answers.map(({ body }) => ImportView.parse(body));
    expect(one?.id).toBe(two?.id);
    for (const it of [one, two]) expect(it?.upload?.url).toContain(`${tenant.id}/${one?.id}.csv`);
    expect((await ask(1_000)).id).not.toBe(one?.id);
  });

  it('is not given for more than 8 MiB', async () => {
    expect(
      await tenant.api.request('POST', '/v1/imports', { body: { name: 'Large', bytes: 8_388_609 } }),
    ).toMatchObject({ status: 400, body: { errors: [{ pointer: '/bytes' }] } });
  });
});

describe('an import', () => {
  it('of a test key is for simulated banks, and all that a test key sees', async () => {
    const scopes = ['transactions:read', 'transactions:write'];
    const { key } = await tenant.api.post('/v1/api-keys', { name: 'Sandbox', mode: 'test', scopes }, ApiKeyView);
    const sandbox = { api: apiClient(stack.apiUrl, key) };
    const live = await ask(1_000);
    const tried = await upload(csvOf([rowFor(bankId)]), sandbox);
    expect(await becomes(tried.id, 'invalid')).toMatchObject({ mode: 'test', invalidRows: 1 });
    expect((await reportsOf(tried.id))[0]?.errors).toMatchObject([{ detail: /simulated banks only/ }]);
    expect(await sandbox.api.request('GET', `/v1/imports/${live.id}`)).toMatchObject({ status: 404 });
    expect(await sandbox.api.request('GET', `/v1/imports/${live.id}/rows`)).toMatchObject({ status: 404 });
    const listed = await sandbox.api.get('/v1/imports', z.object({ data: z.array(z.object({ id: z.string() })) }));
    expect(listed.data.map(({ id }) => id)).toEqual([tried.id]);
  });

  it('of a key that was revoked meanwhile goes no further', async () => {
    const scopes = ['transactions:read', 'transactions:write'];
    const { id, key } = await tenant.api.post('/v1/api-keys', { name: 'Leaver', scopes }, ApiKeyView);
    const text = csvOf([rowFor(bankId)]);
    const made = await ask(Buffer.byteLength(text), { api: apiClient(stack.apiUrl, key) });
    await tenant.api.post(`/v1/api-keys/${id}/revoke`, {}, ApiKeyView);
    expect((await put(made, text)).status).toBe(200);
    expect(await becomes(made.id, 'failed')).toMatchObject({ problem: 'the API key that asked for it was revoked' });
    await holds();
  });
});

it(
  `creates ${rowsInAll} rows in turns, each once, though every message comes more than once`,
  async () => {
    const banks = await inTurns(Array.from({ length: Math.ceil(rowsInAll / doorsPerBank) }), () =>
      spokenForBank(tenant, doorsPerBank),
    );
    const rows = Array.from({ length: rowsInAll }, (_, nth) => rowFor(banks[nth % banks.length]?.id ?? ''));
    const { id } = await upload(csvOf(rows));
    const again = (queue: string, message: unknown) =>
      aws.sqs.send(
        new SendMessageCommand({
          QueueUrl: outputOf(stack.outputs, `${queue}QueueUrl`),
          MessageBody: JSON.stringify(message),
        }),
      );
    await again('ImportFiles', { detail: { object: { key: `${tenant.id}/${id}.csv` } } });
    await becomes(id, 'running', full ? 600_000 : 60_000);
    const events = await table.query(ranges.events(keys.import(tenant.id, id).PK), { consistent: true });
    const event = events.rows
      .flatMap((row) => CommitRow.parse(row).events)
      .find(({ type }) => type === 'import.started');
    await Promise.all([1, 2].map(() => again('Imports', { detail: event })));

    const done = await becomes(id, 'done', full ? 3_600_000 : 120_000);
    expect(done.counts).toEqual({ created: rowsInAll, alreadyExists: 0, refused: 0, pending: 0 });
    const reports = await reportsOf(id);
    expect(new Set(reports.map(({ transactionId }) => transactionId)).size).toBe(rowsInAll);
    expect(await eventsOf(id)).toEqual(['import.created', 'import.uploaded', 'import.started', 'import.completed']);
    if (!full) await holds();
  },
  full ? 4_000_000 : 240_000,
);
