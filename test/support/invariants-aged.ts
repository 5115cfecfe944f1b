import { DeleteCommand, GetCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import { tableName } from './invariants-partitions.ts';
import { hashOfEvent } from './invariants-trail.ts';
import { repacked, unpacked } from './packed-rows.ts';
import { aws } from './stack.ts';

const At = z.iso.datetime({ precision: 3 });

/** The same with every time in it that much earlier. */
const earlier = (value: unknown, byMs: number): unknown => {
  // A commit's events are made older below, unpacked.
  if (value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map((it) => earlier(it, byMs));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, it]) => [name, earlier(it, byMs)]));
  const at = At.safeParse(value);
  return at.success ? new Date(Date.parse(at.data) - byMs).toISOString() : value;
};

const Lookups = z.looseObject({ found: unpacked(z.record(z.string(), z.unknown())) });
const Commit = z.looseObject({ events: unpacked(z.array(z.record(z.string(), z.unknown()))) });
const Followed = z.looseObject({ event: unpacked(z.looseObject({ id: z.string() })) });

const rowsOf = async (PK: string): Promise<Record<string, unknown>[]> => {
  const { Items = [] } = await aws.dynamoDb.send(
    new QueryCommand({
      TableName: tableName,
      ConsistentRead: true,
      KeyConditionExpression: 'PK = :pk',
      ExpressionAttributeValues: { ':pk': PK },
    }),
  );
  return Items;
};

/**
 * Makes a transaction as old as if all had happened so much earlier: its row, its events, chained anew, and the rows it
 * is found by, which are sorted by when it was made, and its events in the feed. Published again is nothing of it, since only new commits are. For
 * what would take a test hours to wait for.
 */
export const makeOlder = async (tenant: string, transactionId: string, byMs: number): Promise<void> => {
  const items = await rowsOf(`TXN#${tenant}#${transactionId}`);
  const put = (Item: Record<string, unknown>) => aws.dynamoDb.send(new PutCommand({ TableName: tableName, Item }));
  const older = z.array(z.record(z.string(), z.unknown())).parse(items.map((item) => earlier(item, byMs)));
  let hash = '0'.repeat(64);
  const chainedAnew = new Map<unknown, Record<string, unknown>>();
  for (const row of older.filter(({ SK }) => String(SK).startsWith('C#'))) {
    const events = Commit.parse(row).events.map((event) => {
      const chained = { ...z.record(z.string(), z.unknown()).parse(earlier(event, byMs)), prevHash: hash };
      hash = hashOfEvent(chained);
      chainedAnew.set(event.id, { ...chained, hash });
      return { ...chained, hash };
    });
    await put({ ...row, events: repacked(events) });
  }
  for (const row of older.filter(({ SK }) => SK === 'T')) await put({ ...row, hash });

  for (const row of await rowsOf(`FEED#${tenant}`)) {
    const event = chainedAnew.get(Followed.parse(row).event.id);
    if (event !== undefined) await put({ ...row, event: repacked(event) });
  }

  const { createdAt } = z.object({ createdAt: At }).parse(items.find(({ SK }) => SK === 'T'));
  const terms = items.filter(({ SK }) => SK === 'F').flatMap((row) => Object.keys(Lookups.parse(row).found));
  for (const term of terms) {
    const Key = { PK: `F#${tenant}#${term}`, SK: `${createdAt}#${transactionId}` };
    const { Item } = await aws.dynamoDb.send(new GetCommand({ TableName: tableName, Key, ConsistentRead: true }));
    await put({ ...Item, PK: Key.PK, SK: `${earlier(createdAt, byMs)}#${transactionId}` });
    await aws.dynamoDb.send(new DeleteCommand({ TableName: tableName, Key }));
  }
};
