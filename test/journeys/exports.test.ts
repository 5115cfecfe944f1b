import { randomUUID } from 'node:crypto';
import { CreateBucketCommand, GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { parse } from 'csv-parse/sync';
import { parquetReadObjects } from 'hyparquet';
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { apiClient } from '../../local/api-client.ts';
import { clientOptions } from '../../local/endpoint.ts';
import { outputOf } from '../../local/stack-handle.ts';
import { ApiKeyView } from '../../shared/api/api-keys.ts';
import { ExportScheduleView } from '../../shared/api/export-schedules.ts';
import { ExportSummary, ExportView } from '../../shared/api/exports.ts';
import { ReconciliationView } from '../../shared/api/reconciliations.ts';
import { listOf } from '../../shared/api/shapes.ts';
import { TransactionView } from '../../shared/api/transactions.ts';
import { DeliveryView } from '../../shared/api/webhook-endpoints.ts';
import { lateAfterSeconds } from '../../shared/domain/feed.ts';
import { plusSeconds } from '../../shared/domain/time.ts';
import { keys } from '../../shared/store/rows.ts';
import { table } from '../support/faults.ts';
import { invariantsHold } from '../support/invariants.ts';
import { createParcel, type Parcel } from '../support/parcel.ts';
import { aws, type Bank, eventually, newBank, newReceiver, newTenant, stack, type Tenant } from '../support/stack.ts';

const hour = 3_600_000;
const began = Date.now();

let tenant: Tenant;
let endpointId: string;
let bank: Bank;
let parcels: Parcel[];

/** Until now, as the API counts it: what has been made is in it. */
const period = () => ({ from: new Date(began - hour).toISOString(), to: new Date().toISOString() });

const read = (id: string, { api }: Pick<Tenant, 'api'> = tenant) => api.get(`/v1/exports/${id}`, ExportView);
const isDone = (id: string): Promise<ExportView> =>
  eventually(
    async () => {
      const now = await read(id);
      expect(now).toMatchObject({ state: 'done' });
      return now;
    },
    { what: `${id} is done` },
  );
const fetched = async (it: Pick<ExportView, 'file'>): Promise<Buffer> => {
  const answer = await fetch(it.file?.url ?? '');
  expect(answer.status).toBe(200);
  return Buffer.from(await answer.arrayBuffer());
};
const exported = async (body: Record<string, unknown>): Promise<Buffer> => {
  const made = await tenant.api.post('/v1/exports', { ...period(), ...body }, ExportView);
  expect(made).toMatchObject({ state: 'running', rows: 0, file: null });
  const done = await isDone(made.id);
  const bytes = await fetched(done);
  expect(done).toMatchObject({ bytes: bytes.length });
  const { data } = await tenant.api.get('/v1/exports?state=done', listOf(ExportSummary));
  expect(data.map(({ id }) => id)).toContain(made.id);
  return bytes;
};
const status = async (by: Pick<Tenant, 'apiKey'>, body: Record<string, unknown>) => {
  const answer = await fetch(`${stack.apiUrl}/v1/exports`, {
    method: 'POST',
    headers: { authorization: `Bearer ${by.apiKey}`, 'idempotency-key': randomUUID() },
    body: JSON.stringify({ kind: 'transactions', format: 'csv', ...period(), ...body }),
  });
  const { detail } = z.object({ detail: z.string().optional() }).parse(await answer.json());
  return [answer.status, detail];
};

const keyOf = async (scopes: string[]) => {
  const { key = '' } = await tenant.api.post('/v1/api-keys', { name: 'Some', scopes }, ApiKeyView);
  return { apiKey: key, api: apiClient(stack.apiUrl, key) };
};

beforeAll(async () => {
  tenant = await newTenant();
  const wish = { url: (await newReceiver()).url, eventTypes: ['transaction.created'] };
  endpointId = (await tenant.api.post('/v1/webhook-endpoints', wish, z.object({ id: z.string() }))).id;
  bank = await newBank(tenant, { doors: 4 });
  const recipient = { name: '=HYPERLINK("https://example.com")', phone: '+41791234567' };
  const payment = { amountMinor: 1_290, currency: 'CHF' };
  parcels = [await createParcel(tenant, bank, { recipient, payment }), await createParcel(tenant, bank)];
  const search = `/v1/transactions?from=${period().from}`;
  const deliveries = `/v1/webhook-endpoints/${endpointId}/deliveries?eventType=transaction.created&state=delivered`;
  await eventually(async () => {
    expect((await tenant.api.get(search, listOf(TransactionView))).data).toHaveLength(2);
    expect((await tenant.api.get(deliveries, listOf(DeliveryView))).data).toHaveLength(2);
  });
});

describe('an export', () => {
  it('of transactions has the newest first, amounts as integers, and no formula for a spreadsheet', async () => {
    const bytes = await exported({ kind: 'transactions', format: 'csv', personalData: true });
    const rows: Record<string, string>[] = parse(bytes, { columns: true });
    expect(rows.map(({ id }) => id)).toEqual(parcels.map(({ id }) => id).reverse());
    const [first] = parcels;
    expect(rows[1]).toMatchObject({
      workflow: 'parcel',
      orderId: first?.externalIds.order,
      paymentMinor: '1290',
      currency: 'CHF',
      recipientName: `'=HYPERLINK("https://example.com")`,
      recipientPhone: "'+41791234567",
      createdAt: first?.createdAt,
    });
  });

  it('says nothing of persons where it was not asked to, in Parquet too', async () => {
    const bytes = await exported({ kind: 'transactions', format: 'parquet' });
    const rows = await parquetReadObjects({ file: new Uint8Array(bytes).buffer });
    expect(rows).toHaveLength(2);
    expect(rows[1]).toMatchObject({ paymentMinor: 1_290n, createdAt: new Date(parcels[0]?.createdAt ?? '') });
    expect(Object.keys(rows[0] ?? {}).filter((name) => name.startsWith('recipient'))).toEqual([]);
    expect(bytes.includes('HYPERLINK')).toBe(false);
  });

  it('of deliveries has what an endpoint got', async () => {
    const filter = { endpointId, deliveryState: 'delivered' };
    const lines = (await exported({ kind: 'deliveries', format: 'jsonl', filter })).toString('utf8').trim().split('\n');
    const rows = lines.map((line) => JSON.parse(line));
    const made = rows.filter(({ eventType }) => eventType === 'transaction.created');
    expect(made.map(({ subject }) => subject)).toEqual(parcels.map(({ id }) => id));
    expect(made[0]).toMatchObject({ endpointId, state: 'delivered', attempts: 1, lastStatus: 204 });
  });

  it('of events has what the feed has, as it came in', async () => {
    // What comes into the feed this long after the period says that nothing can come into it any more.
    const from = period().from;
    const to = plusSeconds(parcels.at(-1)?.createdAt ?? '', 1);
    await eventually(() => expect(Date.now()).toBeGreaterThan(Date.parse(to) + lateAfterSeconds * 1_000));
    const later = await createParcel(tenant, bank);
    const Feed = z.object({ data: z.array(z.object({ id: z.string(), subject: z.string(), hash: z.string() })) });
    const feed = await eventually(async () => {
      const { data } = await tenant.api.get('/v1/events?type=transaction.*', Feed);
      expect(data.map(({ subject }) => subject)).toContain(later.id);
      return data;
    });
    const body = { kind: 'events', format: 'jsonl', from, to, filter: { type: 'transaction.*' } };
    const lines = (await exported(body)).toString('utf8').trim().split('\n');
    const rows = lines.map((line) => JSON.parse(line));
    const ofParcels = feed.filter(({ subject }) => parcels.some(({ id }) => id === subject));
    expect(rows.map(({ id, hash }) => ({ id, hash }))).toEqual(ofParcels.map(({ id, hash }) => ({ id, hash })));
  });

  it('of events is refused where the feed has forgotten, in words that name the oldest moment', async () => {
    const [code, detail] = await status(tenant, {
      kind: 'events',
      from: new Date(began - 31 * 24 * hour).toISOString(),
    });
    expect([code, detail]).toEqual([400, expect.stringMatching(/\/from must not be earlier than \d{4}-.*30 days/)]);
  });

  it('is given to nobody who may not read what is in it', async () => {
    const clerk = await keyOf(['exports:read', 'exports:write', 'transactions:read']);
    expect(await status(clerk, { personalData: true })).toEqual([403, 'this API key lacks the scope exports:personal']);
    expect(await status(clerk, { kind: 'deliveries' })).toEqual([403, 'this API key lacks the scope webhooks:read']);
    const body = { kind: 'transactions', format: 'csv', personalData: true, ...period() };
    const made = await tenant.api.post('/v1/exports', body, ExportView);
    expect((await isDone(made.id)).file?.name).toMatch(/^transactions-.*\.csv$/);
    expect(await read(made.id, clerk)).toMatchObject({ state: 'done', file: null });
  });

  it('is refused for a period or a filter that it cannot have', async () => {
    const { from, to } = period();
    const later = new Date(Date.now() + hour).toISOString();
    expect(await status(tenant, { from: to, to: from })).toEqual([
      400,
      'the body is not valid: /to must be later than from',
    ]);
    expect(await status(tenant, { to: later })).toEqual([400, expect.stringContaining('not be in the future')]);
    expect(await status(tenant, { from: '2020-01-01T00:00:00Z' })).toEqual([
      400,
      'the body is not valid: /to must be at most 366 days after from',
    ]);
    expect(await status(tenant, { filter: { endpointId } })).toEqual([
      400,
      'the body is not valid: /filter/endpointId is no filter of transactions',
    ]);
  });
});

describe('an export that is pushed', () => {
  const pushed = async (pushTo: string, state: 'done' | 'failed') => {
    const body = { kind: 'transactions', format: 'csv', pushTo, ...period() };
    const made = await tenant.api.post('/v1/exports', body, ExportView);
    expect(made.push).toMatchObject({ state: 'waiting' });
    return eventually(
      async () => {
        const now = await read(made.id);
        expect(now.push).toMatchObject({ state });
        return now;
      },
      { what: `${made.id} is pushed` },
    );
  };
  const eventOf = ({ id }: ExportView, type: string) =>
    eventually(async () => {
      const Feed = z.object({ data: z.array(z.object({ subject: z.string(), data: z.unknown() })) });
      const { data } = await tenant.api.get(`/v1/events?type=${type}`, Feed);
      expect(data.map(({ subject }) => subject)).toContain(id);
      return data.find(({ subject }) => subject === id)?.data;
    });

  it('lies in the customer’s bucket, byte for byte what its link leads to, and an event says where', async () => {
    const done = await pushed('finance', 'done');
    const { key } = done.push ?? {};
    const name = done.file?.name.replace('.csv', `-${done.id}.csv`);
    expect(key).toBe(`exports/${tenant.id}/${name}`);
    const there = await aws.s3.send(new GetObjectCommand({ Bucket: 'latchwork-trial', Key: key ?? '' }));
    expect(Buffer.from((await there.Body?.transformToByteArray()) ?? [])).toEqual(await fetched(done));
    expect([there.ContentType, there.TagCount]).toEqual(['text/csv; charset=utf-8; header=present', undefined]);
    expect(await eventOf(done, 'export.pushed')).toMatchObject({ exportId: done.id, destination: 'finance', key });
  });

  it('can be fetched all the same where the bucket is gone or lets nobody in, and says so at last', async () => {
    const credentials = { accessKeyId: '111122223333', secretAccessKey: 'test' };
    const theirs = new S3Client({ ...clientOptions(stack), forcePathStyle: true, credentials });
    await theirs.send(new CreateBucketCommand({ Bucket: 'latchwork-foreign' }));
    const [foreign, gone] = await Promise.all([pushed('foreign', 'failed'), pushed('gone', 'failed')]);
    expect(foreign.push).toMatchObject({ reason: 'access_denied', said: 'AccessDenied', attempts: 3, key: null });
    expect(gone.push).toMatchObject({ reason: 'no_such_bucket', said: 'NoSuchBucket', attempts: 3, key: null });
    expect(await fetched(gone)).toHaveLength(gone.bytes ?? 0);
    const told = { destination: 'gone', reason: 'no_such_bucket' };
    expect(await eventOf(gone, 'export.push_failed')).toMatchObject(told);
  });

  it('is refused where nobody has set up such a destination', async () => {
    expect(await status(tenant, { pushTo: 'books' })).toEqual([
      400,
      'the body is not valid: /pushTo is no destination of yours; there are: finance, foreign, gone',
    ]);
  });
});

describe('a schedule of exports', () => {
  it('makes an export of what has ended, once it is due', async () => {
    const wish = {
      name: 'Days',
      kind: 'transactions',
      format: 'jsonl',
      every: 'day',
      timeZone: 'Europe/Zurich',
      pushTo: 'finance',
    };
    const { id } = await tenant.api.post('/v1/export-schedules', wish, ExportScheduleView);
    const key = keys.exportSchedule(tenant.id, id);
    // As if it had been made a day ago.
    const row = await table.get(key, true);
    const nextRunAt = new Date(Date.parse(String(row?.nextRunAt)) - 24 * hour).toISOString();
    const put = { ...key, ...row, nextRunAt };
    await table.write([{ kind: 'other', expects: { version: Number(row?.version) }, put }]);
    const MessageBody = JSON.stringify({ kind: 'export-schedule', tenant: tenant.id, id });
    await aws.sqs.send(new SendMessageCommand({ QueueUrl: outputOf(stack.outputs, 'DeadlinesQueueUrl'), MessageBody }));
    const made = await eventually(async () => {
      const { lastExportId } = await tenant.api.get(`/v1/export-schedules/${id}`, ExportScheduleView);
      expect(lastExportId).not.toBeNull();
      return lastExportId ?? '';
    });
    expect(await isDone(made)).toMatchObject({ scheduleId: id, kind: 'transactions', format: 'jsonl', rows: 0 });
    // A file without a line, too.
    await eventually(async () => expect((await read(made)).push).toMatchObject({ state: 'done' }));
  });
});

describe('a reconciliation', () => {
  const { from, to } = { from: new Date(began - hour).toISOString(), to: () => new Date().toISOString() };
  const read = (id: string) => tenant.api.get(`/v1/reconciliations/${id}`, ReconciliationView);

  const compared = async (text: string): Promise<ReconciliationView> => {
    const body = { name: 'Orders', from, to: to(), bytes: Buffer.byteLength(text) };
    const { id, upload } = await tenant.api.post('/v1/reconciliations', body, ReconciliationView);
    const answer = await fetch(upload?.url ?? '', { method: 'PUT', body: text, headers: upload?.headers ?? {} });
    expect(answer.status).toBe(200);
    return eventually(async () => {
      const now = await read(id);
      expect(now).toMatchObject({ state: 'done' });
      return now;
    });
  };

  it('names the orders that differ from an uploaded file, and has the totals of both', async () => {
    const [paid, free] = parcels.map(({ externalIds }) => externalIds.order ?? '');
    const file = ['orderId,amountMinor,currency,state', `${paid},1280,CHF,reserved`, `${free},0,CHF,`, 'X-1,5,CHF,'];
    const done = await compared(file.join('\r\n'));
    expect(done.result).toMatchObject({
      totals: [
        { currency: 'CHF', there: { orders: 3, amountMinor: 1_285 }, here: { orders: 1, amountMinor: 1_290 } },
        { currency: null },
      ],
      differences: { amount_differs: 1, missing_here: 1, state_differs: 0 },
    });
    const rows: Record<string, string>[] = parse(await fetched(done), { columns: true });
    expect(rows.filter(({ difference }) => difference !== 'missing_there')).toMatchObject([
      { difference: 'amount_differs', orderId: paid, theirAmountMinor: '1280', ourAmountMinor: '1290' },
      { difference: 'missing_here', orderId: 'X-1', row: '3' },
    ]);
    const clerk = await keyOf(['exports:read']);
    const shown = await clerk.api.get(`/v1/reconciliations/${done.id}`, ReconciliationView);
    expect(shown).toMatchObject({ state: 'done', result: null, file: null });
  });

  it('leaves everything as it has to be', async () => {
    await invariantsHold({ tenants: [tenant], banks: [bank] });
  });
});
