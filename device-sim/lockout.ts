import type { BankConfig } from '#shared/device/config.ts';
import { lockedUntil } from '#shared/device/lockout.ts';
import type { Keypad } from './state.ts';

/*
 * The lockout of one keypad, as its bank keeps the time. All times are `certainTime`, milliseconds: a lockout never ends
 * early because a clock was turned or the power was cut.
 */

export const isLocked = (keypad: Keypad, config: BankConfig, time: number): boolean =>
  lockedUntil(keypad, config) > time;

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
