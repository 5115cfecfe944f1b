import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  DynamoDBClient,
  type DynamoDBClientConfig,
  type DynamoDBServiceException,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type QueryCommandOutput,
  TransactionCanceledException,
  TransactionConflictException,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { HttpRequest } from '@smithy/core/protocols';
import { Refusal } from '../domain/refusal.ts';
import { type Attributes, attributesOf, rowOf } from './attributes.ts';
import { SigningHash } from './signing-hash.ts';
import { PlainProtocol } from './wire.ts';

export type Key = { PK: string; SK: string };
export type Row = Key & Record<string, unknown>;

/** What must be true of a row for a write to it to count. */
export type Expectation =
  | 'anything'
  | 'absent'
  /** Nothing, or something whose `expiresAt` has passed. */
  | { absentOrExpiredBefore: string }
  | { version: number }
  /** Nothing, or something with a lower value there. */
  | { lower: string; than: number };

/** What a row is, for telling what a write was lost to. */
export type RowKind =
  | 'subject'
  | 'event'
  | 'compartment'
  | 'idempotency'
  | 'unique'
  | 'link'
  | 'lock'
  | 'journal'
  | 'other';

export type Write = { kind: RowKind; expects: Expectation } & ({ put: Row } | { remove: Key });

export type LostRow = { kind: RowKind; key: Key; current: Record<string, unknown> | undefined };

/** Somebody else was first: these rows are not what the write expected, and nothing of it was written. */
export class Lost extends Error {
  readonly rows: LostRow[];
  constructor(rows: LostRow[]) {
    super(`lost a write to ${rows.map((it) => `${it.key.PK}/${it.key.SK}`).join(', ')}`);
    this.name = 'Lost';
    this.rows = rows;
  }
  to(kind: RowKind): LostRow | undefined {
    return this.rows.find((it) => it.kind === kind);
  }
}

export type Page = { rows: Record<string, unknown>[]; next: Key | null };

export type Table = {
  get: (key: Key, consistent?: boolean) => Promise<Record<string, unknown> | undefined>;
  /** At most 100 rows, in the order of the keys; undefined where there is none. */
  batchGet: (keys: Key[], consistent?: boolean) => Promise<(Record<string, unknown> | undefined)[]>;
  /**
   * Rows of a partition between two sort keys, inclusive; all pages unless `limit` is given. `oneCall`: only what a single
   * call brings, which is 1 MB.
   */
  query: (
    range: { PK: string; from: string; to: string },
    options?: {
      consistent?: boolean;
      limit?: number;
      after?: Key | undefined;
      newestFirst?: boolean;
      oneCall?: boolean;
    },
  ) => Promise<Page>;
  /** Keys of what is due, of one shard of the sparse index. */
  due: (shard: string, before: string, limit: number) => Promise<Key[]>;
  /** All or nothing. Throws `Lost`, or `Refusal('busy')` when the table stays too busy. */
  write: (writes: Write[]) => Promise<void>;
};

type Condition = {
  ConditionExpression?: string;
  ExpressionAttributeNames?: Record<string, string>;
  ExpressionAttributeValues?: Attributes;
};

const condition = (expects: Expectation): Condition => {
  if (expects === 'anything') return {};
  if (expects === 'absent') return { ConditionExpression: 'attribute_not_exists(PK)' };
  if ('absentOrExpiredBefore' in expects)
    return {
      ConditionExpression: 'attribute_not_exists(PK) OR expiresAt < :now',
      ExpressionAttributeValues: attributesOf({ ':now': expects.absentOrExpiredBefore }),
    };
  if ('version' in expects)
    return {
      ConditionExpression: '#version = :version',
      ExpressionAttributeNames: { '#version': 'version' },
      ExpressionAttributeValues: attributesOf({ ':version': expects.version }),
    };
  return {
    ConditionExpression: 'attribute_not_exists(PK) OR #lower < :than',
    ExpressionAttributeNames: { '#lower': expects.lower },
    ExpressionAttributeValues: attributesOf({ ':than': expects.than }),
  };
};

/** Answers that say nothing of our data: the same request may succeed in a moment. The SDK has tried three times by then. */
const passing = new Set([
  'ThrottlingException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'InternalServerError',
  'ServiceUnavailable',
  'TransactionInProgressException',
  'TimeoutError',
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
]);
const passes = (error: unknown): boolean =>
  error instanceof Error && (passing.has(error.name) || ('code' in error && passing.has(String(error.code))));

const busy = (cause: unknown): Refusal => {
  const refusal = new Refusal('busy', 'the table is busy; nothing was changed that you were not told of', {
    retryAfterSeconds: 1,
  });
  refusal.cause = cause;
  return refusal;
};

const keyOf = (write: Write): Key => {
  const { PK, SK } = 'put' in write ? write.put : write.remove;
  return { PK, SK };
};

const keyFrom = ({ PK, SK }: Attributes): Key => ({ PK: PK?.S ?? '', SK: SK?.S ?? '' });

/** Why DynamoDB cancels a transaction that nothing is wrong with: another one or too many were at one of its items. */
const contention = new Set(['None', 'TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded']);

/** Nothing was written, and the SDK leaves it to us to try again. A plain put can meet a transaction as well. */
const metAnother = (error: unknown): boolean =>
  error instanceof TransactionConflictException ||
  (error instanceof TransactionCanceledException &&
    (error.CancellationReasons ?? []).every(({ Code }) => contention.has(Code ?? 'None')));

type Refused = { write: Write; current: Record<string, unknown> | undefined };

/**
 * Says what a write was lost to, unless that is the write itself: when its answer gets lost on the way, the SDK sends it
 * again. For ten minutes DynamoDB knows a transaction by its token, but a put has none.
 */
const lose = (refused: Refused[], { $metadata }: DynamoDBServiceException): void => {
  const isOurs = ({ write, current }: Refused): boolean =>
    'put' in write && isDeepStrictEqual(current, rowOf(attributesOf(write.put)));
  if (($metadata.attempts ?? 1) > 1 && refused.every(isOurs)) return;
  throw new Lost(refused.map(({ write, current }) => ({ kind: write.kind, key: keyOf(write), current })));
};

/** Waits before writing again after a conflict: 20, 40, 80, 160 ms, with full jitter so that rivals part. */
const conflictWaits = [20, 40, 80, 160];
const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** The SDK puts its user agent together anew for each call, which takes a fortieth of a request; ours says only which function it is. */
const tellWhoCalls = ({ middlewareStack, config }: DynamoDBClient): void => {
  let agent: string | undefined;
  middlewareStack.remove('getUserAgentMiddleware');
  middlewareStack.add(
    (next) => async (args) => {
      agent ??= `latchwork app/${await config.userAgentAppId()}`;
      if (HttpRequest.isInstance(args.request)) args.request.headers['user-agent'] = agent;
      return next(args);
    },
    { step: 'build', name: 'tellWhoCalls' },
  );
};

export const openTable = (tableName: string, config: DynamoDBClientConfig = {}): Table => {
  // Ours adds nothing to single commands, so what a command runs through need not be put together for each call.
  const client = new DynamoDBClient({ cacheMiddleware: true, protocol: PlainProtocol, sha256: SigningHash, ...config });
  // It copies every request and answer, field by field, for a log that nobody keeps.
  client.middlewareStack.remove('loggerMiddleware');
  tellWhoCalls(client);

  const calm = async <T>(call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      throw passes(error) ? busy(error) : error;
    }
  };

  const insist = async (send: () => Promise<unknown>): Promise<void> => {
    for (let attempt = 0; ; attempt += 1) {
      try {
        await send();
        return;
      } catch (error) {
        if (!metAnother(error)) throw error;
        const wait = conflictWaits[attempt];
        if (wait === undefined) throw busy(error);
        await pause(Math.random() * wait);
      }
    }
  };

  const writeOne = (write: Write): Promise<void> => {
    if (!('put' in write)) return writeAll([write]);
    const request = new PutItemCommand({
      TableName: tableName,
      Item: attributesOf(write.put),
      ...condition(write.expects),
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    });
    return insist(() => client.send(request)).catch((error: unknown) => {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      lose([{ write, current: error.Item && rowOf(error.Item) }], error);
    });
  };

  const writeAll = (writes: Write[]): Promise<void> => {
    const items = writes.map((write) => {
      const common = {
        TableName: tableName,
        ...condition(write.expects),
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      } as const;
      return 'put' in write
        ? { Put: { ...common, Item: attributesOf(write.put) } }
        : { Delete: { ...common, Key: attributesOf(write.remove) } };
    });
    // By its token DynamoDB knows what the SDK sends again because the answer got lost.
    const send = () =>
      client.send(new TransactWriteItemsCommand({ TransactItems: items, ClientRequestToken: randomUUID() }));
    return insist(send).catch((error: unknown) => {
      if (!(error instanceof TransactionCanceledException)) throw error;
      const refused = writes.flatMap((write, nth) => {
        const reason = error.CancellationReasons?.[nth];
        return reason?.Code === 'ConditionalCheckFailed' ? [{ write, current: reason.Item && rowOf(reason.Item) }] : [];
      });
      if (refused.length === 0) throw error;
      lose(refused, error);
    });
  };

  return {
    get: (key, consistent = false) =>
      calm(async () => {
        const { Item } = await client.send(
          new GetItemCommand({ TableName: tableName, Key: attributesOf(key), ConsistentRead: consistent }),
        );
        return Item && rowOf(Item);
      }),

    batchGet: (keys, consistent = false) =>
      calm(async () => {
        const found = new Map<string, Record<string, unknown>>();
        let wanted = keys.filter((it, nth) => keys.findIndex((k) => k.PK === it.PK && k.SK === it.SK) === nth);
        for (let attempt = 0; wanted.length > 0; attempt += 1) {
          if (attempt > conflictWaits.length) throw busy(new Error('keys stay unprocessed'));
          const answer = await client.send(
            new BatchGetItemCommand({
              RequestItems: { [tableName]: { Keys: wanted.map(attributesOf), ConsistentRead: consistent } },
            }),
          );
          for (const row of (answer.Responses?.[tableName] ?? []).map(rowOf)) found.set(`${row.PK}|${row.SK}`, row);
          const left = (answer.UnprocessedKeys?.[tableName]?.Keys ?? []).map(rowOf);
          wanted = wanted.filter((it) => left.some((k) => k.PK === it.PK && k.SK === it.SK));
          if (wanted.length > 0) await pause(Math.random() * (conflictWaits[attempt] ?? 0));
        }
        return keys.map((it) => found.get(`${it.PK}|${it.SK}`));
      }),

    query: ({ PK, from, to }, { consistent = false, limit, after, newestFirst = false, oneCall = false } = {}) =>
      calm(async () => {
        const rows: Record<string, unknown>[] = [];
        let start: Attributes | undefined = after && attributesOf(after);
        do {
          const answer: QueryCommandOutput = await client.send(
            new QueryCommand({
              TableName: tableName,
              KeyConditionExpression: 'PK = :pk AND SK BETWEEN :from AND :to',
              ExpressionAttributeValues: attributesOf({ ':pk': PK, ':from': from, ':to': to }),
              ConsistentRead: consistent,
              ScanIndexForward: !newestFirst,
              ...(limit === undefined ? {} : { Limit: limit - rows.length }),
              ...(start === undefined ? {} : { ExclusiveStartKey: start }),
            }),
          );
          rows.push(...(answer.Items ?? []).map(rowOf));
          start = answer.LastEvaluatedKey;
        } while (!oneCall && start !== undefined && (limit === undefined || rows.length < limit));
        return { rows, next: start === undefined ? null : keyFrom(start) };
      }),

    due: (shard, before, limit) =>
      calm(async () => {
        const { Items = [] } = await client.send(
          new QueryCommand({
            TableName: tableName,
            IndexName: 'due',
            KeyConditionExpression: 'duePk = :shard AND dueAt < :before',
            ExpressionAttributeValues: attributesOf({ ':shard': shard, ':before': before }),
            Limit: limit,
          }),
        );
        return Items.map(keyFrom);
      }),

    write: (writes) =>
      calm(async () => {
        const [only] = writes;
        if (only !== undefined && writes.length === 1) await writeOne(only);
        else await writeAll(writes);
      }),
  };
};
