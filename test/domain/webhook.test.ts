import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstApiVersion } from '#events/api-versions.ts';
import { Envelope } from '#events/envelope.ts';
import { sampleEvent, samples } from '#events/samples.ts';
import { epochMs, plusSeconds } from '#shared/domain/time.ts';
import { parseWaits } from '#shared/domain/waits.ts';
import {
  afterAttempt,
  asSent,
  type Delivery,
  disabledBy,
  type EndpointHealth,
  type EndpointPace,
  healthAfter,
  inLine,
  laneOf,
  newDelivery,
  nextTurns,
  type Outcome,
  resend,
  rotated,
  shownState,
  signersAt,
  type WebhookEndpoint,
  wants,
} from '#shared/domain/webhook.ts';

const now = '2026-03-01T12:00:00.000Z';
const published = parseWaits('5,300,1800,7200,18000,36000,50400,72000,86400');
const noJitter = 0.5;

const delivery: Delivery = {
  id: 'dlv_1',
  tenant: 'ten_1',
  endpointId: 'whe_1',
  eventId: 'evt_1',
  eventType: 'transaction.created',
  subject: 'txn_1',
  sequence: 1,
  state: 'pending',
  attempts: [],
  nextAttemptAt: null,
  turnAt: null,
  resent: [],
  createdAt: now,
  version: 1,
};

const endpoint: WebhookEndpoint = {
  id: 'whe_1',
  tenant: 'ten_1',
  url: 'https://hooks.shop.com/',
  description: '',
  eventTypes: [],
  apiVersion: firstApiVersion,
  headerNames: [],
  sealedHeaders: null,
  attemptsPerMinute: null,
  state: 'active',
  disabledReason: null,
  secret: { keyVersion: 1, nth: 0, scheme: 'hmac' },
  previousSecret: null,
  createdAt: now,
  version: 1,
  hash: '',
};

const answered = (status: number | null, more: Partial<Outcome> = {}): Outcome => ({
  at: now,
  status,
  error: null,
  durationMs: 20,
  retryAfter: null,
  ...more,
});

const waitOf = (it: Delivery): number => (epochMs(it.nextAttemptAt ?? now) - epochMs(now)) / 1000;

describe('a delivery after an attempt', () => {
  it.each([200, 201, 204, 299])('is delivered by a %i', (status) => {
    expect(afterAttempt(delivery, answered(status), published, noJitter, now)).toMatchObject({
      state: 'delivered',
      nextAttemptAt: null,
      version: 2,
      attempts: [{ status }],
    });
  });

  it.each([null, 101, 199, 300, 302, 400, 404, 429, 500, 503])('waits for the next one after a %s', (status) => {
    const after = afterAttempt(delivery, answered(status), published, noJitter, now);
    expect(after).toMatchObject({ state: 'retrying', version: 2 });
    expect(waitOf(after)).toBe(5);
  });

  it('follows the published schedule, and is dead after its last wait', () => {
    const waits: number[] = [];
    let it = delivery;
    for (; it.state !== 'dead'; it = afterAttempt(it, answered(500), published, noJitter, now)) waits.push(waitOf(it));
    expect(waits).toEqual([0, ...published]);
    expect(it.attempts).toHaveLength(10);
    expect(it.nextAttemptAt).toBeNull();
  });

  it('keeps what went wrong, without the header that was only meant for us', () => {
    const failed = answered(503, { error: 'down for maintenance', retryAfter: '10' });
    expect(afterAttempt(delivery, failed, published, noJitter, now).attempts).toEqual([
      { at: now, status: 503, error: 'down for maintenance', durationMs: 20 },
    ]);
  });

  it('is dead at once when the endpoint is gone', () => {
    expect(afterAttempt(delivery, answered(410), published, noJitter, now)).toMatchObject({
      state: 'dead',
      nextAttemptAt: null,
    });
  });

  it('waits up to a fifth shorter or longer, whatever chance says', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.nat({ max: published.length - 1 }),
        (jitter, nth) => {
          const tried = { ...delivery, attempts: Array.from({ length: nth }, () => ({ ...answered(500) })) };
          const wait = published[nth] ?? 0;
          const took = waitOf(afterAttempt(tried, answered(500), published, jitter, now));
          expect(took).toBeGreaterThanOrEqual(0.8 * wait);
          expect(took).toBeLessThanOrEqual(1.2 * wait);
        },
      ),
    );
  });

  it.each([
    ['seconds', '120', 120],
    ['seconds below our own wait', '1', 5],
    ['a date', 'Sun, 01 Mar 2026 12:10:00 GMT', 600],
    ['a date that is past', 'Sun, 01 Mar 2026 11:00:00 GMT', 5],
    ['more than a day', '999999999', 86_400],
    ['a date in years', 'Sun, 01 Mar 2037 12:00:00 GMT', 86_400],
    ['nonsense', 'soon', 5],
    ['a negative number', '-5', 5],
    ['nothing', '', 5],
  ])('heeds Retry-After as %s', (_, retryAfter, wait) => {
    expect(waitOf(afterAttempt(delivery, answered(429, { retryAfter }), published, noJitter, now))).toBe(wait);
  });
});

describe('what an endpoint said', () => {
  it('is kept whole of the last ten attempts, and of older ones in its beginning', () => {
    let it: Delivery = delivery;
    for (let nth = 0; nth < 13; nth += 1) {
      it = afterAttempt(it, answered(500, { error: 'x'.repeat(1_000) }), published, noJitter, now);
      it = resend({ ...it, state: 'dead' }, 'key_1', now) ?? it;
    }
    expect(it.attempts.map(({ error }) => error?.length)).toEqual([...Array(3).fill(200), ...Array(10).fill(1_000)]);
  });
});

describe('turns at an endpoint that takes so many attempts a minute', () => {
  const asking = (attemptsPerMinute: number, count = 1) => ({ attemptsPerMinute, count });

  it('are evenly spread, the first at once, one by one as together', () => {
    let pace: EndpointPace | null = null;
    const turns: number[] = [];
    for (const count of [1, 1, 3]) {
      const next = nextTurns(pace, asking(30, count), now);
      pace = next.pace;
      turns.push(...next.turns.map((it) => epochMs(it) - epochMs(now)));
    }
    expect(turns).toEqual([0, 2_000, 4_000, 6_000, 8_000]);
    expect(pace).toEqual({ nextTurnAt: plusSeconds(now, 10), version: 3 });
  });

  it('are not saved up while nothing happens', () => {
    const { pace } = nextTurns(null, asking(60), now);
    const later = plusSeconds(now, 3_600);
    expect(nextTurns(pace, asking(60, 2), later).turns).toEqual([later, plusSeconds(later, 1)]);
  });

  it('are as many in a minute as there may be, however they divide it', () => {
    const { turns } = nextTurns(null, asking(7, 8), now);
    expect(turns.at(-1)).toBe(plusSeconds(now, 60));
  });

  it('are waited for, and taken anew by the next attempt', () => {
    const turnAt = plusSeconds(now, 7);
    const waiting = inLine(delivery, turnAt);
    expect(waiting).toMatchObject({ state: 'pending', turnAt, nextAttemptAt: turnAt, version: 2 });
    expect(afterAttempt(waiting, answered(500), published, noJitter, turnAt)).toMatchObject({
      turnAt: null,
      version: 3,
    });
  });
});

describe('a delivery that is sent again', () => {
  const dead: Delivery = {
    ...delivery,
    state: 'dead',
    attempts: Array.from({ length: 10 }, () => ({ at: now, status: 500, error: null, durationMs: 20 })),
    version: 11,
  };

  it('is due at once, says who wanted it, and has all its waits again', () => {
    const again = resend(dead, 'key_1', now);
    expect(again).toMatchObject({ state: 'retrying', nextAttemptAt: now, version: 12 });
    expect(again?.resent).toEqual([{ at: now, by: 'key_1', after: 10 }]);
    const waits: number[] = [];
    for (let it = again; it && it.state !== 'dead'; it = afterAttempt(it, answered(500), published, noJitter, now))
      waits.push(waitOf(it));
    expect(waits).toEqual([0, ...published]);
  });

  it('may wait for its next attempt: that is made now, and what was made is kept', () => {
    const waiting = { ...dead, state: 'retrying' as const, nextAttemptAt: plusSeconds(now, 72_000) };
    const again = resend(waiting, 'key_1', now);
    expect(again).toEqual({
      ...waiting,
      nextAttemptAt: now,
      resent: [{ at: now, by: 'key_1', after: 10 }],
      version: 12,
    });
    expect(again && resend(again, 'key_1', now)).toBeNull();
  });

  it.each([
    ['waits for its first attempt', { state: 'pending', nextAttemptAt: null, turnAt: null }],
    ['is due', { state: 'retrying', nextAttemptAt: now, turnAt: null }],
    ['waits for its turn', { state: 'retrying', nextAttemptAt: plusSeconds(now, 60), turnAt: plusSeconds(now, 60) }],
  ] as const)('is not, while it %s', (_, more) => {
    expect(resend({ ...dead, ...more }, 'key_1', now)).toBeNull();
  });

  it('may have been taken before, and is sent again twenty times at the most', () => {
    let it: Delivery = { ...delivery, state: 'delivered' };
    for (let nth = 1; nth <= 20; nth += 1) {
      const again = resend(it, 'key_1', now);
      expect(again?.resent).toHaveLength(nth);
      if (again) it = afterAttempt(again, answered(204), published, noJitter, now);
    }
    expect(resend(it, 'key_1', now)).toBeNull();
  });
});

describe('the signing key of an endpoint', () => {
  const key = { keyVersion: 1, nth: 0, scheme: 'hmac' } as const;
  const later = '2026-03-02T12:00:00.000Z';

  it('is followed by the next, and signs as well until the overlap is over', () => {
    const after = rotated(endpoint, { keyVersion: 2, scheme: 'ed25519', overlapSeconds: 86_400 }, now);
    const next = { keyVersion: 2, nth: 1, scheme: 'ed25519' };
    expect(after).toEqual({ secret: next, previousSecret: { ...key, until: later } });
    expect(signersAt(after, '2026-03-02T11:59:59.999Z')).toEqual([next, { ...key, until: later }]);
    expect(signersAt(after, later)).toEqual([next]);
  });

  it('signs nothing more at once where it may have become known', () => {
    const after = rotated(endpoint, { keyVersion: 1, scheme: 'hmac', overlapSeconds: 0 }, now);
    expect(signersAt(after, now)).toEqual([{ ...key, nth: 1 }]);
  });
});

describe('the setting of the waits', () => {
  it.each(['', '5,', '0', '-5', 'five', '1,2,3,4,5,6,7,8,9,10'])('is refused as %j', (text) => {
    expect(() => parseWaits(text)).toThrow();
  });
});

describe('the health of an endpoint', () => {
  const failing: EndpointHealth = {
    lastOutcome: 'failed',
    answeredAt: null,
    failingSince: now,
    updatedAt: now,
    version: 3,
  };
  const tomorrow = plusSeconds(now, 86_400);

  it('is written with the first answer, and not again as long as all is well', () => {
    const well = healthAfter(null, answered(200), now);
    expect(well).toEqual({ lastOutcome: 'ok', answeredAt: now, failingSince: null, updatedAt: now, version: 1 });
    expect(healthAfter(well, answered(200), tomorrow)).toBeNull();
    expect(laneOf(well)).toBe('deliver');
  });

  it('begins to fail with the first failure, and is not written again by the second', () => {
    const first = healthAfter(null, answered(500), now);
    expect(first).toEqual({ lastOutcome: 'failed', answeredAt: null, failingSince: now, updatedAt: now, version: 1 });
    expect(healthAfter(first, answered(null), tomorrow)).toBeNull();
  });

  it('is well again after one success', () => {
    expect(healthAfter(failing, answered(204), tomorrow)).toEqual({
      lastOutcome: 'ok',
      answeredAt: tomorrow,
      failingSince: null,
      updatedAt: tomorrow,
      version: 4,
    });
  });

  it('is slow, not failing, when a success takes more than 5 s', () => {
    const slow = healthAfter(failing, answered(200, { durationMs: 5_001 }), tomorrow);
    expect(slow).toMatchObject({ lastOutcome: 'slow', failingSince: null });
    expect(laneOf(slow)).toBe('slow');
    expect(shownState(endpoint, slow)).toBe('active');
  });

  it('decides the lane and what its owner sees', () => {
    expect(laneOf(null)).toBe('slow');
    expect(laneOf({ ...failing, lastOutcome: 'none' })).toBe('slow');
    expect(laneOf(failing)).toBe('slow');
    expect(shownState(endpoint, failing)).toBe('failing');
    expect(shownState({ ...endpoint, state: 'disabled' }, failing)).toBe('disabled');
  });

  it('disables it after five days of nothing but failure, not before', () => {
    const fifthDay = plusSeconds(now, 5 * 86_400);
    expect(disabledBy(answered(500), failing, plusSeconds(fifthDay, -1))).toBeNull();
    expect(disabledBy(answered(500), failing, fifthDay)).toBe('failing');
    expect(disabledBy(answered(200), failing, fifthDay)).toBeNull();
    expect(disabledBy(answered(500), null, fifthDay)).toBeNull();
  });

  it('does not matter when it says that it is gone', () => {
    expect(disabledBy(answered(410), null, now)).toBe('gone');
  });
});

describe('an endpoint', () => {
  const created = { type: 'transaction.created', subject: 'txn_1' };

  it('gets every type unless it has chosen', () => {
    expect(wants(endpoint, created)).toBe(true);
    expect(wants({ ...endpoint, eventTypes: ['transaction.created'] }, created)).toBe(true);
    expect(wants({ ...endpoint, eventTypes: ['transaction.completed'] }, created)).toBe(false);
  });

  it('gets all of an entity that it has chosen, types that there are not yet included', () => {
    const choosy = { ...endpoint, eventTypes: ['transaction.*', 'bank.offline'] };
    const types = ['transaction.created', 'transaction.thought_of_one_day', 'transactional.created', 'bank.online'];
    expect(types.map((type) => wants(choosy, { ...created, type }))).toEqual([true, true, false, false]);
  });

  it('gets its own pings whatever it has chosen, and nobody else does', () => {
    const ping = { type: 'webhook_endpoint.pinged', subject: 'whe_1' };
    expect(wants({ ...endpoint, eventTypes: ['transaction.completed'] }, ping)).toBe(true);
    expect(wants({ ...endpoint, id: 'whe_2' }, ping)).toBe(false);
  });

  it('is told of its own creation whatever it has chosen, and others of it as they have', () => {
    const born = { type: 'webhook_endpoint.created', subject: 'whe_1' };
    const choosy = { ...endpoint, eventTypes: ['transaction.completed'] };
    expect(wants(choosy, born)).toBe(true);
    expect(wants({ ...choosy, id: 'whe_2' }, born)).toBe(false);
    expect(wants({ ...endpoint, id: 'whe_2' }, born)).toBe(true);
  });

  it('gets its own trials likewise, each as an example of the type that was wanted', () => {
    const trial: Envelope = {
      ...sampleEvent('webhook_endpoint.tried'),
      subject: 'whe_1',
      data: { endpointId: 'whe_1', eventType: 'bank.offline', sample: samples['bank.offline'], changes: {} },
    };
    expect(wants({ ...endpoint, eventTypes: ['transaction.completed'] }, trial)).toBe(true);
    expect(wants({ ...endpoint, id: 'whe_2' }, trial)).toBe(false);
    const sent = asSent(trial);
    expect(sent).toEqual({ ...trial, type: 'bank.offline', test: true, data: samples['bank.offline'] });
    expect(Envelope.parse(sent)).toEqual(sent);
    const real = sampleEvent('bank.offline');
    expect(asSent(real)).toBe(real);
  });

  it('hears of other endpoints', () => {
    expect(wants(endpoint, { type: 'webhook_endpoint.disabled', subject: 'whe_2' })).toBe(true);
  });

  it('gets nothing once it is disabled', () => {
    expect(wants({ ...endpoint, state: 'disabled' }, created)).toBe(false);
  });

  it('has one delivery per event, known by the event', () => {
    const event = {
      specversion: '1.0' as const,
      id: 'evt_01HZX0000000000000000000AB',
      source: 'latchwork' as const,
      type: 'transaction.created',
      subject: 'txn_1',
      time: now,
      datacontenttype: 'application/json' as const,
      tenant: 'ten_1',
      sequence: 7,
      occurredAt: now,
      recordedAt: now,
      actor: { type: 'system' as const, id: 'test' },
      schema: 1 as const,
      data: {},
      prevHash: '',
      hash: '',
    };
    expect(newDelivery(endpoint, event, now)).toMatchObject({
      id: 'dlv_01HZX0000000000000000000AB',
      eventId: event.id,
      sequence: 7,
      state: 'pending',
      version: 1,
    });
  });
});
