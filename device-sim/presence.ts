import { presenceCodeAt } from '#shared/device/presence.ts';
import type { BankState } from './state.ts';
import { accessTime } from './time.ts';
import type { Now } from './turn.ts';

/** What the panel shows to whoever opens by phone; nothing while the bank has no power, no key, or does not know the time. */
export const presenceCode = (state: BankState, now: Now): string | null => {
  const { key } = state.durable;
  const time = state.ram && accessTime(state, now);
  return key && time ? presenceCodeAt(Buffer.from(key.key, 'base64url'), time.estimate / 1000) : null;
};
