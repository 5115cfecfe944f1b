import type { Bank } from './bank.ts';
import type { Compartment } from './compartment.ts';
import type { Presence } from './connectivity.ts';
import { Refusal } from './refusal.ts';
import { earlier, epochMs, type Instant, instant, later, plusSeconds } from './time.ts';
import { type Outage, type Period, uptimeOf } from './uptime.ts';

/** What a bank's health is told from. `complete`: from when on the outages are all there. */
export type HealthFacts = {
  bank: Bank;
  presence: Presence | null;
  compartments: Compartment[];
  outages: Outage[];
  completeFrom: Instant;
};

const daySeconds = 86_400;
const usualDays = 30;
const healthDaysMax = 366;

/** The period that is asked for; nothing of the future is told. */
export const periodAsked = (query: { from?: Instant | undefined; to?: Instant | undefined }, now: Instant): Period => {
  const to = earlier(query.to ?? now, now);
  const from = query.from ?? plusSeconds(to, -usualDays * daySeconds);
  const refuse = (pointer: string, detail: string): never => {
    throw new Refusal('invalid_request', `\`${pointer.slice(1)}\` ${detail}`, { errors: [{ pointer, detail }] });
  };
  if (from >= to) refuse('/from', 'is not before `to`, or lies ahead');
  if (epochMs(to) - epochMs(from) > healthDaysMax * daySeconds * 1000)
    refuse('/from', `is more than ${healthDaysMax} days before \`to\``);
  return { from, to };
};

type Spell = { door: string | null; reason: string; startedAt: Instant; endedAt: Instant | null };

const bankSpell = (it: Presence | null): Spell[] =>
  it === null || it.connectivity === 'online'
    ? []
    : [{ door: null, reason: it.connectivity, startedAt: it.since, endedAt: null }];

const doorSpell = ({ door, outOfService: reason, outOfServiceAt }: Compartment): Spell[] =>
  reason === null || outOfServiceAt === undefined
    ? []
    : [{ door, reason, startedAt: instant(outOfServiceAt), endedAt: null }];

const since = (ms: number | undefined): Instant | null => (ms === undefined ? null : instant(ms));

/** How a bank and each of its doors are, and how much of a period they were there. */
export const healthOf = (
  { bank, presence, compartments, outages, completeFrom }: HealthFacts,
  asked: Period,
  now: Instant,
) => {
  const spells: Spell[] = [...bankSpell(presence), ...compartments.flatMap(doorSpell), ...outages];
  const uptime = (door: string | null, from: Instant) =>
    uptimeOf(
      spells.filter((it) => it.door === door).map((it) => ({ ...it, endedAt: it.endedAt ?? now })),
      // What was before it was there, or is not known any more, is no uptime.
      { from: earlier(later(later(asked.from, completeFrom), from), asked.to), to: asked.to },
    );
  return {
    bankId: bank.id,
    lifecycle: bank.lifecycle,
    connectivity: presence?.connectivity ?? ('offline' as const),
    connectivitySince: presence?.since ?? null,
    drops: presence?.drops ?? 0,
    uptime: uptime(null, presence?.knownSince ?? asked.to),
    doors: compartments.map((it) => ({
      door: it.door,
      availability: it.availability,
      doorState: it.doorState,
      contents: it.contents,
      lock: it.lock,
      outOfService: it.outOfService,
      outOfServiceSince: it.outOfService === null ? null : since(it.outOfServiceAt),
      temperatureOutOfRangeSince: since(it.outsideSince),
      uptime: uptime(it.door, bank.createdAt),
    })),
    outages: spells
      .filter((it) => it.startedAt < asked.to && (it.endedAt ?? now) > asked.from)
      .toSorted((a, b) => (a.startedAt < b.startedAt ? 1 : -1)),
  };
};
