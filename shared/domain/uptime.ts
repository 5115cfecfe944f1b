import { earlier, epochMs, type Instant, later } from './time.ts';

/** A time that something was not there: a bank that was offline (`door` null), or a compartment out of service. */
export type Outage = { door: string | null; reason: string; startedAt: Instant; endedAt: Instant };

/** What of a period is known: from when on, until when. */
export type Period = { from: Instant; to: Instant };

export type Uptime = Period & {
  /** Whole seconds of the period, and those of them that it was not there. */
  seconds: number;
  downSeconds: number;
  outages: number;
  /** 0 to 1; null of a period in which it was not yet. */
  share: number | null;
};

/**
 * How long something was there within a period. Outages may overlap and reach beyond it; each moment counts once, and
 * each outage that touches the period.
 */
export const uptimeOf = (outages: readonly Pick<Outage, 'startedAt' | 'endedAt'>[], { from, to }: Period): Uptime => {
  const within = outages
    .map((it) => ({ startedAt: later(it.startedAt, from), endedAt: earlier(it.endedAt, to) }))
    .filter((it) => it.startedAt < it.endedAt)
    .toSorted((a, b) => (a.startedAt < b.startedAt ? -1 : 1));
  let downMs = 0;
  let counted = epochMs(from);
  for (const it of within) {
    const start = Math.max(counted, epochMs(it.startedAt));
    const end = epochMs(it.endedAt);
    if (end <= start) continue;
    downMs += end - start;
    counted = end;
  }
  const totalMs = Math.max(0, epochMs(to) - epochMs(from));
  return {
    from,
    to,
    seconds: Math.round(totalMs / 1000),
    downSeconds: Math.round(downMs / 1000),
    outages: within.length,
    share: totalMs === 0 ? null : Math.round((1 - downMs / totalMs) * 1e6) / 1e6,
  };
};
