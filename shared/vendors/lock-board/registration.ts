import * as z from 'zod';
import { once } from '../../../events/once.ts';
import type { FieldError } from '../../domain/refusal.ts';
import { Hex } from './messages.ts';

/** A bank whose doors are locks on boards that a vendor's cloud drives. */
export const LockBoard = once(() =>
  z.strictObject({
    kind: z.literal('lock_board'),
    /** Takes the unlock calls. */
    url: z.url({ protocol: /^https?$/ }).max(500),
    /** By the label of each door of the layout, where its lock is. */
    locks: z.record(z.string().max(8), z.strictObject({ board: Hex, lock: Hex })),
  }),
);
export type LockBoard = z.infer<ReturnType<typeof LockBoard>>;
export type Locks = LockBoard['locks'];

/** A lock as one text that is the same however its address was written. */
export const addressOf = ({ board, lock }: { board: string; lock: string }): string =>
  `${Number.parseInt(board, 16)}:${Number.parseInt(lock, 16)}`;

/** Doors by the address of their lock. */
export const doorsByAddress = (locks: Locks): Map<string, string> =>
  new Map(Object.entries(locks).map(([door, lock]) => [addressOf(lock), door]));

const escaped = (door: string): string => door.replaceAll('~', '~0').replaceAll('/', '~1');

/** What keeps these locks from being those of the doors: each has one, no two have the same, and there are no others. */
export const locksRefused = (locks: Locks, doors: readonly string[], at = ''): FieldError[] => {
  const pointer = (door: string): string => `${at}/locks/${escaped(door)}`;
  const firstAt = new Map<string, string>();
  const found: FieldError[] = doors
    .filter((door) => !Object.hasOwn(locks, door))
    .map((door) => ({ pointer: pointer(door), detail: 'is missing' }));
  for (const [door, lock] of Object.entries(locks)) {
    if (!doors.includes(door)) found.push({ pointer: pointer(door), detail: 'is no door of the layout' });
    const first = firstAt.get(addressOf(lock));
    if (first !== undefined) found.push({ pointer: pointer(door), detail: `is the lock of door ${first} as well` });
    else firstAt.set(addressOf(lock), door);
  }
  return found;
};
