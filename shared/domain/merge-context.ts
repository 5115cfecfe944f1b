import type { DoorEntry } from '../device/journal.ts';
import type { Asset } from './asset.ts';
import type { Bank } from './bank.ts';
import type { ChainHead } from './chain-head.ts';
import type { Command } from './command.ts';
import { type Compartment, changed } from './compartment.ts';
import type { Credential } from './credential.ts';
import type { Emission } from './decision.ts';
import type { Fresh } from './issuing.ts';
import { hasLeftStock, type StockUnit } from './stock.ts';
import type { Instant } from './time.ts';
import type { Flag, Transaction } from './transaction.ts';

/** What an entry of a bank's journal says was done with a transaction's door. */
export type Fact =
  | 'deposit_started'
  | 'deposited'
  | 'nothing_deposited'
  | 'picked_up'
  | 'nothing_taken'
  | 'recalled'
  | 'used'
  | 'emptied_by_nobody'
  | 'taken_out'
  | 'put_in'
  | 'not_carried';

/**
 * What is known while a journal is merged. Merging changes it, entry by entry; nothing is saved here.
 * `transactions` holds those that entries name and those that hold the doors named, `stockUnits` the goods that these
 * sell and those whose the doors are.
 */
export type World = {
  bank: Bank;
  compartments: Map<string, Compartment>;
  transactions: Map<string, Transaction>;
  commands: Map<string, Command>;
  stockUnits: Map<string, StockUnit>;
  /** By door, the newest of the entries that arrived together: it may undo what an earlier one of them did. */
  arriving: ReadonlyMap<string, DoorEntry>;
};

export type Merged = {
  /** Events per transaction, in order. `weak`: worth an event of its own only if nothing stronger follows in its door cycle. */
  emissions: { transactionId: string; emissions: Emission<Transaction>[]; weak: boolean }[];
  take: Credential[];
  drop: Credential[];
  /** What becomes of goods in stock. */
  stock?: { unitId: string; emission: Emission<StockUnit> };
  /** What was lent has another door by that. */
  assets?: { assetId: string; emissions: Emission<Asset>[] }[];
  /** What becomes of the compartment itself, whoever has it. */
  compartment?: Emission<ChainHead>[];
};

export type Context = {
  world: World;
  journalId: string;
  entry: DoorEntry;
  transaction: Transaction;
  fresh: Fresh;
  now: Instant;
  /** When it happened: the bank's claim, but not in our future and not before the transaction was. */
  at: Instant;
  newest: boolean;
};

export type Rule = (context: Context) => Merged;

export const nothing: Merged = { emissions: [], take: [], drop: [] };

export const evidenceOf = ({ journalId, entry }: Pick<Context, 'journalId' | 'entry'>) => ({
  journalId,
  seq: entry.seq,
  door: entry.door,
  version: entry.version,
  cause: entry.cause,
});

export const emit = (
  { transaction, at, ...rest }: Context,
  ...emissions: Omit<Emission<Transaction>, 'occurredAt'>[]
): Merged['emissions'] => [
  {
    transactionId: transaction.id,
    weak: false,
    emissions: emissions.map((it) => ({
      ...it,
      occurredAt: at,
      data: { evidence: evidenceOf(rest), ...it.data },
    })),
  },
];

export const flagged = (it: Transaction, ...flags: Flag[]): Flag[] => [...new Set([...it.flags, ...flags])];

export const conflicted = (
  it: Transaction,
  happened: Fact,
  ...flags: Flag[]
): Omit<Emission<Transaction>, 'occurredAt'> => ({
  type: 'transaction.conflicted',
  set: { flags: flagged(it, ...flags) },
  data: {
    recorded: [it.state, ...it.flags.filter((flag) => flag === 'held' || flag === 'moving')].join(', '),
    happened,
  },
});

/** Its doors are free, or again those of the thing whose home they are; `home` null: which has left it for good. */
export const letGo = ({ world }: Context, of: Transaction, home: string | null): void => {
  for (const it of world.compartments.values())
    if (it.heldBy === of.id)
      world.compartments.set(it.door, changed(it, { heldBy: home }, home !== null && it.contents !== 'empty'));
};

/** What it has of goods in stock leaves them: something is said of the unit, unless that had left already. */
export const leavesStock = (
  { world, at, ...rest }: Context,
  { stockUnitId }: Transaction,
  { set, data, type }: Emission<StockUnit>,
): Pick<Merged, 'stock'> => {
  const unit = world.stockUnits.get(stockUnitId ?? '');
  if (unit === undefined || hasLeftStock(unit)) return {};
  return {
    stock: { unitId: unit.id, emission: { type, set, occurredAt: at, data: { evidence: evidenceOf(rest), ...data } } },
  };
};

/** One of its doors is free. */
export const leave = ({ world, transaction }: Context, door: string): void => {
  const it = world.compartments.get(door);
  if (it?.heldBy === transaction.id) world.compartments.set(door, changed(it, { heldBy: null }, false));
};

export const takeDoor = ({ world }: Context, door: string, transactionId: string, stored: boolean): void => {
  const it = world.compartments.get(door);
  if (it) world.compartments.set(door, changed(it, { heldBy: transactionId }, stored));
};
