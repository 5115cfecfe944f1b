import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvokeCommand } from '@aws-sdk/client-lambda';
import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { DeleteCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Envelope } from '../../events/envelope.ts';
import { outputOf } from '../../local/stack-handle.ts';
import { createParcel, doorOf, newOrder, Parcel } from '../support/parcel.ts';
import { aws, type Bank, eventually, newBank, newTenant, stack, type Tenant } from '../support/stack.ts';

const Page = z.object({ data: z.array(Parcel), nextCursor: z.string().nullable() });

const page = (tenant: Tenant, wanted: Record<string, string>) =>
  tenant.api.get(`/v1/transactions?${new URLSearchParams(wanted)}`, Page);

const found = async (tenant: Tenant, wanted: Record<string, string>): Promise<string[]> =>
  (await page(tenant, wanted)).data.map(({ id }) => id);

/** Search knows of changes a little later. */
const finds = (tenant: Tenant, wanted: Record<string, string>, ids: readonly string[]) =>
  eventually(async () => expect(await found(tenant, wanted)).toEqual(ids), {
    what: `${JSON.stringify(wanted)} finds ${ids.join(', ') || 'nothing'}`,
  });

let support: Tenant;
let stranger: Tenant;
let bank: Bank;
let parcel: Parcel;
const order = newOrder();
const item = 'SKU-77-1';
const madeAt = new Date();

beforeAll(async () => {
  [support, stranger] = await Promise.all([newTenant(), newTenant()]);
  bank = await newBank(support, { doors: 6 });
  parcel = await createParcel(support, bank, {
    externalIds: { order, erp: 'X#1:2' },
    items: [{ externalId: item, lengthMm: 300, widthMm: 200, heightMm: 100 }],
    recipient: { name: 'Zoë Müller-Ünal', phone: '+41791234567', email: 'Zoe@Example.com' },
  });
  await finds(support, { recipient: 'Zoë' }, [parcel.id]);
});

describe('support finds a live transaction', () => {
  const wanted: [string, () => Record<string, string>][] = [
    ['its order id', () => ({ orderId: order })],
    ['any other id of theirs', () => ({ externalId: 'erp:X#1:2' })],
    ['the id of an item', () => ({ itemId: item })],
    ['the phone number, as it was told', () => ({ recipient: '0041 79 123 45 67' })],
    ['the e-mail address', () => ({ recipient: 'zoe@example.com' })],
    ['the beginning of a name', () => ({ recipient: 'mull' })],
    ['two of them', () => ({ recipient: 'Unal, zoe' })],
    ['its bank', () => ({ bankId: bank.id })],
    ['its door', () => ({ bankId: bank.id, door: doorOf(parcel) })],
    ['a credential', () => ({ credentialId: parcel.credentials[1]?.id ?? '' })],
    ['its state', () => ({ state: 'reserved' })],
    ['its workflow', () => ({ workflow: 'parcel' })],
    ['the time', () => ({ from: new Date(madeAt.getTime() - 120_000).toISOString() })],
    ['nothing', () => ({})],
    [
      'all of it',
      () => ({
        ...{ orderId: order, externalId: 'erp:X#1:2', itemId: item, recipient: 'Zoë', bankId: bank.id },
        ...{ door: doorOf(parcel), credentialId: parcel.credentials[0]?.id ?? '', state: 'reserved' },
        ...{ workflow: 'parcel', from: parcel.createdAt },
      }),
    ],
  ];

  it.each(wanted)('by %s, and a stranger does not', async (_, by) => {
    expect(await found(support, by())).toEqual([parcel.id]);
    expect(await found(stranger, by())).toEqual([]);
  });

  it.each([
    ['another order', { orderId: 'nobody' }],
    ['an order and somebody else', { orderId: order, recipient: 'Bob' }],
    ['an order and another id', { orderId: order, externalId: 'erp:Y' }],
    ['a name and another state', { recipient: 'Zoë', state: 'completed' }],
    ['a name and a later time', { recipient: 'Zoë', from: '2999-01-01T00:00:00Z' }],
    ['no letters at all', { recipient: '…' }],
  ])('and not by %s', async (_, by) => {
    expect(await found(support, by)).toEqual([]);
  });

  it('is told what a search needs', async () => {
    const refused = await support.api.request('GET', '/v1/transactions?door=1');
    expect(refused.status).toBe(400);
    const { nextCursor } = await page(support, { limit: '1' });
    const twisted = await support.api.request('GET', `/v1/transactions?workflow=sale&cursor=${nextCursor ?? 'x'}`);
    expect(twisted.status).toBe(400);
  });
});

describe('what changed', () => {
  it('is found by what it is now, at the door that it left as well, and no longer by what it was', async () => {
    const before = doorOf(parcel);
    await support.api.patch(`/v1/transactions/${parcel.id}`, { recipient: { name: 'Bob Example' } }, Parcel);
    const moved = await support.api.post(`/v1/transactions/${parcel.id}/move`, { reason: 'a wet door' }, Parcel);
    expect(moved.door).not.toBe(before);
    await finds(support, { recipient: 'Bob', bankId: bank.id, door: doorOf(moved) }, [parcel.id]);
    await finds(support, { recipient: 'bob', bankId: bank.id, door: before }, [parcel.id]);
    await finds(support, { bankId: bank.id, door: before }, [parcel.id]);
    for (const recipient of ['Zoë', 'ünal', '+41791234567', 'zoe@example.com'])
      expect(await found(support, { recipient })).toEqual([]);

    await support.api.post(`/v1/transactions/${parcel.id}/cancel`, {}, Parcel);
    await finds(support, { state: 'cancelled', bankId: bank.id }, [parcel.id]);
    expect(await found(support, { state: 'reserved' })).toEqual([]);
  });

  it('comes page by page, the newest first, each transaction once', async () => {
    const made: string[] = [];
    for (let nth = 0; nth < 4; nth += 1) made.unshift((await createParcel(support, bank, carol)).id);
    await finds(support, { recipient: 'carol', state: 'reserved' }, made);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const wanted = { recipient: 'carol', bankId: bank.id, limit: '3', ...(cursor && { cursor }) };
      const { data, nextCursor }: z.infer<typeof Page> = await page(support, wanted);
      seen.push(...data.map(({ id }) => id));
      cursor = nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual(made);
  });
  const carol = { recipient: { name: 'Carol Example' } };
});

describe('the audit trail', () => {
  const dir = mkdtempSync(join(tmpdir(), 'latchwork-audit-'));
  afterAll(() => rmSync(dir, { recursive: true }));
  const root = join(import.meta.dirname, '..', '..');
  const script = (name: string, ...args: string[]) =>
    spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, 'audit', name), ...args], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH, LATCHWORK_API_KEY: support.apiKey },
    });
  const trail = join(dir, 'trail.jsonl');
  const verified = () => script('verify-audit.ts', '--trail', trail, '--anchors', dir);
  const TableName = outputOf(stack.outputs, 'TableName');
  const Bucket = outputOf(stack.outputs, 'AnchorsBucketName');

  it('of a transaction is exported, anchored where nobody can change it, and verified without us', async () => {
    const exported = script('export-trail.ts', '--api', stack.apiUrl, '--transaction', parcel.id, '--out', trail);
    expect(exported.stdout).toMatch(/^\d+ events/);
    const lines = readFileSync(trail, 'utf8').trim().split('\n');
    const last = Envelope.parse(JSON.parse(lines.at(-1) ?? ''));

    // Two hours go by: what was noted in this one lies two hours back, and nothing after that is anchored yet.
    const hour = `${new Date(Date.now() - 2 * 3_600_000).toISOString().slice(0, 13)}:00:00.000Z`;
    const { subject, sequence, hash, tenant } = last;
    const Item = { PK: `HEADS#${hour}#0`, SK: `${tenant}#${subject}`, tenant, subject, sequence, hash };
    await aws.dynamoDb.send(new PutCommand({ TableName, Item }));
    await aws.dynamoDb.send(new DeleteCommand({ TableName, Key: { PK: 'ANCHORED', SK: 'S' } }));
    const FunctionName = outputOf(stack.outputs, 'AnchorFunctionName');
    const { FunctionError } = await aws.lambda.send(new InvokeCommand({ FunctionName }));
    expect(FunctionError).toBeUndefined();

    const Key = `${tenant}/${hour.slice(0, 13)}.json`;
    const { Body, VersionId } = await aws.s3.send(new GetObjectCommand({ Bucket, Key }));
    const anchor = (await Body?.transformToString()) ?? '';
    writeFileSync(join(dir, 'anchor.json'), anchor);
    expect(verified().stdout).toMatch(
      new RegExp(`^Whole: ${lines.length} events of 1 subjects.*${parcel.id}: events 1 to ${lines.length} are`, 's'),
    );
    expect(verified().stdout).toMatch(/Personal data stands in 2 events as its salted hash/);

    const lock = await aws.s3.send(new HeadObjectCommand({ Bucket, Key, VersionId }));
    expect(lock.ObjectLockMode).toBe('COMPLIANCE');
    const deleted = aws.s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId, BypassGovernanceRetention: true }));
    await expect(deleted).rejects.toThrow();
    const again = aws.s3.send(new PutObjectCommand({ Bucket, Key, Body: '{}', IfNoneMatch: '*' }));
    await expect(again).rejects.toThrow();
  });

  it('names its first broken link when one byte was changed', () => {
    const text = readFileSync(trail, 'utf8');
    writeFileSync(trail, text.replace('a wet door', 'a wet dooR'));
    const { status, stdout } = verified();
    expect(status).toBe(1);
    expect(stdout).toMatch(/^BROKEN at line \d: event \d of txn_\w+ \(transaction\.moved\) bears the hash/);
    writeFileSync(trail, text);
  });
});
