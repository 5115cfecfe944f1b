import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { heard, isNewer, type Presence, type PresenceNews, waited, waitsUntil } from '#shared/domain/connectivity.ts';
import { epochMs, type Instant, plusSeconds } from '#shared/domain/time.ts';
import { startedAt } from './cloud-and-bank.ts';

const times = { suspectSeconds: 15, offlineSeconds: 180, steadySeconds: 60 };
const moment = (seconds: number): Instant => plusSeconds(startedAt, seconds);
const news = (up: boolean, second: number, versionNumber: number, session = 's1'): PresenceNews => ({
  up,
  at: epochMs(moment(second)),
  versionNumber,
  sessionIdentifier: session,
  reason: up ? '' : 'CONNECTION_LOST',
});

/** A bank as the cloud sees it, to whom time only passes as we say. */
class Watch {
  presence: Presence | null = null;
  readonly told: { type: string; data?: Record<string, unknown> }[] = [];
  readonly outages: { startedAt: string; endedAt: string; reason: string }[] = [];

  hear(it: PresenceNews, second = (it.at - epochMs(startedAt)) / 1000): this {
    this.take(heard(this.presence, it, times, moment(second)));
    return this;
  }

  /** Every wait that is over by then. */
  until(second: number): this {
    for (;;) {
      const due = this.presence && waitsUntil(this.presence, times);
      if (!this.presence || !due || due > moment(second)) return this;
      this.take(waited(this.presence, times, due));
    }
  }

  private take(change: ReturnType<typeof heard>): void {
    if (change === null) return;
    this.presence = change.after;
    this.told.push(...change.emissions.map(({ type, data }) => ({ type, ...(data && { data }) })));
    if (change.outage) this.outages.push(change.outage);
  }

  get types(): string[] {
    return this.told.map(({ type }) => type);
  }
}

const online = () => new Watch().hear(news(true, 0, 1)).until(1_000);

describe('news of a connection', () => {
  const up = news(true, 1_000, 5);
  const down = news(false, 1_010, 5);
  it.each([
    ['that it broke, after that it was made', up, down, true],
    ['that it was made, after that it broke', down, up, false],
    ['the same again', up, up, false],
    ['that it broke, again', down, down, false],
    ['of a later connection', down, news(true, 1_011, 6, 's2'), true],
    ['that an earlier one broke', news(true, 1_011, 6, 's2'), down, false],
    ['of a later connection by a clock that is two minutes slow', down, news(true, 900, 6, 's2'), true],
    ['of an earlier connection by a clock that is two minutes fast', up, news(false, 1_100, 4, 's0'), false],
    ['of the first connection after an hour, counted anew', down, news(true, 4_700, 0, 's9'), true],
    ['that came an hour late, of before it was counted anew', news(true, 4_700, 0, 's9'), down, false],
    ['that it broke after a day', up, news(false, 90_000, 5), true],
    ['of another session with the same number', news(true, 0, 0, 's1'), news(true, 60, 0, 's2'), true],
  ])('%s', (_, known, it, newer) => {
    expect(isNewer(it, known)).toBe(newer);
  });

  it('leads to the truth in whatever order and however often it comes', () => {
    const history = fc
      .array(fc.record({ upFor: fc.integer({ min: 1, max: 9_000 }), downFor: fc.integer({ min: 1, max: 9_000 }) }), {
        minLength: 1,
        maxLength: 5,
      })
      .chain((spans) => {
        const said: PresenceNews[] = [];
        let second = 0;
        let version = 0;
        for (const [nth, { upFor, downFor }] of spans.entries()) {
          said.push(news(true, second, version, `s${nth}`), news(false, second + upFor, version, `s${nth}`));
          second += upFor + downFor;
          // Counted anew after an hour, by the clock of whoever counts.
          version = downFor > 3_600 ? 0 : version + 1 + (nth % 2);
        }
        const jitter = fc.array(fc.integer({ min: -119, max: 119 }), {
          minLength: said.length,
          maxLength: said.length,
        });
        const order = fc.shuffledSubarray([...said.keys(), ...said.keys()], { minLength: said.length * 2 });
        const last = fc.integer({ min: 1, max: said.length });
        return fc.record({ said: fc.constant(said), jitter, order, last });
      });
    fc.assert(
      fc.property(history, ({ said, jitter, order, last }) => {
        const arriving = order
          .filter((nth) => nth < last)
          .flatMap((nth) => {
            const it = said[nth];
            return it ? [{ ...it, at: Math.max(0, it.at + (jitter[nth] ?? 0) * 1_000) }] : [];
          });
        const known = arriving.reduce<PresenceNews | null>(
          (best, it) => (best === null || isNewer(it, best) ? it : best),
          null,
        );
        const truth = said[last - 1];
        expect(known).toMatchObject({ up: truth?.up, sessionIdentifier: truth?.sessionIdentifier });
      }),
      { numRuns: 500 },
    );
  });
});

describe('a bank', () => {
  it('is online from its first connection on, and nothing is told of it', () => {
    const watch = online();
    expect(watch.presence).toMatchObject({ connectivity: 'online', since: startedAt, knownSince: startedAt });
    expect(watch.told).toEqual([]);
  });

  it('whose connection broke for a moment is not told of', () => {
    const watch = online()
      .hear(news(false, 1_000, 1))
      .until(1_014)
      .hear(news(true, 1_014, 2))
      .until(5_000);
    expect(watch.told).toEqual([]);
    expect(watch.presence).toMatchObject({ connectivity: 'online', since: startedAt });
  });

  it('is suspected, then offline, then back, each told once, with since when', () => {
    const watch = online()
      .hear(news(false, 1_000, 1))
      .until(1_015);
    const since = moment(1_000);
    expect(watch.told).toEqual([{ type: 'bank.suspected_offline', data: { since, reason: 'CONNECTION_LOST' } }]);
    watch.until(1_179);
    expect(watch.presence).toMatchObject({ connectivity: 'suspected_offline', since });
    watch.until(9_000);
    expect(watch.types).toEqual(['bank.suspected_offline', 'bank.offline']);
    watch.hear(news(true, 9_100, 2)).until(9_159);
    expect(watch.presence?.connectivity).toBe('offline');
    watch.until(9_160);
    expect(watch.told.at(-1)).toEqual({
      type: 'bank.online',
      data: { was: 'offline', since: moment(9_100), offlineSince: since, seconds: 8_100, drops: 1 },
    });
    expect(watch.presence).toMatchObject({ connectivity: 'online', since: moment(9_100), drops: 0 });
    expect(watch.outages).toEqual([{ door: null, reason: 'offline', startedAt: since, endedAt: moment(9_100) }]);
  });

  it('that comes and goes for an hour is suspected once, and its drops are counted', () => {
    const watch = online();
    for (let nth = 0; nth < 60; nth += 1) {
      const second = 1_000 + nth * 60;
      watch.hear(news(false, second, nth + 1)).until(second + 29);
      watch.hear(news(true, second + 30, nth + 2)).until(second + 59);
    }
    expect(watch.types).toEqual(['bank.suspected_offline']);
    watch.until(9_000);
    expect(watch.types).toEqual(['bank.suspected_offline', 'bank.online']);
    expect(watch.told.at(-1)?.data).toMatchObject({ drops: 60, offlineSince: moment(1_000), since: moment(4_570) });
    expect(watch.outages).toHaveLength(1);
  });

  it('forgets drops that were too short, once it is steady', () => {
    const watch = online()
      .hear(news(false, 1_000, 1))
      .hear(news(true, 1_005, 2))
      .until(1_100);
    watch
      .hear(news(false, 2_000, 2))
      .until(2_300)
      .hear(news(true, 2_300, 3))
      .until(2_400);
    expect(watch.told.at(-1)).toMatchObject({ type: 'bank.online', data: { drops: 1 } });
  });

  it('that broke before we heard that it was there is suspected all the same', () => {
    const watch = new Watch()
      .hear(news(false, 10, 0))
      .hear(news(true, 0, 0), 11)
      .until(30);
    expect(watch.types).toEqual(['bank.suspected_offline']);
  });

  it('is not suspected before the wait is over, whatever IoT’s clock says', () => {
    const watch = online()
      .hear(news(false, 900, 1), 1_000)
      .until(1_014);
    expect(watch.told).toEqual([]);
    watch.until(1_015);
    expect(watch.presence).toMatchObject({ connectivity: 'suspected_offline', since: moment(900) });
  });

  it.each([
    ['online and connected', () => online()],
    [
      'offline and not',
      () =>
        online()
          .hear(news(false, 1_000, 1))
          .until(9_000),
    ],
  ])('that is %s may stay so: nothing is waited for', (_, bank) => {
    const { presence } = bank();
    expect(presence && waitsUntil(presence, times)).toBeNull();
    expect(presence && waited(presence, times, moment(99_999))).toBeNull();
  });

  it('is told of alternately, whatever happens to its connection', () => {
    const allowed: Record<string, string[]> = {
      '': ['bank.suspected_offline'],
      'bank.suspected_offline': ['bank.offline', 'bank.online'],
      'bank.offline': ['bank.online'],
      'bank.online': ['bank.suspected_offline'],
    };
    const spans = fc.array(fc.record({ up: fc.boolean(), seconds: fc.integer({ min: 1, max: 400 }) }));
    fc.assert(
      fc.property(spans, (all) => {
        const watch = online();
        let second = 1_000;
        for (const [nth, { up, seconds }] of all.entries()) {
          watch.hear(news(up, second, nth + 2, `s${nth}`));
          second += seconds;
          watch.until(second);
        }
        for (const [nth, type] of watch.types.entries()) expect(allowed[watch.types[nth - 1] ?? '']).toContain(type);
        for (const it of watch.outages) expect(it.startedAt <= it.endedAt).toBe(true);
        expect(watch.outages).toHaveLength(watch.types.filter((it) => it === 'bank.online').length);
      }),
      { numRuns: 500 },
    );
  });
});
