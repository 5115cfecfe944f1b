import type { BankConfig } from '#shared/device/config.ts';
import type { Keypad } from './state.ts';

/*
 * The guesses one keypad allows (design.md section 5). All times are `certainTime`, milliseconds: a lockout never ends
 * early because a clock was turned or the power was cut.
 */

const dayMs = 86_400_000;

/** Until when PIN entry is off; in the past if it is on. */
export const lockedUntil = (keypad: Keypad, config: BankConfig): number => {
  const oldest = keypad.guesses.at(-config.guessesPerDay);
  return Math.max(keypad.lockedUntil, oldest === undefined ? 0 : oldest + dayMs);
};

export const isLocked = (keypad: Keypad, config: BankConfig, time: number): boolean =>
  lockedUntil(keypad, config) > time;

/** One more wrong PIN. After the last row has been waited out, the table starts again from its first. */
export const afterFailure = (keypad: Keypad, { lockout, guessesPerDay }: BankConfig, time: number): Keypad => {
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
export const afterSuccess = (keypad: Keypad): Keypad => ({ ...keypad, failures: 0 });

/** The power came, and with it no time. */
export const afterBoot = (keypad: Keypad, time: number): Keypad => ({
  ...keypad,
  blindSince: keypad.blindSince ?? time,
});

/**
 * The cloud told the time: `certainTime` jumps from `before` to `after`. What was guessed while the bank did not know it
 * is taken to have been guessed just now, not before the jump.
 */
export const afterTimeJump = (keypad: Keypad, before: number, after: number): Keypad => {
  const { blindSince, guesses, lockedUntil: until } = keypad;
  const isRecent = (at: number) => blindSince !== null && at >= blindSince;
  const jump = after - before;
  // What is still locked was locked by the last guess.
  const isMoved = until > before && guesses.slice(-1).some(isRecent);
  return {
    ...keypad,
    blindSince: null,
    guesses: guesses.map((at) => (isRecent(at) ? at + jump : at)),
    lockedUntil: isMoved ? until + jump : until,
  };
};
