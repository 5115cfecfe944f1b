import { CompartmentView } from '../api/banks.ts';
import type { Bank } from '../domain/bank.ts';
import type { Compartment } from '../domain/compartment.ts';
import type { Presence } from '../domain/connectivity.ts';

/** Whether a bank is there, and since when; one that never was is offline. */
export const connectionOf = (presence: Presence | null) => ({
  connectivity: presence?.connectivity ?? ('offline' as const),
  connectivitySince: presence?.since ?? null,
});

/** A compartment as it was built, and as it is. */
export const compartmentView = (bank: Bank, it: Compartment): CompartmentView =>
  CompartmentView.parse({ ...bank.layout.find((built) => built.door === it.door), ...it });
