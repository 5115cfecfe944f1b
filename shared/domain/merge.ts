import type { Step } from '../device/access.ts';
import type { DoorEntry } from '../device/journal.ts';
import { isAsset } from './asset.ts';
import type { Command } from './command.ts';
import { changed, isNewest, physicalChange } from './compartment.ts';
import type { Fresh } from './issuing.ts';
import { type Fact, type Merged, nothing, type World } from './merge-context.ts';
import { mergeTable } from './merge-table.ts';
import { earlier, type Instant, instant, later } from './time.ts';
import type { Transaction } from './transaction.ts';
import { stepIn, workflowOf } from './workflow.ts';

/** The step somebody was at: named by the grant or token, or for a command by what can be done in that state. */
const stepBehind = (entry: DoorEntry, transaction: Transaction, commands: Map<string, Command>): Step | null => {
  if (entry.cause === null) return null;
  if ('step' in entry.cause) return entry.cause.step;
  const credential = commands.get(entry.cause.commandId)?.credential;
  if (credential) return credential.step;
  // Without a sensor nobody knows what staff did behind an opened door; they have to say.
  if (entry.after.contents === 'unknown') return null;
  if (transaction.state === 'recall_due') return 'recall';
  const step = stepIn(transaction.workflow, transaction.state)?.step ?? null;
  // Staff who open a rented door do not rent it.
  return step === 'use' ? null : step;
};

/** What is done once the door is closed, by the contents then. Without a sensor, having opened is having done it. */
const doneBy: Record<'filled' | 'empty' | 'unknown', Partial<Record<Step, Fact>>> = {
  filled: { deposit: 'deposited', pickup: 'nothing_taken', use: 'used' },
  empty: { deposit: 'nothing_deposited', pickup: 'picked_up', recall: 'recalled', use: 'used' },
  unknown: { deposit: 'deposited', pickup: 'picked_up', recall: 'recalled', use: 'used' },
};

export const factOf = (entry: DoorEntry, transaction: Transaction, commands: Map<string, Command>): Fact | null => {
  const step = stepBehind(entry, transaction, commands);
  if (entry.type === 'door.opened' && step === 'deposit') return 'deposit_started';
  if (entry.after.door !== 'closed' || (entry.type !== 'door.closed' && entry.type !== 'contents.changed')) return null;
  if (step !== null) {
    const fact = doneBy[entry.after.contents][step] ?? null;
    // A person opening for staff's sake and leaving it as it was is no failed deposit.
    const byCommand = entry.cause !== null && 'commandId' in entry.cause;
    return byCommand && (fact === 'nothing_deposited' || fact === 'nothing_taken') ? null : fact;
  }
  return entry.cause === null && entry.after.contents === 'empty' ? 'emptied_by_nobody' : null;
};

const opens = ({ type }: DoorEntry): boolean => type === 'door.opened' || type === 'door.forced';

/** Whether its item, or what its renter left, is taken to be inside. */
export const isInside = ({ state, workflow }: Transaction): boolean =>
  state === 'stored' || state === 'recall_due' || (state === 'in_use' && workflowOf(workflow).inUse?.inside === true);

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
    holder === undefined ? isAsset(compartment.heldBy) && entry.after.contents !== 'empty' : isInside(holder);
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

  const transaction = world.transactions.get(entry.transactionId ?? compartment.heldBy ?? '');
  if (!transaction) return nothing;
  const fact = factOf(entry, transaction, world.commands);
  if (fact === null) return nothing;
  const at = later(earlier(instant(entry.at), now), transaction.createdAt);
  const [rule] = mergeTable[fact][transaction.state];
  return rule({ world, journalId, entry, transaction, fresh, now, at, newest });
};
