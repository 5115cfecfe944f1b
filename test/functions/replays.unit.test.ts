import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { firstApiVersion } from '#events/api-versions.ts';
import { Envelope } from '#events/envelope.ts';
import { sampleEvent } from '#events/samples.ts';
import { epochMs, type Instant, instant, plusSeconds } from '#shared/domain/time.ts';
import { DeliverMessage, Delivery, newDelivery, type WebhookEndpoint } from '#shared/domain/webhook.ts';
import { newReplay, WebhookReplay } from '#shared/domain/webhook-replay.ts';
import { log } from '#shared/lambda/log.ts';
import { deliveryWrite, replayWrite } from '#shared/store/deliveries.ts';
import { numberEvents } from '#shared/store/feed.ts';
import { keys } from '#shared/store/rows.ts';
import { replayReaction } from '../../functions/bus/replays.ts';
import { type MemoryTable, memoryTable } from '../support/memory-table.ts';

// It tells that there is nothing left to do, which is what some of these want.
log.setLogLevel('SILENT');

const tenant = 'ten_1';
const start = '2026-03-01T12:00:00.000Z';
const asked = '2026-03-01T15:00:00.000Z';

const endpoint: WebhookEndpoint = {
  id: 'whe_1',
  tenant,
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
  createdAt: start,
  version: 1,
  hash: '',
};

const Left = z.object({ detail: Envelope });

let table: MemoryTable;
let nowMs: number;
let slow: DeliverMessage[];
/** What is left after a turn, and how long it waits. */
let left: { event: Envelope; delay: number }[];
let isQueueDown: boolean;
let turn: (event: Envelope) => Promise<void>;

beforeEach(async () => {
  table = memoryTable();
  nowMs = epochMs(asked);
  slow = [];
  left = [];
  isQueueDown = false;
  turn = replayReaction({
    table,
    slow: {
      sendAll: async (messages) => {
        if (isQueueDown) throw new Error('the queue is down');
        slow.push(...messages.map((it) => DeliverMessage.parse(it)));
      },
    },
    queue: {
      send: async (message, delay = 0) => void left.push({ event: Left.parse(message).detail, delay }),
    },
    clock: () => nowMs,
  });
  await table.write([
    { kind: 'other', expects: 'absent', put: { ...keys.endpoint(tenant, endpoint.id), ...endpoint } },
  ]);
});

const eventId = (nth: number): string => `evt_${String(nth).padStart(26, '0')}`;

/** So many events, one a second from the start, each in the feed a second later. */
const happened = async (count: number, more: Partial<Envelope> = {}, begin = 0): Promise<void> => {
  for (let nth = begin; nth < begin + count; nth += 1) {
    const recordedAt = plusSeconds(start, nth);
    const event = { ...sampleEvent('transaction.created'), tenant, id: eventId(nth), recordedAt, ...more };
    await numberEvents(table, tenant, [event], { now: epochMs(recordedAt) + 1_000, keptDays: 30 });
  }
};

const wanted = async (wish: Partial<WebhookReplay> = {}): Promise<Envelope> => {
  const asks = { id: 'rpl_1', from: start, to: asked, eventTypes: [], states: [], by: 'key_1' };
  await table.write([replayWrite({ ...newReplay(endpoint, asks, asked), ...wish }, 'absent')]);
  const data = { endpointId: endpoint.id, replayId: wish.id ?? asks.id, changes: {} };
  return { ...sampleEvent('webhook_endpoint.replay_started'), tenant, subject: endpoint.id, data };
};

const progress = async (id = 'rpl_1'): Promise<WebhookReplay> =>
  WebhookReplay.parse(await table.get(keys.webhookReplay(tenant, endpoint.id, id)));

const deliveryOf = async (nth: number): Promise<Delivery> =>
  Delivery.parse(await table.get(keys.delivery(tenant, endpoint.id, eventId(nth))));

const was = async (nth: number, state: Delivery['state'], nextAttemptAt: Instant | null = null): Promise<void> => {
  const event = { ...sampleEvent('transaction.created'), tenant, id: eventId(nth) };
  await table.write([deliveryWrite({ ...newDelivery(endpoint, event, start), state, nextAttemptAt }, 'absent')]);
};

/** All that is on its way is taken. */
const take = async (): Promise<void> => {
  for (const { eventId: id } of slow.splice(0)) {
    const delivery = Delivery.parse(await table.get(keys.delivery(tenant, endpoint.id, id)));
    const taken: Delivery = { ...delivery, state: 'delivered', nextAttemptAt: null, version: delivery.version + 1 };
    await table.write([deliveryWrite(taken, { version: delivery.version })]);
  }
};

const ids = (): string[] => slow.map((it) => it.eventId).toSorted();
const between = (first: number, last: number): string[] =>
  Array.from({ length: last - first + 1 }, (_, nth) => eventId(first + nth));

describe('a replay', () => {
  it('sends what there was in its time, also what was never sent before, and is done', async () => {
    await happened(10);
    await was(3, 'delivered');
    await was(4, 'dead');
    await was(5, 'retrying', asked);
    await was(6, 'retrying', plusSeconds(asked, 72_000));
    await turn(await wanted({ from: plusSeconds(start, 2), to: plusSeconds(start, 8) }));
    expect(ids()).toEqual(between(2, 7).filter((id) => id !== eventId(5)));
    expect(await progress()).toMatchObject({
      state: 'done',
      sent: 5,
      endedAt: asked,
      reachedAt: plusSeconds(start, 8),
    });
    expect(left).toEqual([]);
    const resent = [{ at: asked, by: 'key_1', after: 0 }];
    expect(await deliveryOf(2)).toMatchObject({ state: 'pending', resent });
    for (const nth of [4, 6])
      expect(await deliveryOf(nth)).toMatchObject({ state: 'retrying', nextAttemptAt: asked, resent });
    expect(slow.every(({ event }) => event !== undefined)).toBe(true);
  });

  it('sends of what the endpoint has subscribed to what is asked for', async () => {
    await happened(2);
    await happened(2, { type: 'bank.offline' }, 2);
    await happened(2, { type: 'bank.online' }, 4);
    const choosy = { ...endpoint, eventTypes: ['bank.offline', 'bank.online'] };
    await table.write([
      { kind: 'other', expects: 'anything', put: { ...keys.endpoint(tenant, endpoint.id), ...choosy } },
    ]);
    await turn(await wanted({ eventTypes: ['bank.online', 'transaction.created'] }));
    expect(ids()).toEqual(between(4, 5));
    slow.length = 0;
    await turn(await wanted({ id: 'rpl_2', by: 'key_2', eventTypes: ['bank.*'] }));
    expect(ids()).toEqual(between(2, 3));
  });

  it('of what was missed has those that wait for another attempt sent now, once', async () => {
    await happened(4);
    await was(1, 'retrying', plusSeconds(asked, 72_000));
    await was(2, 'delivered');
    await was(3, 'retrying', asked);
    const event = await wanted({ states: ['dead', 'retrying'] });
    await turn(event);
    await turn(event);
    expect(ids()).toEqual([eventId(1)]);
    expect(await deliveryOf(1)).toMatchObject({ nextAttemptAt: asked, version: 2, resent: [{ by: 'key_1' }] });
    expect(await progress()).toMatchObject({ state: 'done', sent: 1 });
  });

  it('of what is dead makes no delivery that there was not', async () => {
    await happened(5);
    await was(1, 'dead');
    await was(2, 'delivered');
    await turn(await wanted({ states: ['dead'] }));
    expect(ids()).toEqual([eventId(1)]);
    expect(await progress()).toMatchObject({ state: 'done', sent: 1 });
  });

  it('has a hundred on their way at the most, and goes on as they are taken', async () => {
    await happened(230);
    const event = await wanted();
    await turn(event);
    expect(ids()).toEqual(between(0, 99));
    expect(left.splice(0)).toEqual([{ event, delay: 0 }]);

    // Nothing is taken: it waits, longer from time to time, and sends nothing.
    const waits: number[] = [];
    for (const seconds of [0, 10, 60, 600]) {
      nowMs = epochMs(asked) + seconds * 1_000;
      await turn(event);
      waits.push(left.pop()?.delay ?? Number.NaN);
    }
    expect(waits).toEqual([1, 5, 30, 60]);
    expect(slow).toHaveLength(100);

    await take();
    await turn(event);
    expect(ids()).toEqual(between(100, 199));
    await take();
    await turn(event);
    expect(ids()).toEqual(between(200, 229));
    expect(await progress()).toMatchObject({ state: 'done', sent: 230 });
  });

  it('that died in the midst, or is woken twice, sends nothing that was taken meanwhile a second time', async () => {
    await happened(30);
    const event = await wanted();
    const { write } = table;
    table.write = async (writes) => {
      if (writes.some((it) => 'put' in it && it.put.PK.startsWith('REPLAYS#'))) throw new Error('died');
      await write(writes);
    };
    await expect(turn(event)).rejects.toThrow('died');
    table.write = write;
    expect(slow).toHaveLength(30);
    await take();
    await turn(event);
    expect(slow).toEqual([]);
    expect(await progress()).toMatchObject({ state: 'done', sent: 30 });
    await turn(event);
    expect(slow).toEqual([]);
  });

  it('that died before it had asked for the attempts asks for them when it is woken again', async () => {
    await happened(3);
    const event = await wanted();
    isQueueDown = true;
    await expect(turn(event)).rejects.toThrow('the queue is down');
    isQueueDown = false;
    await turn(event);
    expect(ids()).toEqual(between(0, 2));
    expect(await progress()).toMatchObject({ state: 'done', sent: 3 });
  });

  it.each([
    ['disabled', { ...endpoint, state: 'disabled' as const }],
    ['deleted', null],
  ])('is stopped when its endpoint is %s', async (why, now) => {
    await happened(3);
    const event = await wanted();
    const key = keys.endpoint(tenant, endpoint.id);
    await table.write([
      now === null
        ? { kind: 'other', expects: 'anything', remove: key }
        : { kind: 'other', expects: 'anything', put: { ...key, ...now } },
    ]);
    await turn(event);
    expect(slow).toEqual([]);
    expect(await progress()).toMatchObject({ state: 'stopped', stoppedBecause: why, sent: 0 });
  });

  it('is stopped after a day', async () => {
    await happened(3);
    const event = await wanted();
    nowMs += 86_400_001;
    await turn(event);
    expect(await progress()).toMatchObject({ state: 'stopped', stoppedBecause: 'took_too_long' });
  });

  it('of a time in which nothing happened is done', async () => {
    await turn(await wanted());
    expect(await progress()).toMatchObject({ state: 'done', sent: 0, reachedAt: asked });
  });

  it('sends each once of many that became known in the same millisecond, and comes to its end', async () => {
    const one = { ...sampleEvent('transaction.created'), tenant, recordedAt: start };
    const many = Array.from({ length: 450 }, (_, nth) => ({ ...one, id: eventId(nth) }));
    for (let nth = 0; nth < many.length; nth += 10)
      await numberEvents(table, tenant, many.slice(nth, nth + 10), { now: epochMs(start), keptDays: 30 });
    for (let nth = 0; nth < many.length; nth += 2) await was(nth, 'dead');
    // Of those that died, and then of all, in a period that is just this one millisecond.
    for (const [id, by, states] of [
      ['rpl_1', 'key_1', ['dead']],
      ['rpl_2', 'key_2', []],
    ] as const) {
      const to = plusSeconds(start, 0.001);
      const event = await wanted({ id, by, to, states: [...states] });
      const sent: string[] = [];
      for (let again = [event]; again.length > 0; again = left.splice(0).map((it) => it.event)) {
        for (const it of again) await turn(it);
        sent.push(...ids());
        await take();
      }
      const all = between(0, many.length - 1);
      expect(sent.toSorted()).toEqual(states.length > 0 ? all.filter((_, nth) => nth % 2 === 0) : all);
      expect(await progress(id)).toMatchObject({ state: 'done', sent: sent.length, reachedAt: to });
    }
  });

  it('that was stopped is gone on with from where it came to, and nothing is skipped', async () => {
    // Each second comes into the feed before one that was recorded earlier, though it is not late.
    const recordedAt = (nth: number) => plusSeconds(start, nth % 2 === 1 ? nth + 5 : nth);
    for (let nth = 0; nth < 220; nth += 1) {
      const event = { ...sampleEvent('transaction.created'), tenant, id: eventId(nth), recordedAt: recordedAt(nth) };
      await numberEvents(table, tenant, [event], { now: epochMs(start) + (nth + 7) * 1_000, keptDays: 30 });
    }
    const event = await wanted();
    await turn(event);
    const before = ids();
    expect(before).toEqual(between(0, 99));
    nowMs += 86_400_001;
    await turn(event);
    const { state, reachedAt } = await progress();
    expect([state, reachedAt]).toEqual(['stopped', plusSeconds(start, 96)]);
    await take();
    left.length = 0;

    nowMs = epochMs(asked);
    const next = await wanted({ id: 'rpl_2', by: 'key_2', from: reachedAt ?? start });
    for (let again = [next]; again.length > 0; again = left.splice(0).map((it) => it.event)) {
      for (const it of again) await turn(it);
      before.push(...ids());
      await take();
    }
    expect([...new Set(before)].toSorted()).toEqual(between(0, 219));
  });

  it('counts an event that came into the feed late by when it did', async () => {
    const event = { ...sampleEvent('transaction.created'), tenant, id: eventId(0), recordedAt: start };
    const numberedAt = instant(epochMs(start) + 7_200_000);
    await numberEvents(table, tenant, [event], { now: epochMs(numberedAt), keptDays: 30 });
    await turn(await wanted({ from: plusSeconds(start, 3_600) }));
    expect(ids()).toEqual([eventId(0)]);
  });
});
