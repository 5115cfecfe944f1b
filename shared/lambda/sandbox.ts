import type { Bank } from '../domain/bank.ts';
import { Refusal } from '../domain/refusal.ts';
import type { Caller } from './authenticate.ts';

/** A test key moves no real door. A live key may use both kinds of bank, as whoever tries out a new site does. */
export const mayUse = ({ mode }: Pick<Caller, 'mode'>, { simulated }: Pick<Bank, 'simulated'>): boolean =>
  mode === 'live' || simulated;

export const requireUsable = (caller: Pick<Caller, 'mode'>, bank: Pick<Bank, 'id' | 'simulated'>): void => {
  if (!mayUse(caller, bank))
    throw new Refusal('forbidden', `a test key acts on simulated banks only, and ${bank.id} is a real one`);
};

/** What is about a real door, and a real person, is not there for a test key. */
export const mayShow = ({ mode }: Pick<Caller, 'mode'>, { livemode }: { livemode: boolean }): boolean =>
  mode === 'live' || !livemode;
