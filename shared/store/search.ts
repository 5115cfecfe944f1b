import * as z from 'zod';
import * as field from '../../events/fields.ts';
import type { RootKeys } from '../domain/root-key.ts';
import { fingerprint, isWanted, type LookupSays, lookupsOf, type Plan, type Wanted } from '../domain/search.ts';
import type { Transaction } from '../domain/transaction.ts';
import { TransactionState } from '../domain/transaction.ts';
import { Workflow } from '../domain/workflow.ts';
import { pack, packed } from './packed.ts';
import { keys, ranges } from './rows.ts';
import { Lost, type Table, type Write } from './table.ts';
import { Applied, type Found, splitStored } from './transactions.ts';

const LookupRow = z.object({
  SK: field.text,
  transactionId: field.text,
  workflow: Workflow,
  bankId: field.text,
  state: TransactionState.optional(),
  longer: z.array(field.text).optional(),
});

/** What a transaction is found by at present, so that what it is no longer found by can be taken away. */
const Lookups = z.object({
  /** Counts its writes. */
  version: field.whole,
  /** The version of the transaction that it tells of. */
  of: field.whole,
  doors: z.array(field.text),
  /** Term → what its row says, as fingerprint. */
  found: packed(z.record(field.text, field.text)),
});
type Lookups = z.infer<typeof Lookups>;

const none: Lookups = { version: 0, of: 0, doors: [], found: {} };

/** DynamoDB's limit for a transaction, less the row that says what there is. */
const changesMost = 99;
const attemptsMost = 8;

export type Happened = { tenant: string; transactionId: string; sequence: number; doors: readonly string[] };

/**
 * Makes the lookup rows of a transaction what it says now, whatever event said that something changed. Of several events
 * the last one does the work: while there is a newer one, it is yet to come here.
 */
export const indexTransaction = async (table: Table, rootKeys: RootKeys, happened: Happened): Promise<void> => {
  const { tenant, transactionId: id } = happened;
  const key = keys.lookups(tenant, id);
  for (let attempt = 0; attempt < attemptsMost; attempt += 1) {
    const [row, known] = await table.batchGet([keys.transaction(tenant, id), key], true);
    if (row === undefined) throw new Error(`there is no transaction ${id}`);
    const { transaction } = splitStored(row);
    const before = known === undefined ? none : Lookups.parse(known);
    const doors = [...new Set([...before.doors, ...happened.doors, transaction.door ?? []].flat())];
    const isNews = doors.length > before.doors.length;
    if (before.of >= transaction.version && !isNews) return;
    const saysNoDoor = happened.doors.every((it) => before.doors.includes(it) || it === transaction.door);
    if (transaction.version > happened.sequence && saysNoDoor) return;

    const { writes, found, isWhole } = changesOf(
      transaction,
      before.found,
      lookupsOf(rootKeys, { transaction, doors }),
    );
    const after: Lookups = {
      version: before.version + 1,
      of: isWhole ? transaction.version : before.of,
      doors: isWhole ? doors : before.doors,
      found,
    };
    try {
      await table.write([
        {
          kind: 'other',
          expects: known === undefined ? 'absent' : { version: before.version },
          put: { ...key, ...after, found: pack(found) },
        },
        ...writes,
      ]);
      if (isWhole) return;
    } catch (error) {
      // Another event of it was faster; what it wrote may be older than what is true now.
      if (!(error instanceof Lost)) throw error;
    }
  }
  throw new Error(`the lookups of ${id} are being changed by others`);
};

const changesOf = (
  { tenant, id, createdAt }: Transaction,
  before: Record<string, string>,
  wanted: Map<string, LookupSays>,
): { writes: Write[]; found: Record<string, string>; isWhole: boolean } => {
  const changes = [
    ...[...wanted].filter(([term, says]) => before[term] !== fingerprint(says)).map(([term]) => term),
    ...Object.keys(before).filter((term) => !wanted.has(term)),
  ];
  const found = { ...before };
  const writes = changes.slice(0, changesMost).map((term): Write => {
    const key = keys.lookup(tenant, term, createdAt, id);
    const says = wanted.get(term);
    if (says === undefined) {
      delete found[term];
      return { kind: 'other', expects: 'anything', remove: key };
    }
    found[term] = fingerprint(says);
    return { kind: 'other', expects: 'anything', put: { ...key, transactionId: id, ...says } };
  });
  return { writes, found, isWhole: changes.length <= changesMost };
};

/** Rows read for one page at most: about 200 KB, so that one call brings them. */
const rowsMost = 1_000;
/** Of one BatchGetItem. */
const keysMost = 100;

/** Where a list goes on: in the rows of which term, after which. Opaque to whoever is given it. */
const Position = z.tuple([field.count, field.textOrNull]);

export type FoundPage = { found: (Found & { doors: readonly string[] })[]; next: string | null };

/** Looks transactions up by values, with two calls a page, whatever there is. */
export const openSearch = (table: Table) => {
  /** Transactions by their ids, with what their banks have applied; one call. */
  const read = async (tenant: string, ids: readonly string[], withDoors: boolean): Promise<FoundPage['found']> => {
    const keysOf = [keys.transaction, keys.applied, ...(withDoors ? [keys.lookups] : [])];
    const rows =
      ids.length === 0 ? [] : await table.batchGet(ids.flatMap((id) => keysOf.map((key) => key(tenant, id))));
    return ids.flatMap((_, nth) => {
      const [row, applied, lookups] = rows.slice(nth * keysOf.length, (nth + 1) * keysOf.length);
      if (row === undefined) return [];
      return {
        ...splitStored(row),
        applied: applied === undefined ? null : Applied.parse(applied),
        doors: lookups === undefined ? [] : Lookups.parse(lookups).doors,
      };
    });
  };

  return {
    read,

    page: async (
      rootKeys: RootKeys,
      tenant: string,
      plan: Plan,
      wanted: Wanted,
      { limit, after }: { limit: number; after: string | undefined },
    ): Promise<FoundPage> => {
      const [nth, last] = after === undefined ? [0, null] : Position.parse(JSON.parse(after));
      const term = plan.terms[nth];
      if (term === undefined) return { found: [], next: null };
      const most = Math.min(limit, Math.floor(keysMost / (plan.needsDoors ? 3 : 2)));
      const range = ranges.lookups(tenant, term, wanted.from, wanted.to);
      const { rows, next } = await table.query(range, {
        limit: plan.drops ? rowsMost : most,
        newestFirst: true,
        ...(last !== null && { after: { PK: range.PK, SK: last } }),
      });
      const parsed = rows.map((row) => LookupRow.parse(row));
      const kept = parsed.filter(plan.keeps);
      const taken = kept.slice(0, most);
      const goesOnAfter = kept.length > taken.length ? taken.at(-1)?.SK : next?.SK;
      const position =
        goesOnAfter !== undefined ? [nth, goesOnAfter] : nth + 1 < plan.terms.length ? [nth + 1, null] : null;
      const ids = taken.map((it) => it.transactionId);
      const found = await read(tenant, ids, plan.needsDoors);
      // A row of a door proves that it was there, and is looked up by nothing else.
      const proven = plan.kind === 'door' ? { ...wanted, door: undefined } : wanted;
      return {
        found: found.filter((it) => isWanted(rootKeys, it, proven)),
        next: position && JSON.stringify(position),
      };
    },
  };
};
