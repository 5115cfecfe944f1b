import { presenceCodeAt, presenceSeconds } from '#shared/device/presence.ts';
import type { BankState } from './state.ts';
import { accessTime } from './time.ts';
import type { Now } from './turn.ts';

export type Presence = { code: string /** Until the next one. */; leftMs: number };

/** What the panel shows to whoever opens by phone; nothing while the bank has no power, no key, or does not know the time. */
export const presenceOf = (state: BankState, now: Now): Presence | null => {
  const { key } = state.durable;
  const time = state.ram && accessTime(state, now);
  if (!key || !time) return null;
  const periodMs = presenceSeconds * 1000;
  return {
    code: presenceCodeAt(Buffer.from(key.key, 'base64url'), time.estimate / 1000),
    leftMs: periodMs - (time.estimate % periodMs),
  };
};
