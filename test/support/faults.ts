import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { expect } from 'vitest';
import * as z from 'zod';
import { Made } from '../../local/api-client.ts';
import { clientOptions } from '../../local/endpoint.ts';
import { outputOf } from '../../local/stack-handle.ts';
import type { JournalEntry } from '../../shared/device/journal.ts';
import { openRootKeys } from '../../shared/outside/root-keys.ts';
import { CommitRow } from '../../shared/store/commit-row.ts';
import { keys, ranges } from '../../shared/store/rows.ts';
import { openTable, type Table } from '../../shared/store/table.ts';
import { aws, eventually, ordinaryDoors, stack, type Tenant } from './stack.ts';

/*
 * Faults below the SDK: at the request handler, where the network would be. The local engine has no conflicts, no
 * throttling and no broken connections of its own, and what the SDK makes of them by itself is part of what is tried.
 */

const Sent = z.object({
  method: z.string(),
  path: z.string(),
  headers: z.record(z.string(), z.string()),
  body: z.unknown(),
});
export type Sent = z.infer<typeof Sent>;

export type Response = { response: { statusCode: number; headers: Record<string, string>; body: unknown } };
type Forward = () => Promise<Response>;

export const operationOf = ({ headers }: Sent): string => headers['x-amz-target']?.split('.')[1] ?? '';

const tableWrites = ['TransactWriteItems', 'PutItem', 'DeleteItem'];

/** DynamoDB names its operations in a header; what is posted to the data plane of IoT is written there. */
const isWrite = (sent: Sent): boolean =>
  sent.headers['x-amz-target'] === undefined ? sent.method === 'POST' : tableWrites.includes(operationOf(sent));

export const refusal = (statusCode: number, type: string, message: string, more: object = {}): Response => ({
  response: {
    statusCode,
    headers: { 'content-type': 'application/json', 'x-amzn-errortype': type, 'x-amzn-requestid': 'injected' },
    // DynamoDB writes `message` small in most of its errors, and large in this one.
    body: Readable.from([JSON.stringify({ __type: type, message, Message: message, ...more })]),
  },
});

const Transaction = z.object({ TransactItems: z.array(z.unknown()) });

const itemsOf = ({ body }: Sent): number => {
  const text = typeof body === 'string' ? body : new TextDecoder().decode(z.instanceof(Uint8Array).parse(body));
  return Transaction.parse(JSON.parse(text)).TransactItems.length;
};

/** A transaction cancelled because of one of its items, as DynamoDB says it. */
export const cancelled = (sent: Sent, Code: string, Message: string): Response => {
  const reasons = Array.from({ length: itemsOf(sent) }, (_, nth) => (nth === 0 ? { Code, Message } : { Code: 'None' }));
  const codes = reasons.map((it) => it.Code).join(', ');
  const text = `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`;
  return refusal(400, 'TransactionCanceledException', text, { CancellationReasons: reasons });
};

const isTransaction = (sent: Sent): boolean => operationOf(sent) === 'TransactWriteItems';

/** A connection that broke, as the SDK's own handler reports it. */
const broken = (): Error =>
  Object.assign(new Error('socket hang up'), { name: 'TimeoutError', code: 'ECONNRESET' as const });

export type Fault = {
  /** What it can happen to while it lasts: reads do not conflict, but are throttled and cut off like writes. */
  hits: 'writes' | 'all';
  strike: (sent: Sent, forward: Forward) => Response | Promise<Response>;
  /** Whoever does a deed cannot tell it, when it lasts, from a connection that breaks: busy, and nothing is written. */
  lastsLikeAnother?: true;
};

const connection = {
  'a connection that breaks before anything is sent': {
    hits: 'all',
    strike: () => {
      throw broken();
    },
  },
  'a connection that breaks after the request was carried out': {
    hits: 'all',
    strike: async (_, forward) => {
      const { response } = await forward();
      if (response.body instanceof Readable) response.body.resume();
      throw broken();
    },
  },
} as const satisfies Record<string, Fault>;

/** What DynamoDB and the way there do to a request. */
export const tableFaults = {
  'a conflict with another transaction': {
    hits: 'writes',
    strike: (sent) =>
      isTransaction(sent)
        ? cancelled(sent, 'TransactionConflict', 'Transaction is ongoing for the item')
        : refusal(400, 'TransactionConflictException', 'Transaction is ongoing for the item'),
  },
  'a throttled request': {
    hits: 'all',
    lastsLikeAnother: true,
    strike: () => refusal(400, 'ThrottlingException', 'Rate of requests exceeds the allowed throughput'),
  },
  'a throttled partition': {
    hits: 'all',
    lastsLikeAnother: true,
    // A transaction says it of its item, anything else of itself.
    strike: (sent) =>
      isTransaction(sent)
        ? cancelled(sent, 'ProvisionedThroughputExceeded', 'The level of configured throughput was exceeded')
        : refusal(400, 'ProvisionedThroughputExceededException', 'The level of configured throughput was exceeded'),
  },
  ...connection,
} as const satisfies Record<string, Fault>;

/** What the shadows and the way there do to one. */
export const shadowFaults = {
  'another version than the one named': {
    hits: 'writes',
    strike: () => refusal(409, 'ConflictException', 'Version conflict'),
  },
  'a throttled request': {
    hits: 'all',
    lastsLikeAnother: true,
    strike: () => refusal(429, 'ThrottlingException', 'Too many requests'),
  },
  ...connection,
} as const satisfies Record<string, Fault>;

type Plan = {
  fault: Fault;
  /** It strikes at the n-th write from now on, counted from 1; a request that the SDK repeats is one write. */
  write: number;
  /** Until it is healed, else once. */
  lasting: boolean;
};

/** Where a client's requests go by; give it to the client as its `requestHandler`. */
export const faultyLine = () => {
  // The SDK's own, as the product has it.
  const inner = new DynamoDBClient({ region: 'none' }).config.requestHandler;
  let plan: Plan | null = null;
  let writes: string[] = [];
  let struck = 0;

  const strikes = (sent: Sent): boolean => {
    if (plan === null) return false;
    const hit = isWrite(sent) || (plan.lasting && plan.fault.hits === 'all');
    if (plan.lasting) return hit && writes.length >= plan.write;
    return hit && struck === 0 && writes.length === plan.write;
  };

  return {
    requestHandler: {
      metadata: inner.metadata,
      handle: async (request: unknown, options?: object): Promise<Response> => {
        const sent = Sent.parse(request);
        const id = sent.headers['amz-sdk-invocation-id'] ?? '';
        if (isWrite(sent) && !writes.includes(id)) writes.push(id);
        const forward = () => inner.handle(request, options);
        if (plan === null || !strikes(sent)) return forward();
        struck += 1;
        return plan.fault.strike(sent, forward);
      },
      updateHttpClientConfig: () => undefined,
      httpHandlerConfigs: () => ({}),
      destroy: () => inner.destroy?.(),
    },
    /** From now on; forgets what was planned before. */
    fail: (next: Plan): void => {
      plan = next;
      writes = [];
      struck = 0;
    },
    heal: (): void => {
      plan = null;
    },
    /** How many writes there were since the plan was made, and how often it struck. */
    seen: () => ({ writes: writes.length, struck }),
  };
};
export type FaultyLine = ReturnType<typeof faultyLine>;

/** What came of a try: done, or told in so many words that it was not and may be tried again. */
export type Outcome = { done: boolean; answer?: unknown };

/** Something that writes, and what there must be of it once it is done, however often and however badly it was tried. */
export type Deed = {
  /** The writes it makes when all goes well: each of them is made to fail. */
  writes: number;
  /** Makes ready for one run of its own; `act` does the deed over this line, and may be called again. */
  prepare: () => Promise<{
    act: (line: FaultyLine, more: ClientWish) => Promise<Outcome>;
    effect: () => Promise<unknown>;
  }>;
  leaves: unknown;
};

/** For the client of one try. */
export type ClientWish = { maxAttempts?: number };

/**
 * Does the deed with faults at each of its writes, once and lasting: it is then done, or was clearly refused; done again
 * after the fault has passed, it has the one effect and the one answer. In full (LATCHWORK_FULL=1) with each fault at
 * each write, and a third time; else with every fourth one, beginning with another at every write and for every deed.
 *
 *   LATCHWORK_FULL=1 npm test -- test/functions/faults
 */
export const tryEveryFault = async (deed: Deed, faults: Record<string, Fault>): Promise<void> => {
  deedsTried += 1;
  const smooth = await deed.prepare();
  const line = faultyLine();
  await must(smooth, line, {}, 'when all goes well');
  same(line.seen().writes, deed.writes, 'number of writes when all goes well');
  await endsAs(deed, smooth, 'when all goes well');

  const every = Object.entries(faults).flatMap(([name, fault]) =>
    (fault.lastsLikeAnother ? [false] : [false, true]).map((lasting) => ({ name, fault, lasting })),
  );
  for (let write = 1; write <= deed.writes; write += 1) {
    for (const [nth, { name, fault, lasting }] of every.entries()) {
      if (!full && (nth + write + deedsTried) % 4 !== 0) continue;
      const when = `after ${name}${lasting ? ' that lasts' : ''} at write ${write}`;
      const run = await deed.prepare();
      const broken = faultyLine();
      broken.fail({ fault, write, lasting });
      // The SDK gives up at once: its further attempts would end as the first did, only seconds later.
      const first = await told(() => run.act(broken, lasting ? { maxAttempts: 1 } : {}), when);
      if (broken.seen().struck === 0) throw new Error(`the fault never struck ${when}`);
      if (!lasting && !first.done) throw new Error(`not done ${when}: ${JSON.stringify(first.answer)}`);
      broken.heal();
      // Nobody asks again for what was said to be done, so it must be so by then.
      if (first.done) await endsAs(deed, run, `at once, ${when}`);
      const second = await must(run, broken, {}, `the second time, ${when}`);
      if (first.done) same(second.answer, first.answer, `answer the second time, ${when}`);
      if (full) {
        const third = await must(run, broken, {}, `the third time, ${when}`);
        same(third.answer, second.answer, `answer the third time, ${when}`);
      }
      await endsAs(deed, run, when);
    }
  }
};

const full = process.env.LATCHWORK_FULL === '1';
/** In this process. */
let deedsTried = 0;

type Run = Awaited<ReturnType<Deed['prepare']>>;

const told = async <T>(call: () => Promise<T>, when: string): Promise<T> => {
  try {
    return await call();
  } catch (error) {
    throw new Error(`it threw ${when}`, { cause: error });
  }
};

const must = async (run: Run, line: FaultyLine, more: ClientWish, when: string): Promise<Outcome> => {
  const outcome = await told(() => run.act(line, more), when);
  if (!outcome.done) throw new Error(`not done ${when}: ${JSON.stringify(outcome.answer)}`);
  return outcome;
};

const endsAs = async (deed: Deed, run: Run, when: string): Promise<void> => same(await run.effect(), deed.leaves, when);

const same = (actual: unknown, wanted: unknown, what: string): void => expect(actual, what).toEqual(wanted);

const tableName = outputOf(stack.outputs, 'TableName');

/** The table as the product opens it, over a line of ours. */
export const tableOver = (line: FaultyLine, { maxAttempts }: ClientWish = {}): Table =>
  openTable(tableName, { ...clientOptions(stack), requestHandler: line.requestHandler, maxAttempts });

/** The table with nothing in between. */
export const table = openTable(tableName, clientOptions(stack));

export const rootKeys = openRootKeys(
  outputOf(stack.outputs, 'RootSecretArn'),
  new SecretsManagerClient(clientOptions(stack)),
);

const Log = z.array(CommitRow);

/** The types of all events of a subject, by the partition of its log. */
export const eventsIn = async (logPk: string): Promise<string[]> => {
  const { rows } = await table.query(ranges.events(logPk), { consistent: true });
  return Log.parse(rows).flatMap(({ events }) => events.map((it) => it.type));
};

/** A registered bank that a test speaks for: it has a journal, and no simulated hardware that would keep another. */
export const spokenForBank = async (tenant: Tenant, doors = 60) => {
  const { id: siteId } = await tenant.api.post('/v1/sites', { name: 'Test site', timeZone: 'Europe/Zurich' }, Made);
  const layout = ordinaryDoors(doors);
  const { id } = await tenant.api.post('/v1/banks', { siteId, name: 'Spoken for', layout }, Made);
  /** The messages of a journal in its queue, as the IoT rule makes them of what the bank sends. */
  const newJournal = () => {
    const journalId = `jrn_${randomUUID()}`;
    let seq = 0;
    return (...entries: Said[]) => ({
      bankId: id,
      brokerTime: Date.now(),
      journalId,
      entries: entries.map((entry) => {
        seq += 1;
        return { seq, at: Date.now(), ...entry };
      }),
    });
  };
  const tells = newJournal();
  const boot = JSON.stringify(tells({ type: 'boot', generation: 1 }));
  await aws.sqs.send(
    new SendMessageCommand({ QueueUrl: outputOf(stack.outputs, 'JournalQueueUrl'), MessageBody: boot }),
  );
  await eventually(async () => {
    const { lifecycle } = await tenant.api.get(`/v1/banks/${id}`, z.object({ lifecycle: z.string() }));
    expect(lifecycle).toBe('active');
  });
  const { journalId } = tells();
  await eventually(async () => {
    const acknowledged = await table.get(keys.acknowledged(id, journalId), true);
    expect(acknowledged?.seq).toBe(1);
  });
  return { id, siteId, tells, newJournal };
};
export type SpokenForBank = Awaited<ReturnType<typeof spokenForBank>>;

/** An entry before it is numbered and dated. */
export type Said = { type: JournalEntry['type'] } & Record<string, unknown>;
