import type { BankState, Ram } from './state.ts';
import type { Now } from './turn.ts';

/*
 * Time at the bank (design.md section 5). The cloud tells whole seconds after an unknown delay, so the bank keeps two
 * bounds and asks the one that errs on the safe side: a command past `notAfter` must never open, and a lockout must
 * never end early.
 */

type Bounds = { lower: number; upper: number };

/** The cloud tells whole seconds, rounded down. */
const secondMs = 1000;

const cloudBounds = ({ ram }: BankState, now: Now): Bounds | null => {
  if (!ram?.cloudTime) return null;
  const elapsed = now.mono - ram.cloudTime.mono;
  return { lower: ram.cloudTime.lower + elapsed, upper: ram.cloudTime.upper + elapsed };
};

export const knowsCloudTime = (state: BankState): boolean => state.ram?.cloudTime != null;

/** Its own clock ran on through the power cut, and the cloud lets the bank trust it. */
export const hasBatteryClock = ({ layout, durable }: BankState): boolean =>
  layout.batteryBackedClock !== false && (durable.config?.batteryBackedClock ?? layout.batteryBackedClock === true);

/** It is certainly this late. Never the device's own clock: whoever turns that one must not end a lockout. */
export const certainTime = (state: BankState, now: Now): number => {
  const { durable, ram } = state;
  const counted = ram ? ram.bootFloor + (now.mono - ram.bootedAt) : durable.floor;
  return Math.floor(Math.max(durable.floor, counted, cloudBounds(state, now)?.lower ?? 0));
};

/** What grants are held against: the cloud's time, else the battery-backed clock, else nothing. */
export const accessTime = (state: BankState, now: Now): { estimate: number; latest: number } | null => {
  const bounds = cloudBounds(state, now);
  if (!bounds && !hasBatteryClock(state)) return null;
  const { lower, upper } = bounds ?? { lower: now.wall, upper: now.wall };
  const estimate = Math.max(state.durable.dated, Math.round((lower + upper) / 2));
  return { estimate, latest: Math.max(estimate, Math.ceil(upper)) };
};

/** It may already be this late: what a command's `notAfter` is held against. Null without cloud time. */
export const latestTime = (state: BankState, now: Now): number | null =>
  knowsCloudTime(state) ? (accessTime(state, now)?.latest ?? null) : null;

/**
 * The `at` of an entry, and what it leaves behind. An entry dated by the device's own clock leaves no date: a clock a
 * day ahead would otherwise make the bank refuse everything for a day after the cloud has put it right.
 */
export const claimedTime = (state: BankState, now: Now): { at: number; floor: number; dated: number } => {
  const floor = certainTime(state, now);
  const { dated, madeAt } = state.durable;
  const known = accessTime(state, now);
  if (!known) return { at: Math.max(floor, dated, madeAt), floor, dated };
  return { at: known.estimate, floor, dated: knowsCloudTime(state) ? known.estimate : dated };
};

/** The answer to a `get` of our own, sent at the monotonic moment `sentAt`: starts the time, and narrows it later on. */
export const timeFromAnswer = (state: BankState, now: Now, timestamp: number, sentAt: number): Ram['cloudTime'] => {
  const told = timestamp * secondMs;
  const latest = told + secondMs + (now.mono - sentAt);
  const before = cloudBounds(state, now);
  const lower = Math.max(before?.lower ?? certainTime(state, now), told);
  return { lower, upper: Math.max(lower, Math.min(before?.upper ?? latest, latest)), mono: now.mono };
};

/** A delta may have been long under way: it only moves the time forward, and never starts it. */
export const timeFromDelta = (state: BankState, now: Now, timestamp: number): Ram['cloudTime'] => {
  const before = cloudBounds(state, now);
  if (!before) return null;
  const lower = Math.max(before.lower, timestamp * secondMs);
  return { lower, upper: Math.max(lower, before.upper), mono: now.mono };
};
