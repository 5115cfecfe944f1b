import type { DoorEntry } from '../device/journal.ts';
import type { Bank } from './bank.ts';
import type { Command } from './command.ts';
import { type Compartment, changed } from './compartment.ts';
import type { Credential } from './credential.ts';
import type { Emission } from './decision.ts';
import type { Fresh } from './issuing.ts';
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
  | 'emptied_by_nobody';

/**
 * What is known while a journal is merged. Merging changes it, entry by entry; nothing is saved here.
 * `transactions` holds those that entries name and those that hold the doors named.
 */
export type World = {
  bank: Bank;
  compartments: Map<string, Compartment>;
  transactions: Map<string, Transaction>;
  commands: Map<string, Command>;
  /** By door, the newest of the entries that arrived together: it may undo what an earlier one of them did. */
  arriving: ReadonlyMap<string, DoorEntry>;
};

export type Merged = {
  /** Events per transaction, in order. `weak`: worth an event of its own only if nothing stronger follows in its door cycle. */
  emissions: { transactionId: string; emissions: Emission<Transaction>[]; weak: boolean }[];
  take: Credential[];
  drop: Credential[];
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

const evidenceOf = ({ journalId, entry }: Pick<Context, 'journalId' | 'entry'>) => ({
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
  data: { recorded: it.flags.includes('held') ? `${it.state}, held` : it.state, happened },
});

export const letGo = ({ world, transaction }: Context): void => {
  const heldBy = transaction.assetId ?? null;
  for (const it of world.compartments.values())
    if (it.heldBy === transaction.id)
      world.compartments.set(it.door, changed(it, { heldBy }, heldBy !== null && it.contents !== 'empty'));
};

export const takeDoor = ({ world }: Context, door: string, transactionId: string, stored: boolean): void => {
  const it = world.compartments.get(door);
  if (it) world.compartments.set(door, changed(it, { heldBy: transactionId }, stored));
};
