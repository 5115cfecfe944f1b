import type { LockState, UnlockCall, UnlockResult } from '#shared/vendors/lock-board/messages.ts';

export type Lock = { board: string; lock: string };
export type Doors = Record<string, DoorTruth>;

/** How a door is, whether its board says so or not. */
export type DoorTruth = { door: 'closed' | 'open'; inside: 'filled' | 'empty'; lock: 'ok' | 'jammed' };

export type Opening = { door: string; at: number; ref: string | null };

/** What somebody does at a door; `force` tears it open. */
export type DoorChange = {
  door?: 'closed' | 'open' | undefined;
  contents?: 'filled' | 'empty' | undefined;
  lock?: 'ok' | 'jammed' | undefined;
  force?: boolean | undefined;
};

export type Boards = ReturnType<typeof openBoards>;

/**
 * Locks on boards, the doors on them, and what is behind those: dumb hardware, which does what it is told and says what
 * it sees. `sees`: calls whenever a door or what is inside has changed.
 */
export const openBoards = (
  locks: Readonly<Record<string, Lock>>,
  contentsSensor: boolean,
  sees: (door: string) => void,
) => {
  const doors = new Map<string, DoorTruth>(
    Object.keys(locks).map((door) => [door, { door: 'closed', inside: 'empty', lock: 'ok' }]),
  );
  const openings: Opening[] = [];
  /** When each was told of last. */
  const times = new Map<string, number>();
  /** What was told to unlock before, and what came of it: the same `ref` is the same unlocking. */
  const answered = new Map<string, UnlockResult>();

  const at = (door: string): DoorTruth => {
    const it = doors.get(door);
    if (it === undefined) throw new Error(`there is no door ${door}`);
    return it;
  };

  const change = (door: string, to: Partial<DoorTruth>, ref: string | null = null): void => {
    const before = at(door);
    const after = { ...before, ...to };
    doors.set(door, after);
    if (before.door === 'closed' && after.door === 'open') openings.push({ door, at: Date.now(), ref });
    if (before.door !== after.door || before.inside !== after.inside) sees(door);
  };

  const unlock = (door: string, ref: string): UnlockResult => {
    if (at(door).lock === 'jammed') return 'jammed';
    if (at(door).door === 'open') return 'busy';
    change(door, { door: 'open' }, ref);
    return 'ok';
  };

  return {
    openings: (): readonly Opening[] => openings,
    doors: (): Doors => Object.fromEntries(doors),

    /** Null where there is no such lock. */
    unlock: ({ board, lock, ref }: UnlockCall): UnlockResult | null => {
      const [door] = Object.entries(locks).find(([, it]) => it.board === board && it.lock === lock) ?? [];
      if (door === undefined) return null;
      const result = answered.get(ref) ?? unlock(door, ref);
      answered.set(ref, result);
      return result;
    },

    /** Answers why it cannot be so, or nothing. */
    handle: (door: string, { door: position, contents, lock, force }: DoorChange): string | undefined => {
      const isClosed = at(door).door === 'closed';
      if (isClosed && !force && position === 'open') return 'only an unlock call or "force": true opens a closed door';
      if (isClosed && !force && contents !== undefined && contents !== at(door).inside)
        return 'nothing passes a closed door; open it first, or use "force": true';
      if (lock !== undefined) change(door, { lock });
      if (force) change(door, { door: 'open' });
      if (contents !== undefined) change(door, { inside: contents });
      if (position !== undefined) change(door, { door: position });
      return undefined;
    },

    /** A door's state as its board tells it. */
    told: (door: string): { board: string; state: LockState } | undefined => {
      const lock = locks[door];
      const it = at(door);
      // Two states of a lock are never of the same millisecond, or nobody could say which is the newer.
      const time = Math.max(Date.now(), (times.get(door) ?? 0) + 1);
      times.set(door, time);
      const goods = it.inside === 'filled' ? '1' : '0';
      return (
        lock && {
          board: lock.board,
          state: { lock: lock.lock, door: it.door, goods: contentsSensor ? goods : '', ts: String(time) },
        }
      );
    },
  };
};
