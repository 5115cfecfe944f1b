import { toldAs } from '#events/api-versions.ts';
import type { Envelope } from '#events/envelope.ts';
import { apply } from '#shared/domain/decision.ts';
import { webhookSignerOf } from '#shared/domain/derived.ts';
import type { RootKeys } from '#shared/domain/root-key.ts';
import { type Instant, instant } from '#shared/domain/time.ts';
import { parseWaits } from '#shared/domain/waits.ts';
import {
  afterAttempt,
  asSent,
  DeliverMessage,
  Delivery,
  type DisableReason,
  disabledBy,
  EndpointHealth,
  givenUp,
  healthAfter,
  inLine,
  laneOf,
  type Outcome,
  signersAt,
  WebhookEndpoint,
} from '#shared/domain/webhook.ts';
import { headersOf } from '#shared/domain/webhook-headers.ts';
import { signatureHeaders } from '#shared/domain/webhook-signature.ts';
import { consumer } from '#shared/lambda/consumer.ts';
import { env } from '#shared/lambda/env.ts';
import { log } from '#shared/lambda/log.ts';
import { live } from '#shared/live.ts';
import { schedulesTo } from '#shared/live-schedules.ts';
import { type CustomerEndpoints, openCustomerEndpoints } from '#shared/outside/customer-endpoint.ts';
import { openQueue, type Queue } from '#shared/outside/queues.ts';
import type { Schedules } from '#shared/outside/schedules.ts';
import { commitEndpoint } from '#shared/store/commit.ts';
import { deliveryWrite, healthWrite, readDeliveredEvent } from '#shared/store/deliveries.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost, type Table, type Write } from '#shared/store/table.ts';
import { openTurns } from '#shared/store/turns.ts';

export type DeliverDeps = {
  table: Table;
  rootKeys: () => Promise<RootKeys>;
  endpoints: Pick<CustomerEndpoints, 'post'>;
  /** The lane of those who failed or were slow, and later messages to it. */
  slow: Queue;
  later: Pick<Schedules, 'send'>;
  /** Seconds before each further attempt. */
  waits: readonly number[];
  newId: (prefix: string) => string;
  /** From [0, 1). */
  random: () => number;
  /** Milliseconds since 1970. */
  clock: () => number;
};

/** How a message reached us. */
export type Arrival = { lane: 'deliver' | 'slow'; redelivered: boolean };

/** False when somebody else was first. */
const wrote = async (table: Table, writes: Write[]): Promise<boolean> => {
  try {
    await table.write(writes);
    return true;
  } catch (error) {
    if (error instanceof Lost) return false;
    throw error;
  }
};

const parseHealth = (row: Record<string, unknown> | undefined): EndpointHealth | null =>
  row === undefined ? null : EndpointHealth.parse(row);

/**
 * One attempt at one endpoint. It is recorded after it was made, not before: a crash after the customer's 2xx repeats
 * it, with the same `webhook-id`, and never loses it, and each delivery is spared a write.
 */
export const deliver = (deps: DeliverDeps) => {
  const { table } = deps;
  const clock = (): Instant => instant(deps.clock());
  const bookTurn = openTurns(table, clock);

  /** The attempt that the delivery waits for. Its schedule's name makes asking twice harmless. */
  const sendLater = async (it: Delivery, event: Envelope | undefined): Promise<void> => {
    const { tenant, endpointId, eventId, version, nextAttemptAt } = it;
    if (nextAttemptAt === null) return;
    const message: DeliverMessage = { tenant, endpointId, eventId, version, event };
    const name = `${it.id}-${endpointId.slice(-26)}-${version}`;
    await deps.later.send(name, nextAttemptAt, message, clock());
  };

  const post = async (endpoint: WebhookEndpoint, event: Envelope): Promise<Outcome> => {
    // What is wanted now, also where the event was recorded, or tried before, when another was.
    const told = toldAs(endpoint.apiVersion, asSent(event));
    const body = JSON.stringify(told.event);
    const at = clock();
    const rootKeys = await deps.rootKeys();
    const signers = signersAt(endpoint, at).map((key) => webhookSignerOf(rootKeys, endpoint.id, key));
    const headers = {
      ...headersOf(rootKeys, endpoint),
      'content-type': 'application/json',
      'user-agent': 'Latchwork-Webhooks/1.0',
      'webhook-api-version': told.apiVersion,
      ...signatureHeaders(signers, { id: event.id, body, now: at }),
    };
    return { at, ...(await deps.endpoints.post(endpoint.url, headers, body)) };
  };

  /** Decided on what is true now: the attempt may have taken 15 s, and its owner or another attempt the same time. */
  const disable = async (outcome: Outcome, { tenant, endpointId }: Delivery): Promise<void> => {
    for (;;) {
      const [row, healthRow] = await table.batchGet(
        [keys.endpoint(tenant, endpointId), keys.endpointHealth(tenant, endpointId)],
        true,
      );
      const endpoint = row && WebhookEndpoint.parse(row);
      const now = clock();
      const reason: DisableReason | null = disabledBy(outcome, parseHealth(healthRow), now);
      if (!endpoint || endpoint.state === 'disabled' || reason === null) return;
      const { writes } = commitEndpoint(
        apply(endpoint, [
          {
            type: 'webhook_endpoint.disabled',
            set: { state: 'disabled', disabledReason: reason },
            data: { reason },
          },
        ]),
        { actor: { type: 'system', id: 'webhooks' }, now, newId: deps.newId },
      );
      if (await wrote(table, writes)) return;
    }
  };

  const noteHealth = async (outcome: Outcome, { tenant, endpointId }: Delivery, known: EndpointHealth | null) => {
    let health = known;
    for (;;) {
      const next = healthAfter(health, outcome, clock());
      if (next === null) return;
      // It may have been deleted while it was asked; nothing would take the row away again.
      if (next.version === 1 && (await table.get(keys.endpoint(tenant, endpointId), true)) === undefined) return;
      if (await wrote(table, [healthWrite(tenant, endpointId, next)])) return;
      health = parseHealth(await table.get(keys.endpointHealth(tenant, endpointId), true));
    }
  };

  return async (message: DeliverMessage, { lane, redelivered }: Arrival): Promise<void> => {
    const { tenant, endpointId, eventId } = message;
    const [row, endpointRow, healthRow] = await table.batchGet(
      [
        keys.delivery(tenant, endpointId, eventId),
        keys.endpoint(tenant, endpointId),
        keys.endpointHealth(tenant, endpointId),
      ],
      true,
    );
    if (row === undefined) return log.warn('delivery is forgotten', { endpointId, eventId });
    const delivery = Delivery.parse(row);
    if (delivery.state === 'delivered' || delivery.state === 'dead') return;
    if (delivery.version !== message.version) {
      // The attempt was made. If this is the message it was made for, its function may have died before the next step.
      return redelivered ? sendLater(delivery, message.event) : undefined;
    }
    const now = clock();
    if (delivery.nextAttemptAt !== null && delivery.nextAttemptAt > now) return sendLater(delivery, message.event);

    const endpoint = endpointRow && WebhookEndpoint.parse(endpointRow);
    const event = message.event ?? (await readDeliveredEvent(table, delivery));
    if (event === null) log.error('event of a delivery is missing', { endpointId, eventId });
    if (!endpoint || endpoint.state === 'disabled' || event === null) {
      await wrote(table, [deliveryWrite(givenUp(delivery), { version: delivery.version })]);
      return;
    }
    const health = parseHealth(healthRow);
    // It went wrong after this was sent: the rest of a burst must not wait here for one timeout after another.
    if (lane === 'deliver' && laneOf(health) === 'slow') return deps.slow.send(message);

    const { attemptsPerMinute } = endpoint;
    if (attemptsPerMinute !== null && delivery.turnAt === null) {
      const turnAt = await bookTurn({ ...endpoint, attemptsPerMinute });
      if (turnAt > clock()) {
        const waiting = inLine(delivery, turnAt);
        if (await wrote(table, [deliveryWrite(waiting, { version: delivery.version })]))
          await sendLater(waiting, event);
        return;
      }
    }

    const outcome = await post(endpoint, event);
    const ended = clock();
    if (disabledBy(outcome, health, ended) !== null) await disable(outcome, delivery);
    const after = afterAttempt(delivery, outcome, deps.waits, deps.random(), ended);
    // Lost: the same message came twice at once, and the other call goes on from here.
    if (!(await wrote(table, [deliveryWrite(after, { version: delivery.version })]))) return;
    await sendLater(after, event);
    await noteHealth(outcome, delivery, health);
  };
};

export const handler = consumer(DeliverMessage, () => {
  const slow = { queueUrl: env('SLOW_QUEUE_URL'), queueArn: env('SLOW_QUEUE_ARN') };
  const queue = openQueue(slow.queueUrl);
  const handle = deliver({
    ...live(),
    endpoints: openCustomerEndpoints({ allowLoopback: process.env.WEBHOOK_ALLOW_LOOPBACK === 'true' }),
    slow: queue,
    later: schedulesTo('SLOW'),
    waits: parseWaits(env('WEBHOOK_WAITS_SECONDS')),
    random: Math.random,
  });
  return (message, { eventSourceARN, attributes }) =>
    handle(message, {
      lane: eventSourceARN === slow.queueArn ? 'slow' : 'deliver',
      redelivered: Number(attributes.ApproximateReceiveCount) > 1,
    });
});
