import { pathToFileURL } from 'node:url';
import { type AttributeValue, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import * as z from 'zod';
import type { Route } from '../shared/api/route.ts';
import { cancelTransaction, createTransaction, getTransaction } from '../shared/api/transactions.ts';
import type { Call } from './bare.ts';
import type { Cpu, Sent, Task } from './cpu.ts';
import { requestOf } from './gateway.ts';
import { median } from './report.ts';
import { parcelFor } from './sample.ts';

/** Requests per block: enough for the clock, few enough that all find a free door. */
const perBlock = 10;
const rounds = 32;
/** Until the engine of JavaScript has made up its mind. */
const warmUps = 8;

const kinds = ['create', 'get', 'cancel'] as const;
type Kind = (typeof kinds)[number];

/** One block of requests of a kind, one after the other; answers the CPU milliseconds of one. */
type Block = (kind: Kind) => Promise<number>;

const cpuOf = async (run: (nth: number) => Promise<void>): Promise<number> => {
  const before = process.cpuUsage();
  for (let nth = 0; nth < perBlock; nth += 1) await run(nth);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / perBlock;
};

type Answer = { statusCode?: number; body?: string };
type Handler = (event: APIGatewayProxyEventV2, context: object) => Promise<Answer>;

const Made = z.object({ id: z.string() });

const ourBlocks = async ({ ours, apiKey, bankId }: Task): Promise<Block> => {
  const { handler }: { handler: Handler } = await import(pathToFileURL(ours).href);
  const ask = async (route: Route, request: Parameters<typeof requestOf>[2]): Promise<Answer> => {
    const answer = await handler(requestOf(route, apiKey, request), {});
    if (answer.statusCode !== route.status)
      throw new Error(`${route.id} answered ${answer.statusCode}: ${answer.body}`);
    return answer;
  };
  let ids: string[] = [];
  const blocks: Record<Kind, () => Promise<number>> = {
    create: async () => {
      const answers: Answer[] = [];
      const cpu = await cpuOf(async () => {
        answers.push(await ask(createTransaction, { body: parcelFor(bankId) }));
      });
      ids = answers.map(({ body = '' }) => Made.parse(JSON.parse(body)).id);
      return cpu;
    },
    get: () =>
      cpuOf(async (nth) => {
        await ask(getTransaction, { params: { transactionId: ids[nth] ?? '' } });
      }),
    cancel: () =>
      cpuOf(async (nth) => {
        await ask(cancelTransaction, { params: { transactionId: ids[nth] ?? '' }, body: {} });
      }),
  };
  return (kind) => blocks[kind]();
};

const Wire = z.record(z.string(), z.custom<AttributeValue>());
const Guard = {
  ConditionExpression: z.string().optional(),
  ExpressionAttributeNames: z.record(z.string(), z.string()).optional(),
  ExpressionAttributeValues: Wire.optional(),
  ReturnValuesOnConditionCheckFailure: z.enum(['ALL_OLD', 'NONE']).optional(),
};
const bodies = {
  BatchGetItem: z.object({
    RequestItems: z.record(z.string(), z.object({ Keys: z.array(Wire), ConsistentRead: z.boolean().optional() })),
  }),
  Query: z.object({
    TableName: z.string(),
    KeyConditionExpression: z.string(),
    ExpressionAttributeValues: Wire,
    ConsistentRead: z.boolean().optional(),
    ScanIndexForward: z.boolean().optional(),
  }),
  TransactWriteItems: z.object({
    TransactItems: z.array(
      z.object({
        Put: z.object({ TableName: z.string(), Item: Wire, ...Guard }).optional(),
        Delete: z.object({ TableName: z.string(), Key: Wire, ...Guard }).optional(),
      }),
    ),
  }),
};

type Plain = Record<string, unknown>;

/** The calls of our handler with keys of their own, so that they can be made again and again and succeed. */
const templates = (sent: readonly Sent[], doors: Map<string, number>): ((run: string) => Call)[] => {
  const isDoor = ({ SK }: Plain) => String(SK).startsWith('D#');
  const moved = (item: Plain, run: string): Plain => ({
    ...item,
    PK: isDoor(item) ? `${item.PK}#bare` : `${item.PK}#${run}`,
  });
  const guardOf = (it: { ExpressionAttributeValues?: Record<string, AttributeValue> | undefined }) =>
    it.ExpressionAttributeValues === undefined
      ? {}
      : { ExpressionAttributeValues: unmarshall(it.ExpressionAttributeValues) };
  return sent.map(({ operation, body }) => {
    const parsed: unknown = JSON.parse(body);
    if (operation === 'BatchGetItem') {
      const [[table, { Keys, ...rest }] = ['', { Keys: [] }]] = Object.entries(
        bodies.BatchGetItem.parse(parsed).RequestItems,
      );
      const keys = Keys.map((key) => unmarshall(key));
      return (run) => ({ get: { RequestItems: { [table]: { ...rest, Keys: keys.map((key) => moved(key, run)) } } } });
    }
    if (operation === 'Query') {
      const query = bodies.Query.parse(parsed);
      const input = { ...query, ...guardOf(query) };
      return () => ({ query: input });
    }
    const writes = bodies.TransactWriteItems.parse(parsed).TransactItems.map(({ Put, Delete }) => ({
      put: Put && { ...Put, ...guardOf(Put), Item: unmarshall(Put.Item) },
      remove: Delete && { ...Delete, ...guardOf(Delete), Key: unmarshall(Delete.Key) },
    }));
    return (run) => ({
      write: {
        TransactItems: writes.map(({ put, remove }) => {
          if (remove) return { Delete: { ...remove, Key: moved(remove.Key, run) } };
          if (!put) throw new Error('a write that neither puts nor deletes');
          const Item = moved(put.Item, run);
          if (!isDoor(Item)) return { Put: { ...put, Item } };
          // A door goes from version to version, as ours does.
          const key = `${Item.PK}|${Item.SK}`;
          const version = doors.get(key) ?? 0;
          doors.set(key, version + 1);
          return {
            Put: {
              ...put,
              Item: { ...Item, version: version + 1 },
              ExpressionAttributeValues: { ':version': version },
            },
          };
        }),
      },
    });
  });
};

/** The rows of doors that the first bare call finds. */
const putDoors = async ({ bodies: sent, tableName }: Task, doors: Map<string, number>): Promise<void> => {
  const client = new DynamoDBClient({});
  const all = Object.values(sent).flat();
  const parsed = all.flatMap(({ operation, body }) =>
    operation === 'TransactWriteItems' ? bodies.TransactWriteItems.parse(JSON.parse(body)).TransactItems : [],
  );
  for (const { Put } of parsed) {
    const item = Put && unmarshall(Put.Item);
    if (!item || !String(item.SK).startsWith('D#')) continue;
    const PK = `${item.PK}#bare`;
    doors.set(`${PK}|${item.SK}`, 1);
    await client.send(new PutItemCommand({ TableName: tableName, Item: marshall({ ...item, PK, version: 1 }) }));
  }
};

const bareBlocks = async (task: Task): Promise<Block> => {
  const { handler }: { handler: (calls: readonly Call[]) => Promise<Answer> } = await import(
    pathToFileURL(task.bare).href
  );
  const doors = new Map<string, number>();
  await putDoors(task, doors);
  const prepared = {
    create: templates(task.bodies.create, doors),
    get: templates(task.bodies.get, doors),
    cancel: templates(task.bodies.cancel, doors),
  };
  let block = 0;
  return (kind) => {
    if (kind === 'create') block += 1;
    return cpuOf(async (nth) => {
      await handler(prepared[kind].map((template) => template(`${task.nth}-${block}-${nth}`)));
    });
  };
};

/**
 * Block by block, ours and the bare one in turns, so that whatever else the machine does befalls both. What a block leaves
 * to be collected is collected before the next, which otherwise pays for it: who came second looked a tenth slower.
 */
const measure = async (task: Task): Promise<Cpu[]> => {
  const { gc: collect } = globalThis;
  if (collect === undefined) throw new Error('the measuring process needs --expose-gc');
  const ours = await ourBlocks(task);
  const bare = await bareBlocks(task);
  const found = Object.fromEntries(kinds.map((kind) => [kind, { ours: [] as number[], bare: [] as number[] }]));
  for (let round = 0; round < warmUps + rounds; round += 1) {
    for (const kind of kinds) {
      const first = round % 2 === 0;
      const block = async (which: Block): Promise<number> => {
        collect({ type: 'minor' });
        return which(kind);
      };
      const a = await block(first ? ours : bare);
      const b = await block(first ? bare : ours);
      if (round < warmUps) continue;
      found[kind]?.ours.push(first ? a : b);
      found[kind]?.bare.push(first ? b : a);
    }
  }
  return Object.entries(found).map(([operation, times]) => ({
    operation,
    ours: median(times.ours),
    bare: median(times.bare),
    ratio: median(times.ours.map((it, nth) => it / (times.bare[nth] ?? it))),
  }));
};

process.once('message', (task: Task) => {
  measure(task).then(
    (found) => process.send?.(found, () => process.exit(0)),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      process.exit(1);
    },
  );
});
