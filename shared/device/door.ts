import * as z from 'zod';

export const DoorState = z.enum(['closed', 'open', 'ajar', 'unknown']);
export type DoorState = z.infer<typeof DoorState>;

export const Contents = z.enum(['empty', 'filled', 'unknown']);
export type Contents = z.infer<typeof Contents>;

export const LockState = z.enum(['ok', 'jammed']);
export type LockState = z.infer<typeof LockState>;

/** The door's whole state after an entry, so that the newest entry alone tells it. `unknown` contents: no sensor. */
export const DoorStatus = z.object({ door: DoorState, contents: Contents, lock: LockState });
export type DoorStatus = z.infer<typeof DoorStatus>;
