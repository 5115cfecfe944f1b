/**
 * What AWS charges for what a parcel makes happen. List prices of us-east-1 in dollars per million units, without free
 * tier, as of limits.md E5; `from` is where that page has them from.
 */
export const prices = {
  httpRequests: { usd: 1.0, unit: 'HTTP API request', from: 'aws.amazon.com/api-gateway/pricing' },
  invocations: { usd: 0.2, unit: 'invocation', from: 'aws.amazon.com/lambda/pricing' },
  gbSeconds: { usd: 13.3334, unit: 'GB-second (arm64)', from: 'aws.amazon.com/lambda/pricing' },
  writes: { usd: 0.625, unit: 'write unit', from: 'aws.amazon.com/dynamodb/pricing (since November 2024)' },
  reads: { usd: 0.125, unit: 'read unit', from: 'aws.amazon.com/dynamodb/pricing (since November 2024)' },
  iotMessages: { usd: 1.0, unit: 'IoT message (5 KB)', from: 'aws.amazon.com/iot-core/pricing' },
  shadowOperations: { usd: 1.25, unit: 'shadow operation (1 KB)', from: 'aws.amazon.com/iot-core/pricing' },
  iotRules: { usd: 0.15, unit: 'IoT rule', from: 'aws.amazon.com/iot-core/pricing' },
  iotActions: { usd: 0.15, unit: 'IoT rule action', from: 'aws.amazon.com/iot-core/pricing' },
  busEvents: { usd: 1.0, unit: 'bus event (64 KB)', from: 'aws.amazon.com/eventbridge/pricing' },
  schedules: { usd: 1.0, unit: 'schedule that fires', from: 'aws.amazon.com/eventbridge/pricing' },
  queueRequests: { usd: 0.4, unit: 'SQS request (64 KB)', from: 'limits.md E5, general knowledge' },
  /** $0.029 a GB, each record rounded up to 5 KB. */
  firehoseRecords: {
    usd: 0.1485,
    unit: 'Firehose record (5 KB)',
    from: 'aws.amazon.com/firehose/pricing, general knowledge',
  },
  topicPublishes: { usd: 0.5, unit: 'SNS publish', from: 'limits.md E5, general knowledge' },
  /** $0.50 each; here, as everything, for a million. */
  logGb: { usd: 500_000, unit: 'GB of logs', from: 'aws.amazon.com/cloudwatch/pricing' },
} as const satisfies Record<string, { usd: number; unit: string; from: string }>;

export type Unit = keyof typeof prices;
export type Units = Partial<Record<Unit, number>>;
export type Line = { what: string; units: Units };

/** What cannot be counted on a laptop, and is taken from limits.md E7. */
export const assumed = {
  memoryGb: 0.25,
  handlerMs: 25,
  /** An attempt at a customer's endpoint waits for it. */
  senderMs: 150,
  /** Of the key rows: a function that is warm knows them for a minute. */
  uncachedKeyShare: 0.1,
  /** Of the gateway's access log, whose format infra/api.ts says. */
  accessLogBytes: 200,
} as const;

const isUnit = (name: string): name is Unit => Object.hasOwn(prices, name);

export const unitsOf = (units: Units): [Unit, number][] =>
  Object.entries(units).flatMap(([name, count]): [Unit, number][] =>
    isUnit(name) && count > 0 ? [[name, count]] : [],
  );

export const sum = (...all: Units[]): Units => {
  const total: Units = {};
  for (const units of all) for (const [name, count] of unitsOf(units)) total[name] = (total[name] ?? 0) + count;
  return total;
};

export const times = (count: number, units: Units): Units =>
  Object.fromEntries(unitsOf(units).map(([name, each]) => [name, each * count]));

/** Dollars per million of what the units are of. */
export const costOf = (units: Units): number =>
  unitsOf(units).reduce((total, [name, count]) => total + count * prices[name].usd, 0);

export const totalOf = (lines: readonly Line[]): number => lines.reduce((total, { units }) => total + costOf(units), 0);

const kilobytes = (bytes: number): number => Math.max(1, Math.ceil(bytes / 1024));

export const httpRequest: Units = { httpRequests: 1 };

export const invocation = (ms: number = assumed.handlerMs, memoryGb: number = assumed.memoryGb): Units => ({
  invocations: 1,
  gbSeconds: (memoryGb * ms) / 1000,
});

/** A write of an item by itself, by the larger of what was there and what is there now. */
export const write = (bytes: number): Units => ({ writes: kilobytes(bytes) });

/** The same inside a transaction: prepared and committed, so twice. */
export const transactedWrite = (bytes: number): Units => times(2, write(bytes));

/** Of one item, or of all that a query read: 4 KB are a unit if consistent, half a unit otherwise. */
export const read = (bytes: number, consistent: boolean): Units => ({
  reads: Math.max(1, Math.ceil(bytes / 4096)) * (consistent ? 1 : 0.5),
});

/** Sent, received and deleted by itself: what batches save is not counted. */
export const queueMessage: Units = { queueRequests: 3 };

export const iotMessage = (bytes = 0): Units => ({ iotMessages: Math.max(1, Math.ceil(bytes / 5120)) });

/** To read or change a shadow, by the size of its document. */
export const shadowOperation = (bytes: number): Units => ({ shadowOperations: kilobytes(bytes) });

/** Basic Ingest: the message itself is free, the rule and its action are not, nor is the queue behind it. */
export const ingested: Units = sum({ iotRules: 1, iotActions: 1 }, queueMessage);

export const busEvent = (bytes = 0): Units => ({ busEvents: Math.max(1, Math.ceil(bytes / 65_536)) });

/** Into a file of S3: the file itself is shared by all that happens in a quarter of an hour. */
export const archived = (bytes = 0): Units => ({ firehoseRecords: Math.max(1, Math.ceil(bytes / 5120)) });

export const log = (bytes: number): Units => ({ logGb: bytes / 1e9 });

/**
 * The least that a parcel can cost (limits.md E6): no bus, no shadow, no acknowledgement, no queue, no logs, and every
 * item below 1 KB.
 */
export const floor: readonly Line[] = [
  { what: 'create', units: sum(httpRequest, invocation(20), times(3, transactedWrite(0))) },
  { what: 'deposit', units: sum({ iotRules: 1, iotActions: 1 }, invocation(15), times(2, transactedWrite(0))) },
  { what: 'pickup', units: sum({ iotRules: 1, iotActions: 1 }, invocation(15), times(2, transactedWrite(0))) },
  { what: 'three webhooks', units: times(3, invocation(100, 0.125)) },
];
