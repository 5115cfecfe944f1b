import type { BankConfig } from './config.ts';

/*
 * The guesses that a keypad allows (design.md section 5), whoever counts them: the bank itself, or an adapter for a
 * keypad that cannot. Times are milliseconds.
 */

export type Guesses = {
  /** Wrong codes in a row. */
  failures: number;
  lockedUntil: number;
  /** When the day's wrong codes were typed, oldest first. */
  guesses: number[];
};

const dayMs = 86_400_000;

/** Until when nothing that is typed counts; in the past if it does. */
export const lockedUntil = (keypad: Guesses, { guessesPerDay }: Pick<BankConfig, 'guessesPerDay'>): number => {
  const oldest = keypad.guesses.at(-guessesPerDay);
  return Math.max(keypad.lockedUntil, oldest === undefined ? 0 : oldest + dayMs);
};

/** One more wrong code. After the last row has been waited out, the table starts again from its first. */
export const afterFailure = <Keypad extends Guesses>(
  keypad: Keypad,
  { lockout, guessesPerDay }: Pick<BankConfig, 'lockout' | 'guessesPerDay'>,
  time: number,
): Keypad => {
  const failures = keypad.failures + 1;
  const last = lockout.reduce((a, b) => (b.failures > a.failures ? b : a));
  const row = failures >= last.failures ? last : lockout.find((each) => each.failures === failures);
  return {
    ...keypad,
    failures: row === last ? 0 : failures,
    lockedUntil: row ? Math.max(keypad.lockedUntil, time + row.lockSeconds * 1000) : keypad.lockedUntil,
    guesses: [...keypad.guesses.filter((at) => at > time - dayMs), time].slice(-guessesPerDay),
  };
};

/** Resets the waiting, not the day's budget: or who has one valid PIN could guess all day. */
export const afterSuccess = <Keypad extends Guesses>(keypad: Keypad): Keypad => ({ ...keypad, failures: 0 });
