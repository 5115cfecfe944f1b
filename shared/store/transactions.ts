import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import type { Actor, Envelope } from '../../events/envelope.ts';
import * as field from '../../events/fields.ts';
import { needOf } from '../domain/assignment.ts';
import type { Bank } from '../domain/bank.ts';
import { Compartment } from '../domain/compartment.ts';
import type { Credential } from '../domain/credential.ts';
import { verifiersAt } from '../domain/derived.ts';
import { credentialsMost, type Fresh } from '../domain/issuing.ts';
import { type Doors, expireIfDue, isDue, type TransactionDecision } from '../domain/lifecycle.ts';
import { Refusal } from '../domain/refusal.ts';
import type { RootKeys } from '../domain/root-key.ts';
import type { Instant } from '../domain/time.ts';
import { StoredTransaction, type Transaction } from '../domain/transaction.ts';
import type { WaitingRow } from './banks.ts';
import { type Circumstances, commitTransaction, compartmentWrite, lockKey, lockWrites } from './commit.ts';
import { dueAttributes, keys, ranges } from './rows.ts';
import { readSubjectEvents } from './subject-events.ts';
import { Lost, type LostRow, type Table, type Write } from './table.ts';

/** What a bank has applied of a transaction: facts about the bank, not about the transaction, hence without an event. */
export const Applied = z.object({
  /** Counts the changes of this row. */
  version: field.count,
  /** By the shadow that was applied: the doors of one transaction can lie in two, while its item is moved between them. */
  shadows: z
    .record(
      field.text,
      z.object({
        /** Of the transaction. */
        version: field.count,
        /** Nothing of it is held there any more: `version` was. */
        gone: field.yesNo,
        doors: z.array(field.text),
      }),
    )
    // A row of before told of no shadow.
    .prefault({}),
});
export type Applied = z.infer<typeof Applied>;

export type Found = {
  transaction: Transaction;
  compartment: Compartment | null;
  /** Of the door that its item is to be moved to, while it lies behind the old one. */
  target: Compartment | null;
  applied: Applied | null;
};

export type TransactionDeps = {
  table: Table;
  rootKeys: () => Promise<RootKeys>;
  newId: (prefix: string) => string;
};

export const splitStored = (row: Record<string, unknown>): Omit<Found, 'applied'> => {
  const { compartment, target = null, ...transaction } = StoredTransaction.parse(row);
  return { transaction, compartment, target };
};

/** The door that is held for it besides its own. */
export const plannedTarget = ({ move }: Transaction): string | null => (move?.stage === 'planned' ? move.to : null);

/** The compartments that it has, as a decision leaves them; those that it does not touch are as they were read. */
const doorsAfter = (
  { transaction: { after }, compartments }: TransactionDecision,
  { compartment, target }: Doors,
): Doors => {
  const changed = (door: string | null) => compartments.find((it) => it.after.door === door)?.after;
  const to = plannedTarget(after);
  return {
    compartment: changed(after.door) ?? compartment,
    target: to === null ? null : (changed(to) ?? target),
  };
};

/** Whether a transaction says of itself that it has this door: the one it is in, or is carried from or to. */
const names = ({ door, move }: Transaction, label: string): boolean =>
  door === label || move?.to === label || move?.from === label;

/** Two calls are no snapshot: a commit between them is seen half, and read again. */
const glancesMost = 5;

/** Reads doors of a bank as they surely are now, each with the transaction that holds it. */
export const doorsReader = (table: Table) => {
  const glance = glanceAt(table);
  return async (bank: Bank, doors: string[]) => {
    for (let nth = 0; nth < glancesMost; nth += 1) {
      const found = await glance(bank, doors);
      if (found.every(({ door, transaction }) => transaction === undefined || names(transaction, door))) return found;
    }
    throw new Error(`the doors of ${bank.id} change hands all the time`);
  };
};

const glanceAt = (table: Table) => async (bank: Bank, doors: string[]) => {
  // All of the bank in one query: eight rows by their keys are billed as eight reads of 4 KB.
  const { rows } = await table.query(ranges.compartments(bank.id), { consistent: true });
  const known = new Map(rows.map((row) => Compartment.parse(row)).map((it) => [it.door, it]));
  // While something is carried from one door to another, both are its.
  const held = new Set(doors.flatMap((door) => known.get(door)?.heldBy ?? []));
  const found = await table.batchGet(
    [...held].map((id) => keys.transaction(bank.tenant, id)),
    true,
  );
  const transactions = new Map(
    found.flatMap((row) => (row ? [splitStored(row).transaction] : [])).map((it) => [it.id, it]),
  );
  return doors.map((door) => {
    const compartment = known.get(door);
    return { door, compartment, transaction: transactions.get(compartment?.heldBy ?? '') };
  });
};

/** Ids and key version for a decision that may issue credentials. */
export const drawFresh = (keyVersion: number, newId: (prefix: string) => string, count = 2): Fresh => ({
  keyVersion,
  credentialIds: Array.from({ length: count }, () => newId('crd')),
});

/** 122 bits of chance, of which Node draws many at once. */
export const newSalt = (): string => randomUUID();

/** It stands in the line for its bank's doors exactly while it waits. */
const waitingWrites = ({ before, after }: TransactionDecision['transaction']): Write[] => {
  const { id, tenant, bankId, createdAt } = after;
  const key = keys.waiting(bankId, id);
  if (after.state === 'created') {
    const need = needOf(after.items);
    if (before !== null || need === null) return [];
    const row: WaitingRow = { tenant, transactionId: id, need, version: 1 };
    // Due from the start: the sweep looks at it each time.
    return [{ kind: 'other', expects: 'absent', put: { ...key, ...row, ...dueAttributes(id, createdAt) } }];
  }
  return before?.state === 'created' ? [{ kind: 'other', expects: 'anything', remove: key }] : [];
};

/** Its place in a link is its own, and nobody else's, from the same commit on. */
const linkWrites = ({ before, after }: TransactionDecision['transaction']): Write[] => {
  const { tenant, livemode, id } = after;
  const [from, to] = [before?.link, after.link].map((it) => it && keys.link(tenant, livemode, it));
  if (from?.PK === to?.PK && from?.SK === to?.SK) return [];
  return [
    ...(from ? [{ kind: 'link', expects: 'anything', remove: from } as const] : []),
    ...(to ? [{ kind: 'link', expects: 'absent', put: { ...to, transactionId: id } } as const] : []),
  ];
};

/** The writes of a decision: transaction, events, doors, PIN locks. One commit; nothing is written here. */
export const decisionWrites = (
  rootKeys: RootKeys,
  decision: TransactionDecision,
  found: Doors | null,
  circumstances: Circumstances,
): { after: Transaction; events: Envelope[]; writes: Write[]; lockOwners: Map<string, string> } => {
  const { after } = decision.transaction;
  const { compartment, target } = doorsAfter(decision, found ?? { compartment: null, target: null });
  const committed = commitTransaction(decision.transaction, compartment, circumstances, target);
  const lockableAt = (by: Transaction) => {
    const verifier = verifiersAt(rootKeys, by);
    return (it: Credential) => ({ credential: it, verifier: verifier(it) });
  };
  const take = decision.locks.take.map(lockableAt(after));
  // They were made with the key of the controller that its bank had then.
  const drop = decision.locks.drop.map(lockableAt(decision.transaction.before ?? after));
  return {
    after: committed.after,
    events: committed.events,
    lockOwners: new Map(take.map((it) => [lockKey(after.bankId, it).SK, it.credential.id])),
    writes: [
      ...committed.writes,
      ...decision.compartments.map((it) => compartmentWrite(after.bankId, it)),
      ...waitingWrites(decision.transaction),
      ...linkWrites(decision.transaction),
      ...lockWrites(after.bankId, { tenant: after.tenant, transactionId: after.id }, take, drop),
    ],
  };
};

/** The next PIN for one of the credentials, since another live one has that PIN. */
export const bumped = <T extends { credentials?: Credential[] }>(it: T, credentialId: string): T =>
  it.credentials
    ? {
        ...it,
        credentials: it.credentials.map((c) => (c.id === credentialId ? { ...c, attempt: c.attempt + 1 } : c)),
      }
    : it;

export const withNextPin = (decision: TransactionDecision, credentialId: string): TransactionDecision => ({
  ...decision,
  transaction: {
    ...decision.transaction,
    after: bumped(decision.transaction.after, credentialId),
    emissions: decision.transaction.emissions.map((it) => ({ ...it, set: bumped(it.set, credentialId) })),
  },
  locks: {
    ...decision.locks,
    take: decision.locks.take.map((c) => (c.id === credentialId ? { ...c, attempt: c.attempt + 1 } : c)),
  },
});

/** What was read, with a compartment of its own as it is now; null if it is none of its own. */
const withCurrent = (found: Found, { key, current }: LostRow): Found | null => {
  const { transaction } = found;
  const isOf = (door: string | null): boolean =>
    door !== null && key.SK === keys.compartment(transaction.bankId, door).SK;
  if (current === undefined) return null;
  if (isOf(transaction.door)) return { ...found, compartment: Compartment.parse(current) };
  return isOf(plannedTarget(transaction)) ? { ...found, target: Compartment.parse(current) } : null;
};

/** How often a decision is taken anew because somebody else changed what it was taken on. */
const decideAtMost = 5;

/** Everything that changes a transaction by itself goes through here: read, decide, save, and again if it was overtaken. */
export const openTransactions = ({ table, rootKeys, newId }: TransactionDeps) => {
  const find = async (tenant: string, id: string, consistent: boolean): Promise<Found | null> => {
    const [row, applied] = await table.batchGet([keys.transaction(tenant, id), keys.applied(tenant, id)], consistent);
    return row === undefined
      ? null
      : { ...splitStored(row), applied: applied === undefined ? null : Applied.parse(applied) };
  };

  const change = async (
    found: Found,
    circumstances: Circumstances,
    decide: (found: Found, fresh: Fresh) => TransactionDecision | null,
    more: (after: Transaction, decision: TransactionDecision) => Write[] = () => [],
  ): Promise<Found & { decision: TransactionDecision | null }> => {
    const keysNow = await rootKeys();
    const { tenant, id } = found.transaction;
    let current = found;
    let decision: TransactionDecision | null = null;
    let again = false;
    for (let attempt = 0; attempt < decideAtMost; attempt += 1) {
      if (!again) {
        const most = credentialsMost(current.transaction.waiting?.access);
        decision = decide(current, drawFresh(keysNow.version, newId, most));
      }
      again = false;
      if (decision === null) return { ...current, decision };
      const { after, writes, lockOwners } = decisionWrites(keysNow, decision, current, circumstances);
      try {
        await table.write([...writes, ...more(after, decision)]);
        return { transaction: after, ...doorsAfter(decision, current), applied: current.applied, decision };
      } catch (error) {
        if (!(error instanceof Lost) || error.to('idempotency') || error.to('unique')) throw error;
        const lock = error.to('lock');
        const compartment = error.to('compartment');
        const mended = compartment && withCurrent(current, compartment);
        if (error.to('subject') || error.to('event')) {
          const read = await find(tenant, id, true);
          if (read === null) throw error;
          current = read;
        } else if (mended) {
          current = mended;
        } else if (lock !== undefined) {
          decision = withNextPin(decision, lockOwners.get(lock.key.SK) ?? '');
          again = true;
        } else throw error;
      }
    }
    throw new Refusal('busy', 'the transaction is being changed by others right now', { retryAfterSeconds: 1 });
  };

  /** What a due deadline makes of it, written down at once, so that nobody is shown or acts on what has expired. */
  const settled = async (found: Found, now: Instant): Promise<Found> => {
    if (!isDue(found.transaction, now)) return found;
    const actor: Actor = { type: 'system', id: 'deadline' };
    const after = await change(found, { actor, now, newId }, (it, fresh) =>
      expireIfDue(it.transaction, it.compartment, fresh, now, it.target),
    );
    return after.decision === null ? after : await settled(after, now);
  };

  return {
    change,
    settled,

    /** As it is now, deadlines included; null where this tenant has none of that id. One call to the table. */
    read: async (tenant: string, id: string, now: Instant): Promise<Found | null> => {
      const found = await find(tenant, id, false);
      return found && settled(found, now);
    },

    /** The same, from what is surely the newest. */
    readConsistent: async (tenant: string, id: string, now: Instant): Promise<Found | null> => {
      const found = await find(tenant, id, true);
      return found && settled(found, now);
    },

    /** Which transaction bears an external id of this system. */
    idByExternal: async (tenant: string, system: string, id: string): Promise<string | null> => {
      const row = await table.get(keys.externalId(tenant, system, id));
      return row === undefined ? null : z.object({ transactionId: field.textOrNull }).parse(row).transactionId;
    },

    /** Its events in order, after a sequence. */
    events: (tenant: string, id: string, after: number, limit: number) =>
      readSubjectEvents(table, keys.transaction(tenant, id).PK, after, limit),
  };
};
export type Transactions = ReturnType<typeof openTransactions>;
