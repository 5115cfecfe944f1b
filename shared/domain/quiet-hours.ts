import type { Bank } from './bank.ts';
import type { Message } from './message.ts';
import { epochMs, type Instant, instant } from './time.ts';

type Place = { quietHours?: Bank['quietHours']; config: Pick<Bank['config'], 'timeZone'> };

const dayMinutes = 24 * 60;
const minuteOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));

/** No clock was ever put forward or back by more in one go. */
const changeMost = 120;

/** The clocks there, in minutes since midnight. */
const clockOf = (timeZone: string): ((epoch: number) => number) => {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  return (epoch) => minuteOf(format.format(epoch));
};

/** What the clocks show counts, so that a night in which they are changed is as quiet as any other. */
const night = ({ quietHours, config }: Place) => {
  if (quietHours === undefined) return null;
  const [from, to] = [minuteOf(quietHours.from), minuteOf(quietHours.to)];
  const clock = clockOf(config.timeZone);
  const ahead = (a: number, b: number): number => (b - a + dayMinutes) % dayMinutes;
  const isQuiet = (epoch: number): boolean => ahead(from, clock(epoch)) < ahead(from, to);
  return {
    isQuiet,
    left: (epoch: number) => ahead(clock(epoch), to),
    gone: (epoch: number) => ahead(from, clock(epoch)),
  };
};

const aMinute = 60_000;
const wholeMinute = (at: Instant): number => Math.floor(epochMs(at) / aMinute) * aMinute;

/** When the quiet hours end that a moment lies in; null where it lies in none. */
export const quietUntil = (place: Place, at: Instant): Instant | null => {
  const it = night(place);
  const now = wholeMinute(at);
  if (it === null || !it.isQuiet(now)) return null;
  // Minute by minute only where the clocks may have been changed on the way.
  let end = Math.max(now, now + (it.left(now) - changeMost) * aMinute);
  while (it.isQuiet(end)) end += aMinute;
  return instant(end);
};

/** When they began; null where a moment lies in none. */
export const quietSince = (place: Place, at: Instant): Instant | null => {
  const it = night(place);
  const now = wholeMinute(at);
  if (it === null || !it.isQuiet(now)) return null;
  let start = Math.min(now, now - (it.gone(now) - changeMost) * aMinute);
  while (it.isQuiet(start - aMinute)) start -= aMinute;
  return instant(start);
};

/**
 * Until when a message waits so that nobody is disturbed; null where it is sent now: somebody waits for it, or their time,
 * which ends at `until`, would be over by then.
 */
export const waitsUntil = (
  { urgent }: Pick<Message, 'urgent'>,
  until: Instant,
  place: Place,
  now: Instant,
): Instant | null => {
  const end = urgent ? null : quietUntil(place, now);
  return end === null || (now < until && until <= end) ? null : end;
};
