import * as z from 'zod';
import {
  archived,
  assumed,
  busEvent,
  httpRequest,
  ingested,
  invocation,
  iotMessage,
  type Line,
  log,
  queueMessage,
  read,
  shadowOperation,
  sum,
  times,
  transactedWrite,
  type Units,
  write,
} from './cost-model.ts';
import type { BusEntry } from './deployed.ts';
import { Item, itemBytes } from './item-size.ts';
import type { Recorded } from './recorder.ts';

/** What was seen of one parcel: every call of every function, and what the deployed rules do with the events. */
export type Seen = {
  calls: readonly Recorded[];
  /** The functions that the bus wakes for what is put on it, by their output names. */
  woken: readonly string[];
  /** Bytes of a log line as the functions wrote them, on average; each invocation writes one. */
  logBytes: number;
};

export type ParcelCost = {
  /** What the budget is about. */
  lines: Line[];
  /** What is a line of its own (design.md section 11). */
  apart: Line[];
};

const Put = z.object({ Item });
const Written = z.object({
  TransactItems: z.array(z.union([z.object({ Put }), z.object({ Delete: z.object({ Key: Item }) })])),
});
const BatchGet = z.object({
  RequestItems: z.record(z.string(), z.object({ Keys: z.array(Item), ConsistentRead: z.boolean().optional() })),
});
const BatchGot = z.object({ Responses: z.record(z.string(), z.array(Item)) });
const Consistent = z.object({ ConsistentRead: z.boolean().optional() });
const Got = z.object({ Item: Item.optional() });
const Queried = z.object({ Items: z.array(Item) });
const Entries = z.object({ Entries: z.array(z.object({ DetailType: z.string(), Detail: z.string() })) });

const text = (item: Item, name: string): string => {
  const value = item[name];
  return value !== undefined && 'S' in value ? value.S : '';
};
const keyOf = (item: Item): string => `${text(item, 'PK')}|${text(item, 'SK')}`;

/** Write units of a parcel's rows, in order: a row bills by the larger of what it was and what it becomes. */
const bookkeeping = () => {
  const bytes = new Map<string, number>();
  const due = new Map<string, string>();
  return {
    put: (item: Item, unit: (bytes: number) => Units): Units => {
      const key = keyOf(item);
      const size = itemBytes(item);
      const units = unit(Math.max(size, bytes.get(key) ?? 0));
      bytes.set(key, size);
      return units;
    },
    remove: (key: Item, unit: (bytes: number) => Units): Units => unit(bytes.get(keyOf(key)) ?? 0),
    /** The sparse index: a write where an entry comes or goes, two where it moves. Not doubled by the transaction. */
    index: (item: Item): Units => {
      const before = due.get(keyOf(item)) ?? '';
      const after = text(item, 'dueAt');
      due.set(keyOf(item), after);
      if (before === after) return {};
      return times(before !== '' && after !== '' ? 2 : 1, write(0));
    },
  };
};

const readUnits = ({ operation, body, answer }: Recorded): Units => {
  const request: unknown = JSON.parse(body);
  const reply: unknown = JSON.parse(answer);
  if (operation === 'BatchGetItem') {
    const found = Object.values(BatchGot.parse(reply).Responses).flat();
    return sum(
      ...Object.values(BatchGet.parse(request).RequestItems).flatMap(({ Keys, ConsistentRead = false }) =>
        Keys.map((key) => {
          const item = found.find((it) => keyOf(it) === keyOf(key));
          return read(item === undefined ? 0 : itemBytes(item), ConsistentRead);
        }),
      ),
    );
  }
  const { ConsistentRead = false } = Consistent.parse(request);
  if (operation === 'Query') {
    const bytes = Queried.parse(reply).Items.reduce((total, item) => total + itemBytes(item), 0);
    return read(bytes, ConsistentRead);
  }
  const { Item: item } = Got.parse(reply);
  return read(item === undefined ? 0 : itemBytes(item), ConsistentRead);
};

const isRead = ({ service, operation }: Recorded): boolean =>
  service === 'dynamodb' && ['GetItem', 'BatchGetItem', 'Query'].includes(operation);

/** The row of an API key, which a warm function knows. */
const isKeyRow = ({ operation, body }: Recorded): boolean => operation === 'GetItem' && body.includes('"KEYS#');

/** The bank that a message's own function asks for its quiet hours. */
const isBankRead = ({ body }: Recorded): boolean => body.includes('"BANK#');

const putOf = ({ body }: Recorded): Item => Put.parse(JSON.parse(body)).Item;

const ShadowState = z.object({
  desired: z.record(z.string(), z.unknown()).default({}),
  reported: z.record(z.string(), z.unknown()).default({}),
});
const Shadow = z.object({ state: ShadowState.prefault({}) });

const jsonBytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** Shadow reads and writes by the size of the document, and the delta that each write sends to the bank. */
const shadowUnits = (calls: readonly Recorded[]): { units: Units; reads: number; writes: number } => {
  const documents = new Map<string, Record<string, unknown>>();
  const units: Units[] = [];
  let reads = 0;
  let writes = 0;
  for (const { operation, path, body, status, answer } of calls) {
    if (operation === 'GET') {
      reads += 1;
      const { state } = status === 200 ? Shadow.parse(JSON.parse(answer)) : Shadow.parse({});
      documents.set(path, state.desired);
      units.push(shadowOperation(jsonBytes(state)));
      continue;
    }
    writes += 1;
    const { desired } = Shadow.parse(JSON.parse(body)).state;
    const merged = Object.entries({ ...documents.get(path), ...desired }).filter(([, it]) => it !== null);
    const document = Object.fromEntries(merged);
    units.push(shadowOperation(jsonBytes({ desired: document })));
    if (status !== 200) continue;
    documents.set(path, document);
    units.push(iotMessage(jsonBytes(document)));
  }
  return { units: sum(...units), reads, writes };
};

/** Which function may call what for the lines below to be the whole bill. Secrets are read at cold starts only. */
const modelled: Record<string, readonly string[]> = {
  HttpTransactions: ['read', 'TransactWriteItems'],
  Journal: ['read', 'TransactWriteItems', 'PutItem', 'iotdata', 'sqs'],
  Publish: ['events'],
  Webhooks: ['read', 'PutItem', 'sqs'],
  Grants: ['read', 'iotdata'],
  BusDeadlines: ['read', 'TransactWriteItems', 'scheduler'],
  BusWaiting: ['read'],
  Deliver: ['read', 'PutItem'],
  Messages: ['read', 'PutItem', 'sqs', 'scheduler'],
  SendSms: ['read', 'PutItem', 'sns'],
  Search: ['read', 'TransactWriteItems', 'PutItem'],
  Feed: ['read', 'TransactWriteItems'],
};

/** Reactions that the budget is not about. */
const ownLines = ['Messages', 'Search', 'Feed'];

const requireModelled = (calls: readonly Recorded[]): void => {
  for (const call of calls.filter((it) => it.service !== 'secretsmanager')) {
    const kind = isRead(call) ? 'read' : call.service === 'dynamodb' ? call.operation : call.service;
    if (!modelled[call.by]?.includes(kind))
      throw new Error(
        `the cost model does not know that ${call.by || 'somebody'} calls ${call.service} ${call.operation}`,
      );
  }
};

/** What was put on the bus. */
export const busEntries = (calls: readonly Recorded[]): BusEntry[] =>
  calls
    .filter(({ by, operation }) => by === 'Publish' && operation === 'PutEvents')
    .flatMap(({ body }) => Entries.parse(JSON.parse(body)).Entries);

const kilobytesOf = (units: Units): number => (units.writes ?? 0) / 2;
const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;
const tally = (names: readonly string[]): string =>
  [...Map.groupBy(names, (it) => it)].map(([name, { length }]) => `${length} ${name}`).join(', ');

/** What the calls of one parcel cost on AWS, with what AWS does between them (limits.md E7, counted instead of assumed). */
export const parcelCost = ({ calls, woken, logBytes }: Seen): ParcelCost => {
  requireModelled(calls);
  const of = (by: string, service: string, ...operations: string[]) =>
    calls.filter(
      (it) => it.by === by && it.service === service && (operations.length === 0 || operations.includes(it.operation)),
    );
  const readsOf = (by: string) => calls.filter((it) => it.by === by && isRead(it) && !isKeyRow(it));
  const rows = bookkeeping();

  const indexed: Units[] = [];
  const commits: { by: string; units: Units }[] = [];
  const singles = new Map<string, Units[]>();
  for (const call of calls.filter((it) => it.service === 'dynamodb')) {
    if (call.operation === 'PutItem') {
      const whose = text(putOf(call), 'remindsOf') === '' ? call.by : 'reminder';
      singles.set(whose, [...(singles.get(whose) ?? []), sum(rows.put(putOf(call), write), rows.index(putOf(call)))]);
    }
    if (call.operation !== 'TransactWriteItems') continue;
    const { TransactItems } = Written.parse(JSON.parse(call.body));
    const units = TransactItems.map((it) =>
      'Put' in it ? rows.put(it.Put.Item, transactedWrite) : rows.remove(it.Delete.Key, transactedWrite),
    );
    commits.push({ by: call.by, units: sum(...units) });
    indexed.push(...TransactItems.map((it) => ('Put' in it ? rows.index(it.Put.Item) : {})));
  }
  const createdBy = commits.filter(({ by }) => by === 'HttpTransactions');
  const journaled = commits.filter(({ by }) => by === 'Journal');
  // No commits: the rows that transactions are found by.
  const lookups = commits.filter(({ by }) => by === 'Search');
  const numbered = commits.filter(({ by }) => by === 'Feed');
  // Nor these: reminders that nobody needs any more.
  const forgotten = commits.filter(({ by }) => by === 'BusDeadlines');

  // The journal function acknowledges each message that the rule brought it, once.
  const acks = of('Journal', 'iotdata', 'POST').length;
  // Entries that overtook each other: it looks again a little later.
  const gaps = of('Journal', 'sqs', 'SendMessage').length;
  const shadows = shadowUnits(calls.filter((it) => it.by === 'Grants' && it.service === 'iotdata'));
  const events = busEntries(calls);
  const reactions = woken.filter((name) => !ownLines.includes(name));
  const messages = woken.filter((name) => name === 'Messages').length;
  const told = of('SendSms', 'sns').length;
  const searches = woken.filter((name) => name === 'Search').length;
  const inFeed = woken.filter((name) => name === 'Feed').length;
  const attempts = of('Webhooks', 'sqs', 'SendMessage').length;
  // One per commit: what a batch of the stream saves is not counted.
  const published = commits.length - lookups.length - numbered.length - forgotten.length;
  const named = (by: string, operation: string) =>
    new Set(
      of(by, 'scheduler', operation)
        .filter(({ status }) => status === 200)
        .map(({ path }) => path),
    );
  const deleted = named('BusDeadlines', 'DELETE');
  const firing = named('BusDeadlines', 'POST').difference(deleted).size;
  const reminders = named('Messages', 'POST');
  const reminding = reminders.difference(deleted).size;
  const requests = createdBy.length;
  const functionCalls = requests + acks + gaps + published + reactions.length + attempts + firing;

  const lines: Line[] = [
    {
      what: `${plural(requests, 'HTTP request')} and its function`,
      units: times(
        requests,
        sum(httpRequest, invocation(), times(assumed.uncachedKeyShare, read(0, false)), log(assumed.accessLogBytes)),
      ),
    },
    { what: 'bank read', units: sum(...readsOf('HttpTransactions').map(readUnits)) },
    {
      what: `create: transaction of ${kilobytesOf(sum(...createdBy.map((it) => it.units)))} KB`,
      units: sum(...createdBy.map((it) => it.units)),
    },
    {
      what: `journal in: ${plural(acks, 'message')} and its function`,
      units: sum(
        times(acks, sum(ingested, invocation())),
        times(gaps, sum(queueMessage, invocation())),
        ...readsOf('Journal').map(readUnits),
      ),
    },
    {
      what: `deposit and pickup: transactions of ${journaled.map((it) => kilobytesOf(it.units)).join(' + ')} KB`,
      units: sum(...journaled.map((it) => it.units)),
    },
    {
      what: 'journal: what was acknowledged and applied, rows beside the transactions',
      units: sum(...(singles.get('Journal') ?? [])),
    },
    { what: 'due-time index', units: sum(...indexed) },
    { what: `${plural(acks, 'acknowledgement')} to the bank`, units: times(acks, times(2, iotMessage())) },
    {
      what: `grants shadow: ${plural(shadows.reads, 'read')}, ${plural(shadows.writes, 'write')} and deltas`,
      units: shadows.units,
    },
    {
      what: `${plural(events.length, 'bus entry', 'bus entries')} from ${plural(published, 'commit')}`,
      units: sum(...events.map(({ Detail }) => busEvent(Buffer.byteLength(Detail))), times(published, invocation())),
    },
    {
      what: `reactions: ${tally(reactions)}`,
      units: sum(
        times(reactions.length, sum(queueMessage, invocation())),
        ...[...new Set(reactions)].flatMap(readsOf).map(readUnits),
      ),
    },
    {
      what: `${plural(attempts, 'webhook')}: queue, sender, delivery row written twice`,
      units: sum(
        times(attempts, sum(queueMessage, invocation(assumed.senderMs))),
        ...(singles.get('Webhooks') ?? []),
        ...(singles.get('Deliver') ?? []),
        ...readsOf('Deliver').map(readUnits),
      ),
    },
    {
      // It reads the transaction and what the bank has applied of it, and finds nothing to do.
      what: `${plural(firing, 'schedule')} that nobody deleted, firing for nothing`,
      units: times(firing, sum({ schedules: 1 }, queueMessage, invocation(), times(2, read(0, true)))),
    },
    {
      what: `${functionCalls} log lines of ${Math.round(logBytes)} bytes`,
      units: times(functionCalls, log(logBytes)),
    },
  ];
  const apart: Line[] = [
    {
      what: 'message to the recipient, without the price of the SMS itself',
      units: sum(
        times(messages, sum(queueMessage, invocation(), log(logBytes))),
        // What is sent has a line of its own in the log.
        times(told, sum(queueMessage, invocation(assumed.senderMs), { topicPublishes: 1 }, log(2 * logBytes))),
        ...['Messages', 'SendSms'].flatMap((it) => [
          ...readsOf(it)
            .filter((call) => it === 'SendSms' || !isBankRead(call))
            .map(readUnits),
          ...(singles.get(it) ?? []),
        ]),
      ),
    },
    {
      what: `${plural(reminders.size, 'reminder')} planned, ${forgotten.length} taken back: row, schedule, the bank's quiet hours`,
      units: sum(
        ...readsOf('Messages').filter(isBankRead).map(readUnits),
        ...(singles.get('reminder') ?? []),
        // With each row its entry in the index goes.
        ...forgotten.map((it) => sum(it.units, write(0))),
        times(reminding, sum({ schedules: 1 }, queueMessage, invocation(assumed.senderMs), log(2 * logBytes))),
      ),
    },
    {
      what: `search rows of ${kilobytesOf(sum(...lookups.map((it) => it.units)))} KB and heads to anchor, from ${plural(searches, 'event')}`,
      units: sum(
        times(searches, sum(queueMessage, invocation(), log(logBytes))),
        ...readsOf('Search').map(readUnits),
        ...lookups.map((it) => it.units),
        ...(singles.get('Search') ?? []),
      ),
    },
    {
      what: `feed: ${plural(inFeed, 'event')} numbered in ${plural(numbered.length, 'transaction')} of ${kilobytesOf(sum(...numbered.map((it) => it.units)))} KB`,
      units: sum(
        times(inFeed, sum(queueMessage, invocation(), log(logBytes))),
        ...readsOf('Feed').map(readUnits),
        ...numbered.map((it) => it.units),
      ),
    },
    {
      // Its rule takes everything, and no function of ours does.
      what: `archive: ${plural(events.length, 'event')} handed to Firehose`,
      units: sum(...events.map(({ Detail }) => archived(Buffer.byteLength(Detail)))),
    },
  ];
  return { lines, apart };
};
