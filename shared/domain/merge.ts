import type { DoorEntry } from '../device/journal.ts';
import type { Command } from './command.ts';
import { changed, isNewest, physicalChange } from './compartment.ts';
import type { CredentialStep } from './credential.ts';
import { faultAtDoor } from './faults.ts';
import { isAtHome } from './home.ts';
import type { Fresh } from './issuing.ts';
import { evidenceOf, type Fact, type Merged, nothing, type World } from './merge-context.ts';
import { mergeTable } from './merge-table.ts';
import { seen } from './stock.ts';
import { earlier, type Instant, instant, later } from './time.ts';
import type { Transaction } from './transaction.ts';
import { stepIn, workflowOf } from './workflow.ts';

/** The step somebody was at: named by the grant or token, or for a command by what can be done in that state. */
const stepBehind = (
  { cause, after, door }: DoorEntry,
  transaction: Transaction,
  commands: Map<string, Command>,
): CredentialStep | null => {
  if (cause === null) return null;
  // A bank knows of steps at its doors only; what is a deposit there may be the second half of a move.
  if ('grantId' in cause) return transaction.credentials.find(({ id }) => id === cause.grantId)?.step ?? cause.step;
  const credential = commands.get(cause.commandId)?.credential;
  if (credential) return credential.step;
  // Without a sensor nobody knows what staff did behind an opened door; they have to say.
  if (after.contents === 'unknown') return null;
  if (transaction.move) return door === transaction.move.to ? 'put_in' : 'take_out';
  if (transaction.state === 'recall_due') return 'recall';
  const step = stepIn(transaction.workflow, transaction.state)?.step ?? null;
  // Staff who open a rented door do not rent it.
  return step === 'use' ? null : step;
};

/** What is done once the door is closed, by the contents then. Without a sensor, having opened is having done it. */
const doneBy: Record<'filled' | 'empty' | 'unknown', Partial<Record<CredentialStep, Fact>>> = {
  filled: {
    deposit: 'deposited',
    pickup: 'nothing_taken',
    use: 'used',
    take_out: 'not_carried',
    put_in: 'put_in',
  },
  empty: {
    deposit: 'nothing_deposited',
    pickup: 'picked_up',
    recall: 'recalled',
    use: 'used',
    take_out: 'taken_out',
    put_in: 'not_carried',
  },
  unknown: {
    deposit: 'deposited',
    pickup: 'picked_up',
    recall: 'recalled',
    use: 'used',
    take_out: 'taken_out',
    put_in: 'put_in',
  },
};

/** Nothing was done; of somebody who opened for staff's sake and left it as it was, that is no failure. */
const undone: readonly (Fact | null)[] = ['nothing_deposited', 'nothing_taken', 'not_carried'];

export const factOf = (entry: DoorEntry, transaction: Transaction, commands: Map<string, Command>): Fact | null => {
  const step = stepBehind(entry, transaction, commands);
  if (entry.type === 'door.opened' && step === 'deposit') return 'deposit_started';
  const didNotOpen = entry.type === 'lock.jammed' && entry.after.door === 'closed';
  if (didNotOpen && (step === 'take_out' || step === 'put_in')) return 'not_carried';
  if (entry.after.door !== 'closed' || (entry.type !== 'door.closed' && entry.type !== 'contents.changed')) return null;
  if (step !== null) {
    const fact = doneBy[entry.after.contents][step] ?? null;
    const byCommand = entry.cause !== null && 'commandId' in entry.cause;
    return byCommand && undone.includes(fact) ? null : fact;
  }
  return entry.cause === null && entry.after.contents === 'empty' ? 'emptied_by_nobody' : null;
};

const opens = ({ type }: DoorEntry): boolean => type === 'door.opened' || type === 'door.forced';

/** Whether its item, or what its renter left, is taken to be behind that door. */
const isInside = ({ state, workflow, move }: Transaction, door: string): boolean => {
  if (move) return move.stage === 'planned' && door === move.from;
  return (
    state === 'stored' || state === 'recall_due' || (state === 'in_use' && workflowOf(workflow).inUse?.inside === true)
  );
};

/** Takes one door entry into the world: the door's newest state, and the fact it adds to its transaction, however late. */
export const mergeDoorEntry = (
  world: World,
  journalId: string,
  entry: DoorEntry,
  fresh: Fresh,
  now: Instant,
): Merged => {
  const compartment = world.compartments.get(entry.door);
  if (!compartment) return nothing;
  const newest = isNewest(compartment, journalId, entry.seq);
  const holder = compartment.heldBy === null ? undefined : world.transactions.get(compartment.heldBy);
  const inside =
    holder === undefined
      ? isAtHome(compartment.heldBy) && entry.after.contents !== 'empty'
      : isInside(holder, entry.door);
  world.compartments.set(
    entry.door,
    changed(
      compartment,
      {
        ...physicalChange(compartment, journalId, entry, now, world.bank.config.reopenSeconds),
        // However late it is learned of: each entry comes here once.
        ...(opens(entry) ? { wear: (compartment.wear ?? 0) + 1, soft: undefined } : {}),
      },
      inside,
    ),
  );

  const merged = mergeFact(world, journalId, entry, { fresh, now, newest });
  const withStock =
    newest && merged.stock === undefined ? { ...merged, ...seenInStock(world, journalId, entry, now) } : merged;
  return merge(withStock, faultAtDoor(world, journalId, entry, { before: compartment, newest, now }));
};

/** One after the other, as they were decided. */
const merge = (first: Merged, then: Merged): Merged => ({
  ...first,
  ...then,
  emissions: [...first.emissions, ...then.emissions],
  take: [...first.take, ...then.take],
  drop: [...first.drop, ...then.drop],
});

/** What the entry says of the transaction that it names, or else of the one that has the door. */
const mergeFact = (
  world: World,
  journalId: string,
  entry: DoorEntry,
  { now, ...more }: { fresh: Fresh; now: Instant; newest: boolean },
): Merged => {
  const transaction = world.transactions.get(entry.transactionId ?? world.compartments.get(entry.door)?.heldBy ?? '');
  if (!transaction) return nothing;
  const fact = factOf(entry, transaction, world.commands);
  if (fact === null) return nothing;
  const at = later(earlier(instant(entry.at), now), transaction.createdAt);
  const [rule] = mergeTable[fact][transaction.state];
  return rule({ world, journalId, entry, transaction, now, at, ...more });
};

/** What it shows of the goods whose the door is, be they promised to somebody or not. */
const seenInStock = (world: World, journalId: string, entry: DoorEntry, now: Instant): Pick<Merged, 'stock'> => {
  const holder = world.compartments.get(entry.door)?.heldBy ?? '';
  const unit = world.stockUnits.get(world.transactions.get(holder)?.stockUnitId ?? holder);
  const at = earlier(instant(entry.at), now);
  const emission = unit && seen(unit, entry, at);
  if (!unit || !emission) return {};
  return {
    stock: {
      unitId: unit.id,
      emission: { ...emission, occurredAt: at, data: { evidence: evidenceOf({ journalId, entry }) } },
    },
  };
};
