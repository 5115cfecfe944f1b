import { BatchGetCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import { Envelope } from '../../events/envelope.ts';
import { stacks } from '../../local/deploy.ts';
import { partitionsWith, tableName } from './invariants-partitions.ts';
import { unpacked } from './packed-rows.ts';
import { aws, type Bank, eventually, stack, type Tenant } from './stack.ts';

/*
 * What the invariants are checked on: the rows as they lie in the table and what the banks say of themselves. The shapes
 * here are the checker's own, by design.md, so that a mistake in the product's schemas is not repeated by its judge.
 */

export type Row = Record<string, unknown> & { PK: string; SK: string };

const CredentialShape = z.looseObject({
  id: z.string(),
  step: z.string(),
  method: z.string(),
  state: z.string(),
  delegatedFrom: z.string().optional(),
  suspended: z.boolean().optional(),
  suspendedWith: z.string().optional(),
  notBefore: z.string(),
  notAfter: z.string(),
  locked: z.boolean(),
  sinceVersion: z.int(),
});

export const TransactionShape = z.looseObject({
  id: z.string(),
  tenant: z.string(),
  bankId: z.string(),
  door: z.string().nullable(),
  workflow: z.string(),
  state: z.string(),
  version: z.int(),
  hash: z.string(),
  flags: z.array(z.string()),
  credentials: z.array(CredentialShape),
  deadlines: z.object({
    reserveUntil: z.string(),
    depositBy: z.string().optional(),
    pickupBy: z.string().optional(),
    useUntil: z.string().optional(),
  }),
  overstaySeconds: z.int().optional(),
  stockUnitId: z.string().optional(),
  tolerance: z.object({ earlySeconds: z.int(), lateSeconds: z.int() }).optional(),
  delegates: z.record(z.string(), z.unknown()).optional(),
  depositStartedAt: z.string().nullable(),
  externalIds: z.record(z.string(), z.string()),
  livemode: z.boolean().optional(),
  link: z.object({ kind: z.string(), id: z.string(), part: z.int() }).nullish(),
  waiting: z.object({ until: z.string() }).nullish(),
  move: z
    .looseObject({ stage: z.enum(['planned', 'carrying']), from: z.string(), to: z.string(), moveBy: z.string() })
    .nullish(),
  items: z.array(
    z.looseObject({
      lengthMm: z.number(),
      widthMm: z.number(),
      heightMm: z.number(),
      massG: z.number().optional(),
      thermalClass: z.string(),
    }),
  ),
  dueAt: z.string().optional(),
});
export type TransactionShape = z.infer<typeof TransactionShape>;

const CompartmentShape = z.looseObject({
  door: z.string(),
  heldBy: z.string().nullable(),
  availability: z.string(),
  until: z.number().nullable(),
  doorState: z.string(),
  contents: z.string(),
  lock: z.string(),
  wear: z.int().optional(),
  lastEntry: z.looseObject({ journalId: z.string(), seq: z.int() }).nullable(),
});

const CommandShape = z.looseObject({
  id: z.string(),
  bankId: z.string(),
  door: z.string(),
  state: z.string(),
  createdAt: z.string(),
  notAfter: z.string(),
  credential: z.looseObject({ id: z.string() }).nullable(),
});

const BankShape = z.looseObject({
  id: z.string(),
  tenant: z.string(),
  lifecycle: z.string(),
  layout: z.object({
    kinds: z.array(
      z.object({
        widthMm: z.number(),
        heightMm: z.number(),
        depthMm: z.number(),
        maxMassG: z.number(),
        thermalClass: z.string(),
      }),
    ),
    /** `label:kind:bottomMm`, comma-separated. */
    doors: z.string(),
  }),
  config: z.looseObject({
    guessesPerDay: z.int(),
    batteryBackedClock: z.boolean(),
    lockout: z.array(z.object({ failures: z.int(), lockSeconds: z.int() })),
  }),
});

const AssetShape = z.looseObject({
  id: z.string(),
  bankId: z.string(),
  door: z.string(),
  retired: z.string().nullable(),
});

const StockUnitShape = z.looseObject({
  id: z.string(),
  state: z.enum(['registered', 'placed', 'in_stock', 'missing', 'sold', 'withdrawn']),
  bankId: z.string().nullable(),
  door: z.string().nullable(),
  soldBy: z.string().nullable(),
});
export type StockUnitShape = z.infer<typeof StockUnitShape>;

const EndpointShape = z.looseObject({
  id: z.string(),
  state: z.string(),
  eventTypes: z.array(z.string()),
  createdAt: z.string(),
});

const DeliveryShape = z.looseObject({
  endpointId: z.string(),
  eventId: z.string(),
  eventType: z.string(),
  subject: z.string(),
  sequence: z.int(),
  state: z.string(),
  id: z.string(),
  resent: z.array(z.object({ at: z.string(), by: z.string(), after: z.int() })).default([]),
});

const IdempotencyShape = z.looseObject({
  answer: unpacked(
    z.looseObject({
      status: z.int(),
      body: z.looseObject({
        id: z.string().optional(),
        bankSequence: z.int().optional(),
        resent: z.union([z.int(), z.array(z.unknown())]).optional(),
      }),
      etag: z.int().optional(),
    }),
  ),
});

/** `version` is that of the transaction which the bank had applied when it wrote the entry. */
export const EntryShape = z.looseObject({
  seq: z.int(),
  at: z.number(),
  type: z.string(),
  door: z.string().optional(),
  after: z.object({ door: z.string(), contents: z.string(), lock: z.string() }).optional(),
  transactionId: z.string().nullish(),
  version: z.int().nullish(),
  cause: z
    .looseObject({
      grantId: z.string().optional(),
      tokenId: z.string().optional(),
      commandId: z.string().optional(),
      step: z.string().optional(),
    })
    .nullish(),
  commandId: z.string().optional(),
  grantId: z.string().optional(),
  method: z.string().optional(),
  reason: z.string().optional(),
});
export type EntryShape = z.infer<typeof EntryShape>;

const OpeningShape = z.looseObject({
  journalId: z.string(),
  door: z.string(),
  at: z.number(),
  cause: EntryShape.shape.cause,
  transactionId: z.string().nullable(),
  grant: z
    .looseObject({
      notBefore: z.number(),
      notAfter: z.number(),
      uses: z.int(),
      used: z.int(),
      isReopening: z.boolean(),
      blocked: z.string().optional(),
    })
    .optional(),
  command: z.looseObject({ notAfter: z.number() }).optional(),
});

const StateShape = z.looseObject({
  id: z.string(),
  online: z.boolean(),
  doors: z.record(z.string(), z.looseObject({ door: z.string(), contents: z.string(), inside: z.string() })),
  journal: z.looseObject({ journalId: z.string(), unacknowledged: z.int() }),
  clock: z.object({ skewMs: z.number() }),
});
const JournalShape = z.looseObject({
  journalId: z.string(),
  entries: z.array(EntryShape),
  openings: z.array(OpeningShape),
});
const GrantsShape = z.looseObject({
  doors: z.record(
    z.string(),
    z.looseObject({
      transactionId: z.string(),
      version: z.int(),
      grants: z.array(z.looseObject({ uses: z.int(), used: z.int(), blocked: z.string().optional() })),
    }),
  ),
});

/** What a bank says of itself. */
export type Testimony = {
  state: z.infer<typeof StateShape>;
  journal: z.infer<typeof JournalShape>;
  grants: z.infer<typeof GrantsShape>;
};

/** A commit as it lies in the table; `raw` is what its hashes are over. */
export type Commit = { SK: string; events: { envelope: Envelope; raw: Record<string, unknown> }[] };

/** The chain of one subject: its kind is the first word of the partition, its row where the current state lies. */
export type Log = { PK: string; kind: string; commits: Commit[]; row: Row | undefined };

export type Picture = {
  tenants: readonly string[];
  now: string;
  rows: readonly Row[];
  logs: readonly Log[];
  transactions: readonly TransactionShape[];
  compartments: readonly (z.infer<typeof CompartmentShape> & { bankId: string })[];
  assets: readonly z.infer<typeof AssetShape>[];
  stockUnits: readonly StockUnitShape[];
  /** Copies of them, where those who look for what is in stock find it. */
  shelved: readonly StockUnitShape[];
  commands: readonly z.infer<typeof CommandShape>[];
  banks: readonly z.infer<typeof BankShape>[];
  endpoints: readonly (z.infer<typeof EndpointShape> & { tenant: string })[];
  /** Who stands in the line of a bank. */
  waiting: readonly { bankId: string; transactionId: string; tenant: string }[];
  deliveries: readonly (z.infer<typeof DeliveryShape> & { tenant: string })[];
  idempotency: readonly (z.infer<typeof IdempotencyShape> & Pick<Row, 'PK'> & { tenant: string })[];
  /** With what came of each row. */
  imports: readonly (z.infer<typeof ImportShape> & { outcomes: readonly string[] })[];
  /** PIN locks, and which transaction's credential they name. */
  locks: readonly { bankId: string; SK: string; tenant: string; transactionId: string; credentialId: string }[];
  /** Journal entries as recorded, by bank. */
  recorded: readonly { bankId: string; journalId: string; recordedAt: string; raw: unknown; entry: EntryShape }[];
  /** Versions that the banks have applied in every shadow that speaks of it, by transaction; infinite where none does any more. */
  applied: ReadonlyMap<string, number>;
  testimonies: readonly Testimony[];
};

const RowShape = z.looseObject({ PK: z.string(), SK: z.string() });

type Page = { Items?: Record<string, unknown>[] | undefined; LastEvaluatedKey?: Record<string, unknown> | undefined };

/** Pages of a Query, to their end. */
const everyPage = async (page: (start: Record<string, unknown> | undefined) => Promise<Page>): Promise<Row[]> => {
  const rows: Row[] = [];
  let start: Record<string, unknown> | undefined;
  do {
    const answer = await page(start);
    rows.push(...(answer.Items ?? []).map((item) => RowShape.parse(item)));
    start = answer.LastEvaluatedKey;
  } while (start !== undefined);
  return rows;
};

const partition = (PK: string): Promise<Row[]> =>
  everyPage((ExclusiveStartKey) =>
    aws.dynamoDb.send(
      new QueryCommand({
        TableName: tableName,
        ConsistentRead: true,
        KeyConditionExpression: 'PK = :pk',
        ExpressionAttributeValues: { ':pk': PK },
        ExclusiveStartKey,
      }),
    ),
  );

/** The partitions of these tenants and of their banks. */
const partitionsOf = async (tenants: readonly string[]): Promise<string[]> => {
  const banks = (await Promise.all(tenants.map((tenant) => partition(`BANKS#${tenant}`)))).flat();
  return partitionsWith(
    tenants,
    banks.map(({ SK }) => SK),
  );
};

/** Rows of which each is alone in its partition, read a hundred at a time. */
const isAlone = (PK: string): boolean => /^(IDEM|X|MSG|F)#/.test(PK);

const alone = async (partitions: readonly string[]): Promise<Row[]> => {
  if (partitions.length === 0) return [];
  const Keys = partitions.map((name) => {
    const [PK = '', SK = 'S'] = name.split('\n');
    return { PK, SK };
  });
  const answer = await aws.dynamoDb.send(
    new BatchGetCommand({ RequestItems: { [tableName]: { Keys, ConsistentRead: true } } }),
  );
  const left = answer.UnprocessedKeys?.[tableName]?.Keys ?? [];
  const rows = (answer.Responses?.[tableName] ?? []).map((item) => RowShape.parse(item));
  return [...rows, ...(await alone(left.map(({ PK, SK }) => `${PK}\n${SK}`)))];
};

/** Many at a time, but not all: the engine answers them one after the other, and others want to be answered as well. */
const atOnce = 20;
/** DynamoDB's own limit. */
const perBatch = 100;

const inGroups = async (
  partitions: readonly string[],
  size: number,
  read: (group: readonly string[]) => Promise<Row[]>,
): Promise<Row[]> => {
  const rows: Row[] = [];
  for (let first = 0; first < partitions.length; first += size)
    rows.push(...(await read(partitions.slice(first, first + size))));
  return rows;
};

const rowsIn = async (partitions: readonly string[]): Promise<Row[]> => {
  const [single, others] = [partitions.filter(isAlone), partitions.filter((PK) => !isAlone(PK))];
  const rows = [
    ...(await inGroups(single, perBatch, alone)),
    ...(await inGroups(others, atOnce, async (group) => (await Promise.all(group.map(partition))).flat())),
  ];
  return rows.toSorted((a, b) => (`${a.PK}\n${a.SK}` < `${b.PK}\n${b.SK}` ? -1 : 1));
};

const asked = async <Shape extends z.ZodType>(url: string, shape: Shape): Promise<z.infer<Shape>> =>
  shape.parse(await (await fetch(url)).json());

const testimonyOf = async ({ controlUrl }: Pick<Bank, 'controlUrl'>): Promise<Testimony> => ({
  state: await asked(controlUrl, StateShape),
  journal: await asked(`${controlUrl}/journal`, JournalShape),
  grants: await asked(`${controlUrl}/grants`, GrantsShape),
});

/**
 * A picture of one moment. Rows read one after the other are no snapshot: what is being written meanwhile is seen half.
 * So they are read until they are the same twice in a row, the banks asked in between.
 */
const standingStill = async (
  ids: readonly string[],
  partitions: readonly string[],
  banks: readonly Bank[],
): Promise<Picture> => {
  let rows = await rowsIn(partitions);
  return eventually(
    async () => {
      const testimonies = await Promise.all(banks.map(testimonyOf));
      const before = JSON.stringify(rows);
      rows = await rowsIn(partitions);
      if (JSON.stringify(rows) !== before) throw new Error('it is being written to');
      return pictureOf(ids, rows, testimonies, new Date().toISOString());
    },
    { what: `the table stands still for ${ids.join(', ')}`, within: 30_000 },
  );
};

const MessageShape = z.looseObject({
  Body: z.string(),
  VisibleAt: z.number(),
  IsVisible: z.boolean(),
  ReceiveCount: z.int(),
  FirstReceiveTimestamp: z.number().nullable(),
});
const MessagesShape = z.object({
  messages: z.record(z.string(), z.record(z.string(), z.record(z.string(), z.array(MessageShape)))),
});

/** So long a command is left to answer by itself, at most; what is delayed for longer waits for its time. */
const soonSeconds = 3;
/** A function that has a message longer than this has failed, and will get it again in minutes. */
const workingSeconds = 10;

/** Queues of the stack whose messages somebody works on; a test that listens somewhere has a queue of its own. */
const isWorkedOn = (url: string): boolean =>
  stacks.some((name) => url.includes(`/${name}-`)) && !url.includes('DeadQueue');

/**
 * Messages to these tenants and banks that are about to be worked on, or are being. Counts of whole queues would also
 * wait for whatever other tests are doing to them; the engine shows the messages themselves, elsewhere nothing is known.
 */
const messagesFor = async (ids: readonly string[]): Promise<string[]> => {
  const response = await fetch(`${stack.awsEndpointUrl}/_ministack/sqs/messages`);
  if (!response.ok) return [];
  const now = Date.now() / 1000;
  const queues = Object.values(MessagesShape.parse(await response.json()).messages)
    .flatMap((regions) => Object.values(regions))
    .flatMap((byUrl) => Object.entries(byUrl));
  return queues
    .filter(([url]) => isWorkedOn(url))
    .flatMap(([url, messages]) =>
      messages
        .filter(({ Body }) => ids.some((id) => Body.includes(id)))
        .filter(({ IsVisible, ReceiveCount, VisibleAt, FirstReceiveTimestamp }) =>
          ReceiveCount === 0
            ? IsVisible || VisibleAt - now <= soonSeconds
            : IsVisible || (ReceiveCount === 1 && now - (FirstReceiveTimestamp ?? 0) <= workingSeconds),
        )
        .map(({ Body }) => `${url.split('/').at(-1)} holds ${Body.slice(0, 300)}`),
    );
};

export const takePicture = async (tenants: readonly Tenant[], banks: readonly Bank[]): Promise<Picture> => {
  const ids = tenants.map((tenant) => tenant.id);
  return standingStill(ids, await partitionsOf(ids), banks);
};

/** A picture in which nothing is `moving` any more, and no partition has come since it was begun. */
export const takeQuietPicture = async (
  tenants: readonly Tenant[],
  banks: readonly Bank[],
  moving: (picture: Picture) => void,
  within: number,
): Promise<Picture> => {
  const ids = tenants.map((tenant) => tenant.id);
  let partitions = await partitionsOf(ids);
  return eventually(
    async () => {
      const waiting = await messagesFor([...ids, ...banks.map(({ id }) => id)]);
      if (waiting.length > 0) throw new Error(waiting.join('\n'));
      const picture = await standingStill(ids, partitions, banks);
      const known = partitions;
      partitions = await partitionsOf(ids);
      moving(picture);
      if (partitions.join() === known.join()) return picture;
      const complete = await standingStill(ids, partitions, banks);
      moving(complete);
      return complete;
    },
    { what: 'all is quiet', within },
  );
};

/** Where the current state of a subject lies, by the kind of its log. */
const rowKeys: Record<string, (words: string[], PK: string) => { PK: string; SK: string }> = {
  TXN: (_, PK) => ({ PK, SK: 'T' }),
  CMD: (_, PK) => ({ PK, SK: 'S' }),
  IMPORT: (_, PK) => ({ PK, SK: 'J' }),
  EXPORT: (_, PK) => ({ PK, SK: 'J' }),
  EXPORTSCHEDULE: ([, tenant, id]) => ({ PK: `EXPORTSCHEDULES#${tenant}`, SK: id ?? '' }),
  INCIDENT: ([, tenant, id]) => ({ PK: `INCIDENTS#${tenant}`, SK: id ?? '' }),
  RECONCILIATION: (_, PK) => ({ PK, SK: 'S' }),
  TENANT: (_, PK) => ({ PK, SK: 'S' }),
  POLICY: (_, PK) => ({ PK, SK: 'S' }),
  BANKLOG: (_, PK) => ({ PK, SK: 'S' }),
  DOORLOG: (_, PK) => ({ PK, SK: 'S' }),
  SITE: ([, tenant, id]) => ({ PK: `SITES#${tenant}`, SK: id ?? '' }),
  KEY: ([, tenant, id]) => ({ PK: `KEYS#${tenant}`, SK: id ?? '' }),
  BADGE: ([, tenant, id]) => ({ PK: `BADGES#${tenant}`, SK: id ?? '' }),
  ASSET: ([, tenant, id]) => ({ PK: `ASSETS#${tenant}`, SK: id ?? '' }),
  UNIT: ([, tenant, id]) => ({ PK: `STOCK#${tenant}`, SK: id ?? '' }),
  ENDPOINT: ([, tenant, id]) => ({ PK: `ENDPOINTS#${tenant}`, SK: id ?? '' }),
  TERMSLOG: ([, tenant, id]) => ({ PK: `TERMS#${tenant}`, SK: id ?? '' }),
};

/** Groups of badges lie under their names, terms under whose they are, and the events of both under their ids. */
const keyOfRow = ({ PK, SK, id }: Row) => (/^(BADGES|TERMS)#/.test(PK) ? { PK, SK: String(id) } : { PK, SK });

/** The log that a row's own events lie in. */
const logOfRow = (row: Row): string | null => {
  const { PK, SK } = keyOfRow(row);
  const [kind, tenant] = PK.split('#');
  if (kind === 'TXN') return SK === 'T' ? PK : null;
  if (kind === 'IMPORT' || kind === 'EXPORT') return SK === 'J' ? PK : null;
  if (['CMD', 'RECONCILIATION', 'TENANT', 'POLICY', 'BANKLOG', 'DOORLOG'].includes(kind ?? ''))
    return SK === 'S' ? PK : null;
  const logs: Record<string, string> = {
    SITES: 'SITE',
    KEYS: 'KEY',
    BADGES: 'BADGE',
    ASSETS: 'ASSET',
    STOCK: 'UNIT',
    ENDPOINTS: 'ENDPOINT',
    EXPORTSCHEDULES: 'EXPORTSCHEDULE',
    INCIDENTS: 'INCIDENT',
    TERMS: 'TERMSLOG',
  };
  const log = logs[kind ?? ''];
  return log === undefined || SK.includes('#') ? null : `${log}#${tenant}#${SK}`;
};

const CommitShape = z.looseObject({ events: unpacked(z.array(z.record(z.string(), z.unknown()))) });
const ImportShape = z.looseObject({
  id: z.string(),
  state: z.string(),
  rows: z.int().nullable(),
  invalidRows: z.int(),
  counts: z.object({ created: z.int(), alreadyExists: z.int(), refused: z.int() }).nullable(),
});
const ReportShape = z.looseObject({ outcome: z.string(), transactionId: z.string().nullable() });

/** A row of a file has no key of its caller's: that it was created is remembered by its report. */
const recordOf = ({ outcome, transactionId }: z.infer<typeof ReportShape>, PK: string, tenant: string) =>
  outcome !== 'created' || transactionId === null
    ? []
    : [{ PK, tenant, answer: { status: 201, body: { id: transactionId }, etag: 2 } }];

const JournalRowShape = z.looseObject({ entries: z.array(z.unknown()), recordedAt: z.string() });
/** By the shadow: which version of the transaction its bank has there, or had. */
const AppliedShape = z.looseObject({
  shadows: z.record(z.string(), z.looseObject({ version: z.int(), gone: z.boolean() })),
});
const WaitingShape = z.looseObject({ tenant: z.string(), transactionId: z.string() });
const LockShape = z.looseObject({ tenant: z.string(), transactionId: z.string(), credentialId: z.string() });

export const pictureOf = (
  tenants: readonly string[],
  rows: readonly Row[],
  testimonies: readonly Testimony[],
  now: string,
): Picture => {
  const word = (row: Row, nth: number): string => row.PK.split('#')[nth] ?? '';
  const where = (kind: string, prefix: string) =>
    rows.filter((row) => word(row, 0) === kind && row.SK.startsWith(prefix));
  const byKey = new Map(rows.map((row) => [`${row.PK}\n${keyOfRow(row).SK}`, row]));

  const logPks = new Set(rows.flatMap((row) => (row.SK.startsWith('C#') ? [row.PK] : [logOfRow(row) ?? []].flat())));
  const logs = [...logPks].map((PK): Log => {
    const words = PK.split('#');
    const key = rowKeys[words[0] ?? '']?.(words, PK) ?? { PK, SK: '' };
    const commits = rows
      .filter((row) => row.PK === PK && row.SK.startsWith('C#'))
      .map((row) => ({
        SK: row.SK,
        events: CommitShape.parse(row).events.map((raw) => ({ raw, envelope: Envelope.parse(raw) })),
      }));
    return { PK, kind: words[0] ?? '', commits, row: byKey.get(`${key.PK}\n${key.SK}`) };
  });

  return {
    tenants,
    now,
    rows,
    logs,
    testimonies,
    transactions: where('TXN', 'T').map((row) => TransactionShape.parse(row)),
    compartments: where('BANK', 'D#').map((row) => ({ ...CompartmentShape.parse(row), bankId: word(row, 1) })),
    assets: where('ASSETS', '').map((row) => AssetShape.parse(row)),
    stockUnits: where('STOCK', '').map((row) => StockUnitShape.parse(row)),
    shelved: [...where('STOCKAT', ''), ...where('STOCKOF', '')].map((row) => StockUnitShape.parse(row)),
    commands: where('CMD', 'S').map((row) => CommandShape.parse(row)),
    banks: where('BANK', 'B')
      .filter(({ SK }) => SK === 'B')
      .map((row) => BankShape.parse(row)),
    waiting: where('BANK', 'BW#').map((row) => ({ ...WaitingShape.parse(row), bankId: word(row, 1) })),
    endpoints: where('ENDPOINTS', '')
      .filter((row) => !row.SK.includes('#'))
      .map((row) => ({ ...EndpointShape.parse(row), tenant: word(row, 1) })),
    deliveries: where('DLV', '').map((row) => ({ ...DeliveryShape.parse(row), tenant: word(row, 1) })),
    idempotency: [
      ...where('IDEM', '').map((row) => ({ ...IdempotencyShape.parse(row), PK: row.PK, tenant: word(row, 1) })),
      ...where('IMPORT', 'R#').flatMap((row) => recordOf(ReportShape.parse(row), row.PK, word(row, 1))),
    ],
    imports: where('IMPORT', 'J').map((row) => ({
      ...ImportShape.parse(row),
      outcomes: where('IMPORT', 'R#')
        .filter(({ PK }) => PK === row.PK)
        .map((it) => ReportShape.parse(it).outcome),
    })),
    locks: where('BANK', 'P#').map((row) => ({ ...LockShape.parse(row), SK: row.SK, bankId: word(row, 1) })),
    recorded: where('BANK', 'J#').flatMap((row) => {
      const { entries, recordedAt } = JournalRowShape.parse(row);
      return entries.map((raw) => ({
        bankId: word(row, 1),
        journalId: row.SK.split('#')[1] ?? '',
        recordedAt,
        raw,
        entry: EntryShape.parse(raw),
      }));
    }),
    applied: new Map(
      where('TXN', 'A').map((row) => {
        const shadows = Object.values(AppliedShape.parse(row).shadows).filter(({ gone }) => !gone);
        return [word(row, 2), Math.min(...shadows.map(({ version }) => version))];
      }),
    ),
  };
};
