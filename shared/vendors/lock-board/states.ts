import type { Contents } from '../../device/door.ts';
import type { JournalEntry } from '../../device/journal.ts';
import { type DoorMemory, doorOf, type Memory, type NewEntry, withDoor } from './memory.ts';
import type { Callback, LockState } from './messages.ts';
import { addressOf } from './registration.ts';

/** One door's state of a callback, with the time it is of. */
export type DoorNews = { door: string; position: LockState['door']; goods: LockState['goods']; at: number };

/** What a callback says of the doors, the oldest first; locks that are no door's are left out. */
export const doorNewsOf = (
  { boardStates }: Pick<Callback, 'boardStates'>,
  doors: ReadonlyMap<string, string>,
  now: number,
): DoorNews[] =>
  boardStates
    .flatMap(({ board, locks }) =>
      locks.flatMap(({ lock, door: position, goods, ts }) => {
        const door = doors.get(addressOf({ board, lock }));
        return door === undefined ? [] : [{ door, position, goods, at: ts === '' ? now : Number(ts) }];
      }),
    )
    .toSorted((a, b) => a.at - b.at);

const contentsBy: Record<LockState['goods'], Contents> = { '1': 'filled', '0': 'empty', '': 'unknown' };

/**
 * An opening is the command's up to this long after its `notAfter`: the lock was released before, the door is pulled later,
 * and the vendor's clock is not ours.
 */
const openedAfterMs = 30_000;

type Seen = Extract<JournalEntry, { cause: unknown }>['type'];

/** One door on its way through what is told of it. */
const turnOf = (door: string, before: DoorMemory) => {
  let it = before;
  const entries: NewEntry[] = [];

  const tell = (type: Exclude<Seen, 'access.granted'>, at: number, change: Partial<DoorMemory>): void => {
    it = { ...it, ...change };
    const { cycle, contents, lock } = it;
    entries.push({
      type,
      at,
      door,
      after: { door: it.door, contents, lock },
      transactionId: cycle?.transactionId ?? null,
      version: null,
      cause: cycle && { commandId: cycle.commandId },
    });
  };

  const explained = (at: number): boolean => it.order !== null && at <= it.order.notAfter + openedAfterMs;

  const open = (at: number, contents: Contents): void => {
    const { order } = it;
    if (order === null || !explained(at)) {
      tell('door.forced', at, { door: 'open', contents, cycle: null });
      return;
    }
    const { commandId, transactionId } = order;
    // It opened, so it was taken; the answer is still on its way.
    if (!order.isTaken) entries.push({ type: 'command.acknowledged', at, commandId, door });
    const cycle = { commandId, transactionId };
    tell('door.opened', at, { door: 'open', contents, lock: 'ok', order: null, done: commandId, cycle });
  };

  const move = (to: 'open' | 'closed', at: number, contents: Contents): void => {
    if (to === 'open') open(at, contents);
    else tell('door.closed', at, { door: 'closed', contents });
    it = { ...it, since: at };
  };

  return {
    it: () => it,
    entries,
    tell,
    move,
    explained,
    know: (change: Partial<DoorMemory>) => (it = { ...it, ...change }),
  };
};

const positionOf = ({ door }: Pick<DoorMemory, 'door'>): 'open' | 'closed' => (door === 'closed' ? 'closed' : 'open');

/** Newer than all that is known. An empty text says nothing new; but of a door that moved, nobody knows what is inside. */
const takeNews = (turn: ReturnType<typeof turnOf>, { position, goods, at }: DoorNews, ajarAfterMs: number): void => {
  const before = turn.it();
  const to = position === '' ? positionOf(before) : position;
  const moves = to !== positionOf(before);
  const contents = goods === '' && !moves ? before.contents : contentsBy[goods];
  if (moves) turn.move(to, at, contents);
  else if (to === 'closed' && contents !== before.contents && turn.explained(at)) {
    // Nothing passes a closed door: that it was opened was lost on the way.
    turn.move('open', at, before.contents);
    turn.move('closed', at, contents);
  } else if (contents !== before.contents) turn.tell('contents.changed', at, { contents });
  if (to === 'open' && turn.it().door === 'open' && at >= turn.it().since + ajarAfterMs)
    turn.tell('door.ajar', at, { door: 'ajar' });
  turn.know({ at, ...(goods === '' ? {} : { contentsAt: at }) });
};

/**
 * Older than what is known, but of a time about which nothing is: if the door was the other way then, it has moved there
 * and back. Without a contents sensor that is all that is ever known of a deposit.
 */
const takeLate = (turn: ReturnType<typeof turnOf>, { position, goods, at }: DoorNews): void => {
  const before = turn.it();
  if (at <= before.since || position === '' || position === positionOf(before)) return;
  turn.move(position, at, contentsBy[goods]);
  turn.move(positionOf(before), before.at, before.contentsAt === before.at ? before.contents : 'unknown');
};

/**
 * What is new of it, as entries of the bank's journal, and how much of it was news. What is known already, or was
 * overtaken, changes nothing.
 */
export const hearDoors = (
  memory: Memory,
  news: readonly DoorNews[],
  ajarAfterMs: number,
): { memory: Memory; entries: NewEntry[]; news: number } => {
  let heard = memory;
  let told = 0;
  const entries: NewEntry[] = [];
  for (const each of news) {
    if (each.position === '' && each.goods === '') continue;
    const before = doorOf(heard, each.door);
    if (each.at === before.at) continue;
    const turn = turnOf(each.door, before);
    if (each.at > before.at) takeNews(turn, each, ajarAfterMs);
    else takeLate(turn, each);
    if (turn.it() === before) continue;
    told += 1;
    entries.push(...turn.entries);
    heard = withDoor(heard, each.door, turn.it());
  }
  return { memory: heard, entries, news: told };
};
