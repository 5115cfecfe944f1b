import type { Envelope } from '#events/envelope.ts';
import { instant } from '#shared/domain/time.ts';
import {
  type DeliverMessage,
  Delivery,
  EndpointHealth,
  laneOf,
  newDelivery,
  WebhookEndpoint,
  wants,
} from '#shared/domain/webhook.ts';
import { reactionByTenant } from '#shared/lambda/consumer.ts';
import { env } from '#shared/lambda/env.ts';
import { type BatchQueue, openQueue } from '#shared/outside/queues.ts';
import { deliveryWrite } from '#shared/store/deliveries.ts';
import { keys, ranges } from '#shared/store/rows.ts';
import { Lost, openTable, type Table } from '#shared/store/table.ts';

export type FanOutDeps = {
  table: Table;
  lanes: Record<'deliver' | 'slow', Pick<BatchQueue, 'sendAll'>>;
  /** Milliseconds since 1970. */
  clock: () => number;
};

type Known = { endpoints: WebhookEndpoint[]; health: Map<string, Record<string, unknown>> };

/**
 * A delivery for each endpoint of the tenant that wants the event, and a message to whoever makes the attempt. Events that
 * come together are told by what one read finds, and each fails by itself.
 */
export const fanOut = ({ table, lanes, clock }: FanOutDeps) => {
  /** The delivery if an attempt is still to be asked for: it is new, or an earlier call died before asking. */
  const toBeSent = async (delivery: Delivery): Promise<Delivery | null> => {
    try {
      await table.write([deliveryWrite(delivery, 'absent')]);
      return delivery;
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      const known = Delivery.parse(error.rows[0]?.current);
      return known.state === 'pending' ? known : null;
    }
  };

  const endpointsOf = async (tenant: string): Promise<Known> => {
    // Consistent, and after the events are here: an endpoint whose creation was answered gets all that happens afterwards.
    const { rows } = await table.query(ranges.partition(keys.endpoint(tenant, '').PK), { consistent: true });
    return {
      endpoints: rows.filter((row) => !String(row.SK).includes('#')).map((row) => WebhookEndpoint.parse(row)),
      health: new Map(rows.map((row) => [String(row.SK), row])),
    };
  };

  const tell = async (event: Envelope, { endpoints, health }: Known): Promise<void> => {
    const now = instant(clock());
    const wanting = endpoints.filter((endpoint) => wants(endpoint, event));
    const messages: Record<'deliver' | 'slow', DeliverMessage[]> = { deliver: [], slow: [] };
    await Promise.all(
      wanting.map(async (endpoint) => {
        const delivery = await toBeSent(newDelivery(endpoint, event, now));
        if (delivery === null) return;
        const row = health.get(keys.endpointHealth(endpoint.tenant, endpoint.id).SK);
        const lane = laneOf(row === undefined ? null : EndpointHealth.parse(row));
        const { tenant, endpointId, eventId, version } = delivery;
        messages[lane].push({ tenant, endpointId, eventId, version, event });
      }),
    );
    await Promise.all([lanes.deliver.sendAll(messages.deliver), lanes.slow.sendAll(messages.slow)]);
  };

  return (tenant: string) => {
    const known = endpointsOf(tenant);
    return async (event: Envelope): Promise<void> => tell(event, await known);
  };
};

export const handler = reactionByTenant(() =>
  fanOut({
    table: openTable(env('TABLE_NAME')),
    lanes: { deliver: openQueue(env('DELIVER_QUEUE_URL')), slow: openQueue(env('SLOW_QUEUE_URL')) },
    clock: () => Date.now(),
  }),
);
