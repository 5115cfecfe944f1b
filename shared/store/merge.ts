import { nextFor } from '../device/denial.ts';
import { isClimateEntry, isDoorEntry, type JournalEntry, type JournalEntryType } from '../device/journal.ts';
import { Asset } from '../domain/asset.ts';
import type { Bank } from '../domain/bank.ts';
import { ChainHead } from '../domain/chain-head.ts';
import type { Command } from '../domain/command.ts';
import { commandIdOf, commandReport } from '../domain/command-reports.ts';
import type { Compartment } from '../domain/compartment.ts';
import type { Credential } from '../domain/credential.ts';
import { apply, type Emission } from '../domain/decision.ts';
import { verifiersAt } from '../domain/derived.ts';
import { faultOfClimate } from '../domain/faults.ts';
import { mergeDoorEntry } from '../domain/merge.ts';
import type { Merged, World } from '../domain/merge-context.ts';
import type { RootKeys } from '../domain/root-key.ts';
import type { StockUnit } from '../domain/stock.ts';
import { earlier, type Instant, instant } from '../domain/time.ts';
import type { Transaction } from '../domain/transaction.ts';
import { activatedWrites } from './banks.ts';
import {
  commitAsset,
  commitBankLog,
  commitCommand,
  commitCompartmentLog,
  commitTransaction,
  compartmentWrites,
  lockKey,
  lockWrites,
} from './commit.ts';
import { isUnderstood, journalWrite, type ReceivedEntry } from './journal.ts';
import { keys } from './rows.ts';
import { commitStockUnit } from './stock.ts';
import { Lost, type Table, type Write } from './table.ts';
import { bumped, drawFresh, plannedTarget } from './transactions.ts';

/** The wrong thing was there, or nobody showed that it was the right one although that was asked for. */
const failedScans: readonly string[] = ['wrong', 'missed'];

export type MergeDeps = { table: Table; rootKeys: RootKeys; newId: (prefix: string) => string };
export type Arrival = {
  journalId: string;
  brokerTime: Instant;
  now: Instant;
  /** Head of the bank's own chain, from `readBankLog`; null if nothing of it arrives. */
  bankLog: ChainHead | null;
};

/** Entries that are events of the bank itself: no row but its chain's head changes with them. */
const bankEvents: Partial<Record<JournalEntryType, Emission<ChainHead>['type']>> = {
  'access.denied': 'access.denied',
  boot: 'bank.booted',
  'journal.truncated': 'bank.journal_truncated',
  'power.lost': 'bank.power_lost',
  'power.restored': 'bank.power_restored',
  tamper: 'bank.tampered',
};
export const isOfTheBank = (entry: ReceivedEntry): boolean => Object.hasOwn(bankEvents, entry.type);

/**
 * To be read before what of the journal is recorded: whoever records the same entries in between has then moved it on,
 * and the later of the two starts over instead of telling them again.
 */
export const readBankLog = async (table: Table, bankId: string): Promise<ChainHead | null> => {
  const row = await table.get(keys.bankLog(bankId), true);
  return row === undefined ? null : ChainHead.parse(row);
};

/** What has gathered since the last commit. */
const nothingPending = () => ({
  entries: [] as ReceivedEntry[],
  transactions: new Map<string, Emission<Transaction>[]>(),
  /** Worth an event only if nothing stronger follows before the commit. */
  weak: new Map<string, Emission<Transaction>[]>(),
  commands: new Map<string, Emission<Command>[]>(),
  stockUnits: new Map<string, Emission<StockUnit>[]>(),
  doors: new Map<string, Emission<ChainHead>[]>(),
  bank: [] as Emission<ChainHead>[],
  assets: new Map<string, Emission<Asset>[]>(),
  take: [] as Credential[],
  drop: [] as Credential[],
});

/**
 * Merges a bank's journal into what is recorded, entry by entry: `add` each in order, then `flush`. Each commit holds
 * what the entries changed and the entries themselves, so that it counts once however often they arrive. Throws `Lost`
 * when what it was decided on has changed: read again and start over, what was committed is known by then.
 */
export const openMerge = (deps: MergeDeps, world: World, { journalId, brokerTime, now, ...arrival }: Arrival) => {
  const { bank } = world;
  let { bankLog } = arrival;
  const circumstances = { actor: { type: 'bank' as const, id: bank.id }, now, newId: deps.newId };
  let saved = snapshot(world);
  let pending = nothingPending();

  const ownerOf = (credential: Credential): Transaction | undefined =>
    [...world.transactions.values()].find((it) => it.credentials.some((c) => c.id === credential.id));

  /** By the key of the controller that its transaction knows of: one that was replaced meanwhile is told of in its time. */
  const lockable = (credential: Credential) => {
    const { bankKey } = ownerOf(credential) ?? bank;
    return { credential, verifier: verifiersAt(deps.rootKeys, { bankId: bank.id, bankKey })(credential) };
  };

  const newChain = (door: string | null): ChainHead => {
    const { tenant, siteId } = bank;
    return { tenant, bankId: bank.id, siteId, door, version: 0, hash: '' };
  };

  /** Read late: a compartment's own row guards its events. */
  const compartmentLog = async (door: string): Promise<ChainHead> => {
    const row = await deps.table.get(keys.compartmentLog(bank.id, door), true);
    return row ? ChainHead.parse(row) : newChain(door);
  };

  const emit = (id: string, emissions: Emission<Transaction>[]): void => {
    const transaction = world.transactions.get(id);
    if (!transaction) return;
    pending.weak.delete(id);
    pending.transactions.set(id, [...(pending.transactions.get(id) ?? []), ...emissions]);
    world.transactions.set(id, apply(transaction, emissions).after);
  };

  /** Answers whether it is worth a commit of its own. */
  const take = (merged: Merged, door: string): boolean => {
    for (const { transactionId, emissions, weak } of merged.emissions) {
      if (!weak) emit(transactionId, emissions);
      else if (!pending.transactions.has(transactionId)) pending.weak.set(transactionId, emissions);
    }
    if (merged.stock) {
      const { unitId, emission } = merged.stock;
      const unit = world.stockUnits.get(unitId);
      pending.stockUnits.set(unitId, [...(pending.stockUnits.get(unitId) ?? []), emission]);
      if (unit) world.stockUnits.set(unitId, apply(unit, [emission]).after);
    }
    for (const { assetId, emissions } of merged.assets ?? []) pending.assets.set(assetId, emissions);
    pending.take.push(...merged.take);
    pending.drop.push(...merged.drop);
    if (merged.compartment) pending.doors.set(door, [...(pending.doors.get(door) ?? []), ...merged.compartment]);
    return merged.stock !== undefined || merged.emissions.some((it) => !it.weak);
  };

  /** The writes of what is pending, and what its subjects become once they are written. */
  const writesOfPending = async (): Promise<{ writes: Write[]; became: () => void }> => {
    const writes: Write[] = [];
    const after: (() => void)[] = [];
    for (const [id, emissions] of pending.transactions) {
      const before = saved.transactions.get(id);
      if (!before) continue;
      const change = apply(before, emissions);
      const held = (door: string | null): Compartment | null => {
        const it = world.compartments.get(door ?? '');
        return it?.heldBy === id ? it : null;
      };
      const target = held(plannedTarget(change.after));
      const committed = commitTransaction(change, held(change.after.door), circumstances, target);
      writes.push(...committed.writes);
      after.push(() => world.transactions.set(id, committed.after));
    }
    for (const [id, emissions] of pending.commands) {
      const before = saved.commands.get(id);
      if (!before) continue;
      const committed = commitCommand(apply(before, emissions), circumstances);
      writes.push(...committed.writes);
      after.push(() => world.commands.set(id, committed.after));
    }
    for (const [id, emissions] of pending.stockUnits) {
      const before = saved.stockUnits.get(id);
      if (!before) continue;
      const committed = commitStockUnit(apply(before, emissions), circumstances);
      writes.push(...committed.writes);
      after.push(() => world.stockUnits.set(id, committed.after));
    }
    for (const [door, compartment] of world.compartments) {
      const before = saved.compartments.get(door);
      if (before && before !== compartment)
        writes.push(...compartmentWrites(bank.id, { before, after: compartment }, now));
    }
    for (const [assetId, emissions] of pending.assets) {
      // Read late and seldom: an asset that came back to a door which was not its own any more.
      const row = await deps.table.get(keys.asset(bank.tenant, assetId), true);
      if (row === undefined) throw new Error(`there is no asset ${assetId}`);
      writes.push(...commitAsset(apply(Asset.parse(row), emissions), circumstances).writes);
    }
    for (const [door, emissions] of pending.doors)
      writes.push(...commitCompartmentLog(apply(await compartmentLog(door), emissions), circumstances).writes);
    if (pending.bank.length > 0) {
      const committed = commitBankLog(apply(bankLog ?? newChain(null), pending.bank), circumstances);
      writes.push(...committed.writes);
      after.push(() => {
        bankLog = committed.after;
      });
      if (bank.lifecycle === 'provisioning' && pending.bank.some((it) => isBootOf(bank, it))) {
        writes.push(...activatedWrites(bank));
        after.push(() => Object.assign(bank, { lifecycle: 'active', version: bank.version + 1 }));
      }
    }
    for (const credential of pending.take) {
      const owner = ownerOf(credential);
      if (owner)
        writes.push(
          ...lockWrites(bank.id, { tenant: bank.tenant, transactionId: owner.id }, [lockable(credential)], []),
        );
    }
    writes.push(...lockWrites(bank.id, { tenant: bank.tenant, transactionId: '' }, [], pending.drop.map(lockable)));
    writes.push(journalWrite(bank.id, journalId, pending.entries, brokerTime, now));
    return {
      writes,
      became: () =>
        after.forEach((it) => {
          it();
        }),
    };
  };

  /** Another live credential has that PIN: the next one is tried. */
  const nextPin = (lostKey: string): void => {
    const credential = pending.take.find((it) => lockKey(bank.id, lockable(it)).SK === lostKey);
    if (!credential) throw new Error('a PIN lock was lost that was never taken');
    pending.take = pending.take.map((it) => (it === credential ? { ...it, attempt: it.attempt + 1 } : it));
    for (const [id, emissions] of pending.transactions) {
      const next = emissions.map((it) => ({ ...it, set: bumped(it.set, credential.id) }));
      pending.transactions.set(id, next);
      const before = saved.transactions.get(id);
      if (before) world.transactions.set(id, apply(before, next).after);
    }
  };

  const flush = async (): Promise<void> => {
    if (pending.entries.length === 0) return;
    for (const [id, emissions] of pending.weak) emit(id, emissions);
    for (;;) {
      const { writes, became } = await writesOfPending();
      try {
        await deps.table.write(writes);
        became();
        saved = snapshot(world);
        pending = nothingPending();
        return;
      } catch (error) {
        const lock = error instanceof Lost && error.rows.every((it) => it.kind === 'lock') ? error.rows[0] : undefined;
        if (!lock) throw error;
        nextPin(lock.key.SK);
      }
    }
  };

  /** How many rows the next flush writes at most. */
  const rowsOfPending = (): number => {
    const { transactions, weak, commands, stockUnits, assets, doors, take, drop } = pending;
    // Each with the row of its events.
    const subjects = [transactions, weak, commands, stockUnits, assets, doors].reduce((sum, it) => sum + it.size, 1);
    const changed = [...world.compartments].filter(([door, it]) => saved.compartments.get(door) !== it).length;
    // A compartment with its outage that is over; the bank and its entry in the list, the journal.
    return 2 * subjects + 2 * changed + take.length + drop.length + 3;
  };

  const add = async (entry: ReceivedEntry): Promise<void> => {
    if (rowsOfPending() > rowsFull) await flush();
    pending.entries.push(entry);
    if (!isUnderstood(entry)) return;
    const occurredAt = earlier(instant(entry.at), now);
    const command = world.commands.get(commandIdOf(entry) ?? '');
    if (command) {
      const emissions = commandReport(command, entry).map((it) => ({ ...it, occurredAt }));
      if (emissions.length > 0) {
        pending.commands.set(command.id, [...(pending.commands.get(command.id) ?? []), ...emissions]);
        world.commands.set(command.id, apply(command, emissions).after);
      }
    }
    if (isDoorEntry(entry)) {
      const fresh = drawFresh(deps.rootKeys.version, deps.newId, 1);
      if (take(mergeDoorEntry(world, journalId, entry, fresh, now), entry.door)) await flush();
    } else if (isClimateEntry(entry)) {
      if (take(faultOfClimate(world, journalId, entry, now), entry.door)) await flush();
    } else if (entry.type === 'scan') {
      const { door, seq, result = 'unchecked', step = null } = entry;
      const id = entry.transactionId ?? world.compartments.get(door)?.heldBy ?? '';
      const type = failedScans.includes(result) ? 'transaction.scan_failed' : 'transaction.scanned';
      const evidence = { journalId, seq, door, version: null, cause: null };
      emit(id, [{ type, set: {}, data: { step, result, evidence }, occurredAt }]);
    } else if (isOfTheBank(entry)) {
      const type = bankEvents[entry.type];
      if (type) pending.bank.push({ type, set: {}, data: bankData(entry, journalId), occurredAt });
    }
  };

  return { add, flush };
};

/** What an entry says of its bank, in the words of the event. */
const bankData = (entry: JournalEntry, journalId: string): Record<string, unknown> => {
  if (entry.type === 'boot') return { generation: entry.generation };
  if (entry.type === 'journal.truncated') return { journalId, from: entry.from, to: entry.to };
  if (entry.type !== 'access.denied') return {};
  const { door = null, method, reason, transactionId = null, grantId: credentialId = null } = entry;
  // A bank of before says only why.
  const next = entry.next ?? nextFor(reason);
  const limitAt = entry.limitAt === undefined ? null : instant(entry.limitAt);
  return { door, method, reason, next, limitAt, transactionId, credentialId };
};

/**
 * A transaction of DynamoDB has 100 rows at most (limits.md), which the cycles of 24 doors come to; one entry adds up to a
 * dozen: two transactions, their compartments, a command, the door's own events, PINs.
 */
const rowsFull = 80;
/** Whoever holds a key of another generation is the controller that was replaced, and late. */
const isBootOf = ({ bankKey }: Bank, { type, data }: Emission<ChainHead>): boolean =>
  type === 'bank.booted' && (data?.generation === null || data?.generation === bankKey.generation);

const snapshot = (world: World) => ({
  transactions: new Map<string, Transaction>(world.transactions),
  commands: new Map<string, Command>(world.commands),
  compartments: new Map<string, Compartment>(world.compartments),
  stockUnits: new Map<string, StockUnit>(world.stockUnits),
});
