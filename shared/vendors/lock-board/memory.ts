import * as z from 'zod';
import * as field from '../../../events/fields.ts';
import { once } from '../../../events/once.ts';
import { Ask } from '../../device/ask.ts';
import { Contents, LockState } from '../../device/door.ts';
import type { JournalEntry } from '../../device/journal.ts';
import type { Bank } from '../../domain/bank.ts';

/*
 * What a controller would have on its disk, the adapter remembers in its place: where the journal is, how each door was
 * last, what it was told to do, who guesses, and what has not been handed over yet.
 */

const DoorMemory = once(() => {
  const because = z.object({ commandId: field.text, transactionId: field.textOrNull });
  return z.object({
    door: z.enum(['closed', 'open', 'ajar']),
    contents: Contents,
    lock: LockState,
    /** By the vendor's clock, milliseconds: so since; so as of; and of when the contents are. */
    since: field.count,
    at: field.count,
    contentsAt: field.count,
    /** Why it was last opened; null: nobody we know of did. */
    cycle: because.nullable(),
    /** A command for it that has not opened it yet. `notAfter`: milliseconds. */
    order: because.extend({ notAfter: field.count, isTaken: field.yesNo }).nullable(),
    /** The newest command that has come to its end here, or has opened it: nothing up to it is sent any more. */
    done: field.textOrNull,
  });
});
export type DoorMemory = z.infer<ReturnType<typeof DoorMemory>>;

export const Memory = once(() =>
  z.object({
    journalId: field.text,
    /** Of the newest entry; 0: none. */
    seq: field.count,
    /** Of the bank's key, as the last `boot` told it. */
    generation: field.positive.nullable(),
    /** Those of which something was heard, or ordered. */
    doors: z.record(field.text, DoorMemory()),
    keypad: z.object({ failures: field.count, lockedUntil: field.count, guesses: z.array(field.count) }),
    /** By terminal, when the newest code was typed. */
    terminals: z.record(field.text, field.count),
    /** What is to be handed over, as its queue takes it. */
    outbox: z.object({
      journal: z.array(z.object({ brokerTime: field.count, entries: z.array(z.custom<JournalEntry>()) })),
      asks: z.array(Ask.extend({ brokerTime: field.count })),
    }),
  }),
);
export type Memory = z.infer<ReturnType<typeof Memory>>;

export const newMemory = (journalId: string): Memory => ({
  journalId,
  seq: 0,
  generation: null,
  doors: {},
  keypad: { failures: 0, lockedUntil: 0, guesses: [] },
  terminals: {},
  outbox: { journal: [], asks: [] },
});

/** As it is by what the operator says, until the vendor says otherwise. */
const newDoor: DoorMemory = {
  door: 'closed',
  contents: 'empty',
  lock: 'ok',
  since: 0,
  at: 0,
  contentsAt: 0,
  cycle: null,
  order: null,
  done: null,
};

export const doorOf = ({ doors }: Memory, door: string): DoorMemory =>
  Object.hasOwn(doors, door) ? (doors[door] ?? newDoor) : newDoor;

export const withDoor = (memory: Memory, door: string, change: Partial<DoorMemory>): Memory => ({
  ...memory,
  doors: { ...memory.doors, [door]: { ...doorOf(memory, door), ...change } },
});

/** An entry before it has its number. */
export type NewEntry = JournalEntry extends infer Entry
  ? Entry extends JournalEntry
    ? Omit<Entry, 'seq'>
    : never
  : never;

/** So many go in one message: 200 are taken, and SQS has a limit of its own. */
const entriesPerMessage = 100;

/**
 * Numbers entries and puts them into the outbox. Before the first, and the first after its controller was replaced, comes
 * a `boot`: the bank is there, and has that key.
 */
export const journalled = (memory: Memory, entries: readonly NewEntry[], bank: Bank, now: number): Memory => {
  const { generation } = bank.bankKey;
  const boot: NewEntry[] = memory.generation === generation ? [] : [{ type: 'boot', at: now, generation }];
  const numbered = [...boot, ...entries].map((it, nth) => ({ ...it, seq: memory.seq + nth + 1 }) as JournalEntry);
  const messages = Array.from({ length: Math.ceil(numbered.length / entriesPerMessage) }, (_, nth) => ({
    brokerTime: now,
    entries: numbered.slice(nth * entriesPerMessage, (nth + 1) * entriesPerMessage),
  }));
  return {
    ...memory,
    generation,
    seq: memory.seq + numbered.length,
    outbox: { ...memory.outbox, journal: [...memory.outbox.journal, ...messages] },
  };
};
