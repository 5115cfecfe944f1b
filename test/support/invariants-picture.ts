import { QueryCommand, ScanCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import { Envelope } from '../../events/envelope.ts';
import { outputOf } from '../../local/stack-handle.ts';
import { aws, type Bank, eventually, stack, type Tenant } from './stack.ts';

/*
 * What the invariants are checked on: the rows as they lie in the table and what the banks say of themselves. The shapes
 * here are the checker's own, by design.md, so that a mistake in the product's schemas is not repeated by its judge.
 */

export type Row = Record<string, unknown> & { PK: string; SK: string };

const CredentialShape = z.looseObject({
  id: z.string(),
  step: z.string(),
  state: z.string(),
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
  state: z.string(),
  version: z.int(),
  hash: z.string(),
  flags: z.array(z.string()),
  credentials: z.array(CredentialShape),
  deadlines: z.object({ reserveUntil: z.string(), depositBy: z.string(), pickupBy: z.string() }),
  depositStartedAt: z.string().nullable(),
  externalIds: z.record(z.string(), z.string()),
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
  config: z.looseObject({
    guessesPerDay: z.int(),
    batteryBackedClock: z.boolean(),
    lockout: z.array(z.object({ failures: z.int(), lockSeconds: z.int() })),
  }),
});

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
});

const IdempotencyShape = z.looseObject({
  status: z.int(),
  body: z.looseObject({ id: z.string() }),
  etag: z.int().optional(),
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
    .looseObject({ grantId: z.string().optional(), commandId: z.string().optional(), step: z.string().optional() })
    .nullish(),
  commandId: z.string().optional(),
  grantId: z.string().optional(),
  method: z.string().optional(),
  reason: z.string().optional(),
});
export type EntryShape = z.infer<typeof EntryShape>;

const OpeningShape = z.looseObject({
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
  doors: z.record(z.string(), z.looseObject({ transactionId: z.string(), version: z.int() })),
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
  commands: readonly z.infer<typeof CommandShape>[];
  banks: readonly z.infer<typeof BankShape>[];
  endpoints: readonly (z.infer<typeof EndpointShape> & { tenant: string })[];
  deliveries: readonly (z.infer<typeof DeliveryShape> & { tenant: string })[];
  idempotency: readonly (z.infer<typeof IdempotencyShape> & Pick<Row, 'PK'> & { tenant: string })[];
  /** PIN locks, and which transaction's credential they name. */
  locks: readonly { bankId: string; SK: string; tenant: string; transactionId: string; credentialId: string }[];
  /** Journal entries as recorded, by bank. */
  recorded: readonly { bankId: string; journalId: string; raw: unknown; entry: EntryShape }[];
  /** Versions that the banks have applied, by transaction. */
  applied: ReadonlyMap<string, number>;
  testimonies: readonly Testimony[];
};

const tableName = outputOf(stack.outputs, 'TableName');

const RowShape = z.looseObject({ PK: z.string(), SK: z.string() });

/** Pages of a Query or a Scan, to their end. */
const everyPage = async (
  page: (start: Record<string, unknown> | undefined) => Promise<{
    Items?: Record<string, unknown>[] | undefined;
    LastEvaluatedKey?: Record<string, unknown> | undefined;
  }>,
): Promise<Row[]> => {
  const rows: Row[] = [];
  let start: Record<string, unknown> | undefined;
  do {
    const answer = await page(start);
    rows.push(...(answer.Items ?? []).map((item) => RowShape.parse(item)));
    start = answer.LastEvaluatedKey;
  } while (start !== undefined);
  return rows;
};

const bankIdsOf = async (tenant: string): Promise<string[]> => {
  const rows = await everyPage((start) =>
    aws.dynamoDb.send(
      new QueryCommand({
        TableName: tableName,
        ConsistentRead: true,
        KeyConditionExpression: 'PK = :pk',
        ExpressionAttributeValues: { ':pk': `BANKS#${tenant}` },
        ExclusiveStartKey: start,
      }),
    ),
  );
  return rows.map((row) => row.SK);
};

/** Every row of these tenants and of their banks. */
const rowsOf = async (tenants: readonly string[]): Promise<Row[]> => {
  const owned = [...tenants, ...(await Promise.all(tenants.map(bankIdsOf))).flat()];
  const rows = await everyPage((start) =>
    aws.dynamoDb.send(
      new ScanCommand({
        TableName: tableName,
        ConsistentRead: true,
        FilterExpression: owned.map((_, nth) => `contains(PK, :id${nth})`).join(' OR '),
        ExpressionAttributeValues: Object.fromEntries(owned.map((id, nth) => [`:id${nth}`, id])),
        ExclusiveStartKey: start,
      }),
    ),
  );
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
 * A picture of one moment. A scan is no snapshot: what is being written while it runs is seen half. So it is made until
 * two in a row are alike, the banks asked between them.
 */
export const takePicture = async (tenants: readonly Tenant[], banks: readonly Bank[]): Promise<Picture> => {
  const ids = tenants.map((tenant) => tenant.id);
  let rows = await rowsOf(ids);
  return eventually(
    async () => {
      const testimonies = await Promise.all(banks.map(testimonyOf));
      const before = JSON.stringify(rows);
      rows = await rowsOf(ids);
      if (JSON.stringify(rows) !== before) throw new Error('it is being written to');
      return pictureOf(ids, rows, testimonies, new Date().toISOString());
    },
    { what: `the table stands still for ${ids.join(', ')}`, within: 30_000 },
  );
};

/** Where the current state of a subject lies, by the kind of its log. */
const rowKeys: Record<string, (words: string[], PK: string) => { PK: string; SK: string }> = {
  TXN: (_, PK) => ({ PK, SK: 'T' }),
  CMD: (_, PK) => ({ PK, SK: 'S' }),
  TENANT: (_, PK) => ({ PK, SK: 'S' }),
  BANKLOG: (_, PK) => ({ PK, SK: 'S' }),
  DOORLOG: (_, PK) => ({ PK, SK: 'S' }),
  SITE: ([, tenant, id]) => ({ PK: `SITES#${tenant}`, SK: id ?? '' }),
  KEY: ([, tenant, id]) => ({ PK: `KEYS#${tenant}`, SK: id ?? '' }),
  ENDPOINT: ([, tenant, id]) => ({ PK: `ENDPOINTS#${tenant}`, SK: id ?? '' }),
};

/** The log that a row's own events lie in. */
const logOfRow = ({ PK, SK }: Row): string | null => {
  const [kind, tenant] = PK.split('#');
  if (kind === 'TXN') return SK === 'T' ? PK : null;
  if (kind === 'CMD' || kind === 'TENANT' || kind === 'BANKLOG' || kind === 'DOORLOG') return SK === 'S' ? PK : null;
  const logs: Record<string, string> = { SITES: 'SITE', KEYS: 'KEY', ENDPOINTS: 'ENDPOINT' };
  const log = logs[kind ?? ''];
  return log === undefined || SK.includes('#') ? null : `${log}#${tenant}#${SK}`;
};

const CommitShape = z.looseObject({ events: z.array(z.record(z.string(), z.unknown())) });
const JournalRowShape = z.looseObject({ entries: z.array(z.unknown()) });
const AppliedShape = z.looseObject({ version: z.int() });
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
  const byKey = new Map(rows.map((row) => [`${row.PK}\n${row.SK}`, row]));

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
    commands: where('CMD', 'S').map((row) => CommandShape.parse(row)),
    banks: where('BANK', 'B').map((row) => BankShape.parse(row)),
    endpoints: where('ENDPOINTS', '')
      .filter((row) => !row.SK.includes('#'))
      .map((row) => ({ ...EndpointShape.parse(row), tenant: word(row, 1) })),
    deliveries: where('DLV', '').map((row) => ({ ...DeliveryShape.parse(row), tenant: word(row, 1) })),
    idempotency: where('IDEM', '').map((row) => ({
      ...IdempotencyShape.parse(row),
      PK: row.PK,
      tenant: word(row, 1),
    })),
    locks: where('BANK', 'P#').map((row) => ({ ...LockShape.parse(row), SK: row.SK, bankId: word(row, 1) })),
    recorded: where('BANK', 'J#').flatMap((row) =>
      JournalRowShape.parse(row).entries.map((raw) => ({
        bankId: word(row, 1),
        journalId: row.SK.split('#')[1] ?? '',
        raw,
        entry: EntryShape.parse(raw),
      })),
    ),
    applied: new Map(where('TXN', 'A').map((row) => [word(row, 2), AppliedShape.parse(row).version])),
  };
};
