import * as z from 'zod';
import type { Envelope } from '#events/envelope.ts';
import * as field from '#events/fields.ts';
import { knownBefore } from '#shared/domain/feed.ts';
import { type Instant, instant, later } from '#shared/domain/time.ts';
import { type DeliverMessage, Delivery, WebhookEndpoint } from '#shared/domain/webhook.ts';
import {
  ended,
  isOf,
  onTheirWayMost,
  replayed,
  replays,
  stopReason,
  WebhookReplay,
  waitOf,
} from '#shared/domain/webhook-replay.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import { env } from '#shared/lambda/env.ts';
import { log } from '#shared/lambda/log.ts';
import { type BatchQueue, openQueue, type Queue } from '#shared/outside/queues.ts';
import { deliveryWrite, replayWrite } from '#shared/store/deliveries.ts';
import { readPeriod } from '#shared/store/feed.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost, openTable, type Table } from '#shared/store/table.ts';

export type ReplayDeps = {
  table: Table;
  /** The lane where everything is sent again, so that nobody who hears of what happens now waits for it. */
  slow: Pick<BatchQueue, 'sendAll'>;
  /** What is left after a turn. */
  queue: Queue;
  /** Milliseconds since 1970. */
  clock: () => number;
};

/** So many deliveries are written at the same time. */
const atOnce = 10;

const Started = z.object({ replayId: field.text });

const isOver = ({ state }: Delivery): boolean => state === 'delivered' || state === 'dead';

/**
 * Sends what lies in the feed to an endpoint again, turn after turn: in each the next of it, as long as no more than so
 * many are on their way. How far it has come is told by the table, and what it sent by the deliveries themselves: so it
 * may be woken twice, or die at any point, and nothing is skipped or asked for twice.
 */
export const replayReaction = ({ table, slow, queue, clock }: ReplayDeps) => {
  /** False where another call has gone on meanwhile. */
  const keep = async (after: WebhookReplay): Promise<boolean> => {
    try {
      await table.write([replayWrite(after, { version: after.version - 1 })]);
      return true;
    } catch (error) {
      if (error instanceof Lost) return false;
      throw error;
    }
  };

  const deliveriesOf = async (
    { tenant, endpointId }: WebhookReplay,
    eventIds: readonly string[],
  ): Promise<Map<string, Delivery>> => {
    const rows = await table.batchGet(
      eventIds.map((id) => keys.delivery(tenant, endpointId, id)),
      true,
    );
    const found = rows.flatMap((row) => (row === undefined ? [] : [Delivery.parse(row)]));
    return new Map(found.map((it) => [it.eventId, it]));
  };

  /** What was made of these events, each with its delivery; those that are being sent anyway are left alone. */
  const sendAgain = async (
    replay: WebhookReplay,
    endpoint: WebhookEndpoint,
    events: readonly Envelope[],
    now: Instant,
  ): Promise<Delivery[]> => {
    const known = await deliveriesOf(
      replay,
      events.map(({ id }) => id),
    );
    const made: { delivery: Delivery; event: Envelope }[] = [];
    const left = [...events];
    const work = async (): Promise<void> => {
      for (let event = left.shift(); event !== undefined; event = left.shift()) {
        const before = known.get(event.id) ?? null;
        if (before !== null && isOf(replay, before)) {
          made.push({ delivery: before, event });
          continue;
        }
        const delivery = replayed(replay, endpoint, event, before, now);
        if (delivery === null) continue;
        try {
          await table.write([deliveryWrite(delivery, before === null ? 'absent' : { version: before.version })]);
          made.push({ delivery, event });
        } catch (error) {
          if (!(error instanceof Lost)) throw error;
        }
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    const messages = made
      .filter(({ delivery }) => !isOver(delivery))
      .map(({ delivery, event }): DeliverMessage => {
        const { tenant, endpointId, eventId, version } = delivery;
        return { tenant, endpointId, eventId, version, event };
      });
    await slow.sendAll(messages, replay.endpointId);
    return made.map(({ delivery }) => delivery);
  };

  return async (event: Envelope): Promise<void> => {
    const { tenant, subject: endpointId } = event;
    const { replayId } = Started.parse(event.data);
    const [row, endpointRow] = await table.batchGet(
      [keys.webhookReplay(tenant, endpointId, replayId), keys.endpoint(tenant, endpointId)],
      true,
    );
    const replay = row === undefined ? null : WebhookReplay.parse(row);
    if (replay?.state !== 'running') return log.info('nothing to replay', { replayId, state: replay?.state });
    const endpoint = endpointRow === undefined ? null : WebhookEndpoint.parse(endpointRow);
    const now = instant(clock());
    const goOn = (delaySeconds: number) => queue.send({ detail: event }, delaySeconds, tenant);

    const reason = stopReason(replay, endpoint, now);
    if (endpoint === null || reason !== null) {
      await keep(ended(replay, reason, now));
      return;
    }
    const before = await deliveriesOf(replay, replay.onTheirWay);
    const onTheirWay = replay.onTheirWay.filter((id) => {
      const delivery = before.get(id);
      return delivery !== undefined && !isOver(delivery);
    });
    // Filled up when half of it has come to its end, not with each that has.
    if (onTheirWay.length > onTheirWayMost / 2) return goOn(waitOf(replay, now));

    const isNarrow = endpoint.eventTypes.length > 0 || replay.eventTypes.length > 0;
    const page = await readPeriod(table, tenant, replay, {
      after: replay.position,
      limit: onTheirWayMost - onTheirWay.length,
      isWanted: (it) => replays(replay, endpoint, it),
      isNarrow,
    });
    const sent = await sendAgain(replay, endpoint, page.events, now);
    // Where nothing could be seen yet, it will be in a moment.
    const hasMoved = page.place !== null;
    const after: WebhookReplay = {
      ...replay,
      sent: replay.sent + sent.length,
      position: page.place?.after ?? replay.position,
      reachedAt: page.place === null ? replay.reachedAt : later(replay.from, knownBefore(page.place.at)),
      onTheirWay: [...onTheirWay, ...sent.filter((it) => !isOver(it)).map(({ eventId }) => eventId)],
      movedAt: hasMoved ? now : replay.movedAt,
      version: replay.version + 1,
    };
    if (page.isOver) {
      const whole = { ...after, reachedAt: replay.to, onTheirWay: [] };
      await keep({ ...ended(whole, null, now), version: after.version });
      return;
    }
    if (!(await keep(after))) return log.info('another call goes on', { replayId });
    await goOn(hasMoved ? 0 : waitOf(after, now));
  };
};

export const handler = reaction(() =>
  replayReaction({
    table: openTable(env('TABLE_NAME')),
    slow: openQueue(env('SLOW_QUEUE_URL')),
    queue: openQueue(env('REPLAYS_QUEUE_URL')),
    clock: () => Date.now(),
  }),
);
