import type { BankConfig } from '#shared/device/shadow.ts';
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

/**
 * The cloud told the time: `certainTime` jumps from `before` to `after`. What was guessed since the power came at
 * `bootFloor` was guessed just now, not before the jump.
 */
export const afterTimeJump = (keypad: Keypad, bootFloor: number, before: number, after: number): Keypad => {
  const jump = after - before;
  const recent = keypad.guesses.filter((at) => at >= bootFloor);
  if (jump <= 0 || recent.length === 0) return keypad;
  return {
    ...keypad,
    guesses: keypad.guesses.map((at) => (at >= bootFloor ? at + jump : at)),
    lockedUntil: keypad.lockedUntil > before ? keypad.lockedUntil + jump : keypad.lockedUntil,
  };
};
