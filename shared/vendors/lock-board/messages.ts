import * as z from 'zod';
import { once } from '../../../events/once.ts';

/*
 * What is said between us and the cloud of a vendor of lock boards: HTTP both ways, every value a text, an empty one for
 * what is not known. The vendor's fields, not ours; what we do not know of them is ignored.
 */

/** Of a board, or of a lock on it. */
export const Hex = z.string().regex(/^[0-9A-Fa-f]{1,4}$/, 'must be one to four hexadecimal digits');

const milliseconds = /^\d{13}$/;

/** To us: how doors are, and what was typed. Comes late, twice and in any order. */
export const Callback = once(() =>
  z.object({
    boardStates: z
      .array(
        z.object({
          board: Hex,
          locks: z
            .array(
              z.object({
                lock: Hex,
                door: z.enum(['open', 'closed', '']),
                /** Whether something is inside. */
                goods: z.enum(['1', '0', '']),
                /** When it was so; empty: as of now. */
                ts: z.union([z.literal(''), z.string().regex(milliseconds)], {
                  error: 'must be milliseconds since 1970, 13 digits, or empty',
                }),
              }),
            )
            .max(256),
        }),
      )
      .max(64)
      .default([]),
    codes: z
      .array(
        z.object({
          terminal: z.string().max(32),
          code: z.string().max(64),
          /** When it was typed: by that a repetition is known. */
          ts: z.string().regex(milliseconds, 'must be milliseconds since 1970, 13 digits'),
        }),
      )
      .max(32)
      .default([]),
  }),
);
export type Callback = z.infer<ReturnType<typeof Callback>>;
export type LockState = Callback['boardStates'][number]['locks'][number];
export type Code = Callback['codes'][number];

/** From us: release this lock. `ref` is the same however often it is said, and so is what it does. */
export type UnlockCall = { board: string; lock: string; ref: string };

/** The answer to it, with a 2xx. Anything else says nothing of the lock. */
export const UnlockAnswer = z.object({ result: z.enum(['ok', 'jammed', 'busy']) });
export type UnlockResult = z.infer<typeof UnlockAnswer>['result'];

/** What a vendor has answered; null where it cannot be told. */
export const unlockResultOf = (text: string): UnlockResult | null => {
  try {
    return UnlockAnswer.parse(JSON.parse(text)).result;
  } catch {
    return null;
  }
};
