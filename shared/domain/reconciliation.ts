import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { KeyMode } from './api-key.ts';
import { apply, born, type SubjectChange } from './decision.ts';
import { exportFileDays } from './export.ts';
import { amountsOf } from './export-columns.ts';
import { ExternalSystem } from './source.ts';
import { type Instant, InstantText, plusSeconds } from './time.ts';
import type { Transaction, TransactionState } from './transaction.ts';

/** Rows of a customer's file. */
export const reconciledRowsMax = 100_000;
/** Of that file: 80 bytes for each of so many rows. */
export const reconciledBytesMax = 8 * 1024 * 1024;
/** Of a period: what one call of a function reads in minutes. */
export const reconciledTransactionsMax = 200_000;

/** What can be wrong between two records of an order, and what each says. */
export const differenceKinds = {
  missing_here: 'the file has the order, and no transaction has its id',
  missing_there: 'a transaction of the period has an id that the file lacks',
  outside_period: 'the transaction of the order was created before or after the period',
  amount_differs: 'the same currency, another amount',
  currency_differs: 'another currency; the amounts are not compared then',
  state_differs: 'the file states another state',
  count_differs: 'the file states another number of items',
  doubled_there: 'an earlier row of the file has the same order; this one is compared with nothing',
} as const;

export const DifferenceKind = z.enum(
  Object.keys(differenceKinds) as [keyof typeof differenceKinds, ...(keyof typeof differenceKinds)[]],
);
export type DifferenceKind = z.infer<typeof DifferenceKind>;

/** An order as the customer's system says it. */
export type Theirs = {
  /** Counted from 1 below the header. */
  row: number;
  orderId: string;
  amountMinor: number;
  currency: string;
  /** Null: the file says nothing of it, and nothing is compared. */
  state: TransactionState | null;
  count: number | null;
};

/** The same as it is recorded here. */
export type Ours = {
  transactionId: string;
  orderId: string;
  state: TransactionState;
  count: number;
  /** What is to be paid in the end; null in both where it has no amount. */
  amountMinor: number | null;
  currency: string | null;
};

export type Difference = { kind: DifferenceKind; theirs: Theirs | null; ours: Ours | null };

/** A transaction as an order; null where it has no id of that system. */
export const oursOf = (it: Transaction, system: string): Ours | null => {
  const orderId = it.externalIds[system];
  if (orderId === undefined) return null;
  const { paymentMinor, chargedMinor, refundedMinor, currency } = amountsOf(it);
  const amountMinor = currency === null ? null : (paymentMinor ?? 0) + (chargedMinor ?? 0) - (refundedMinor ?? 0);
  return { transactionId: it.id, orderId, state: it.state, count: it.items.length, amountMinor, currency };
};

/** In what two records of the same order differ. What has no amount here is nothing in any currency. */
const differencesBetween = (theirs: Theirs, ours: Ours): DifferenceKind[] => {
  const isOtherCurrency = ours.currency !== null && theirs.currency !== ours.currency;
  return [
    ...(isOtherCurrency ? (['currency_differs'] as const) : []),
    ...(!isOtherCurrency && theirs.amountMinor !== (ours.amountMinor ?? 0) ? (['amount_differs'] as const) : []),
    ...(theirs.state !== null && theirs.state !== ours.state ? (['state_differs'] as const) : []),
    ...(theirs.count !== null && theirs.count !== ours.count ? (['count_differs'] as const) : []),
  ];
};

const Side = z.object({ orders: field.count, amountMinor: field.whole });
const noSide = { orders: 0, amountMinor: 0 };

/** What each side has of a currency; `currency` is null for transactions without an amount. */
export const CurrencyTotal = z.object({ currency: field.textOrNull, there: Side, here: Side });
export type CurrencyTotal = z.infer<typeof CurrencyTotal>;

export const ReconciliationResult = z.object({
  /** Currencies in their order, what has none last. */
  totals: z.array(CurrencyTotal),
  differences: z.record(DifferenceKind, field.count),
  /** Transactions of the period without an id of that system: they are in no total. */
  withoutOrderId: field.count,
});
export type ReconciliationResult = z.infer<typeof ReconciliationResult>;

/**
 * Compares a file with transactions that come one after another. It keeps the file only: however many transactions there
 * are, the differences found by them are handed out at once.
 */
export const comparison = (file: readonly Theirs[]) => {
  const totals = new Map<string | null, CurrencyTotal>();
  const counts = new Map<DifferenceKind, number>();
  let withoutOrderId = 0;
  const open = new Map<string, Theirs>();
  const known = new Set<string>();

  const add = (side: 'there' | 'here', currency: string | null, amountMinor: number): void => {
    const before = totals.get(currency) ?? { currency, there: noSide, here: noSide };
    const { orders, amountMinor: sum } = before[side];
    totals.set(currency, { ...before, [side]: { orders: orders + 1, amountMinor: sum + amountMinor } });
  };
  const counted = (found: Difference[]): Difference[] => {
    for (const { kind } of found) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return found;
  };

  return {
    /** Before anything else: what is wrong in the file by itself. */
    begin: (): Difference[] => {
      const doubled: Difference[] = [];
      for (const theirs of file) {
        add('there', theirs.currency, theirs.amountMinor);
        if (known.has(theirs.orderId)) doubled.push({ kind: 'doubled_there', theirs, ours: null });
        else open.set(theirs.orderId, theirs);
        known.add(theirs.orderId);
      }
      return counted(doubled);
    },

    /** A transaction of the period, once. */
    ours: (ours: Ours | null): Difference[] => {
      if (ours === null) {
        withoutOrderId += 1;
        return [];
      }
      add('here', ours.currency, ours.amountMinor ?? 0);
      const theirs = open.get(ours.orderId);
      if (theirs === undefined) return counted([{ kind: 'missing_there', theirs: null, ours }]);
      open.delete(ours.orderId);
      return counted(differencesBetween(theirs, ours).map((kind) => ({ kind, theirs, ours })));
    },

    /** Of the file: what no transaction of the period has matched yet. */
    open: (): Theirs[] => [...open.values()],

    /** What is known of such a row: the transaction of another period, or that there is none. */
    missing: (theirs: Theirs, ours: Ours | null): Difference[] => {
      open.delete(theirs.orderId);
      return counted([{ kind: ours === null ? 'missing_here' : 'outside_period', theirs, ours }]);
    },

    result: (): ReconciliationResult => ({
      totals: [...totals.values()].toSorted((a, b) =>
        a.currency === null ? 1 : b.currency === null ? -1 : a.currency < b.currency ? -1 : 1,
      ),
      differences: Object.fromEntries(DifferenceKind.options.map((kind) => [kind, counts.get(kind) ?? 0])) as Record<
        DifferenceKind,
        number
      >,
      withoutOrderId,
    }),
  };
};

/** `pending`: nothing was uploaded yet. `invalid`: something is wrong with the file, and nothing was compared. */
export const ReconciliationState = z.enum(['pending', 'running', 'invalid', 'done', 'failed']);

/** A file of a customer's order system, compared with the transactions of a period. */
export const Reconciliation = z.object({
  id: field.text,
  tenant: field.text,
  name: field.text,
  state: ReconciliationState,
  /** Whose ids the file has: `externalIds.<system>`. */
  system: ExternalSystem,
  /** From, inclusive, to, exclusive: when the transaction was created. */
  from: InstantText,
  to: InstantText,
  apiKeyId: field.text,
  /** Of that key: a test key compares what is about simulated doors. */
  mode: KeyMode,
  /** Size of the file, as announced; the link takes no other. */
  bytes: field.positive,
  uploadBy: InstantText,
  /** Of the file, once it was read. */
  rows: field.count.nullable(),
  result: ReconciliationResult.nullable(),
  /** Of the list of differences, once it is there. */
  fileUntil: field.momentOrNull,
  /** What is wrong with the file, or why there will be no result. */
  problem: field.textOrNull,
  createdAt: InstantText,
  endedAt: field.momentOrNull,
  version: field.positive,
  hash: field.text,
});
export type Reconciliation = z.infer<typeof Reconciliation>;

export const reconciliationAsked = (
  it: Pick<
    Reconciliation,
    'id' | 'tenant' | 'name' | 'system' | 'from' | 'to' | 'apiKeyId' | 'mode' | 'bytes' | 'uploadBy'
  >,
  now: Instant,
): SubjectChange<Reconciliation> =>
  born(
    {
      ...it,
      state: 'pending',
      rows: null,
      result: null,
      fileUntil: null,
      problem: null,
      createdAt: now,
      endedAt: null,
      version: 1,
      hash: '',
    },
    'reconciliation.created',
  );

/** The file has come. */
export const fileCame = (it: Reconciliation): SubjectChange<Reconciliation> =>
  apply(it, [{ type: 'reconciliation.uploaded', set: { state: 'running' } }]);

/** Something is wrong with the file: nothing was compared. */
export const fileRejected = (it: Reconciliation, problem: string, now: Instant): SubjectChange<Reconciliation> =>
  apply(it, [{ type: 'reconciliation.rejected', set: { state: 'invalid', problem, endedAt: now }, data: { problem } }]);

export const reconciled = (
  it: Reconciliation,
  { rows, result }: { rows: number; result: ReconciliationResult },
  now: Instant,
): SubjectChange<Reconciliation> => {
  const fileUntil = plusSeconds(now, exportFileDays * 86_400);
  return apply(it, [
    { type: 'reconciliation.completed', set: { state: 'done', rows, result, fileUntil, endedAt: now } },
  ]);
};

/** It cannot be done, whoever tries. */
export const reconciliationFailed = (
  it: Reconciliation,
  problem: string,
  now: Instant,
): SubjectChange<Reconciliation> =>
  apply(it, [{ type: 'reconciliation.failed', set: { state: 'failed', problem, endedAt: now }, data: { problem } }]);

/** The customer's file in the bucket of uploads, and the list of differences in that of exports. */
export const reconciliationKey = ({ tenant, id }: Pick<Reconciliation, 'tenant' | 'id'>): string =>
  `${tenant}/${id}.csv`;

/** The name under which a browser saves the list of differences. */
export const differencesName = ({ from, to }: Pick<Reconciliation, 'from' | 'to'>): string =>
  `differences-${from.slice(0, 10)}-${to.slice(0, 10)}.csv`;

export const isReconciliationId = (id: string): boolean => id.startsWith('rec_');
