import * as contract from '#shared/api/webhook-endpoints.ts';
import { apply, born } from '#shared/domain/decision.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { EndpointHealth, shownState, WebhookEndpoint } from '#shared/domain/webhook.ts';
import { type Answer, type Call, endpoint, type Handlers, type HttpDeps } from '#shared/lambda/endpoint.ts';
import { listAnswer } from '#shared/lambda/list.ts';
import { live } from '#shared/live.ts';
import { refusedUrl } from '#shared/outside/customer-endpoint.ts';
import { commitEndpoint } from '#shared/store/commit.ts';
import { listPartition } from '#shared/store/lists.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost } from '#shared/store/table.ts';

export type WebhookEndpointDeps = HttpDeps & {
  /** Endpoints may be private, and plain HTTP: for a stage whose customers run on the same machine. */
  allowLoopback: boolean;
};

type Row = Record<string, unknown>;

const answer = (endpoint: WebhookEndpoint, health: EndpointHealth | null): Answer => ({
  body: contract.WebhookEndpointView.parse({ ...endpoint, state: shownState(endpoint, health), secret: undefined }),
  etag: endpoint.version,
});

const answerOf = (row: Row, health: Row | undefined): Answer =>
  answer(WebhookEndpoint.parse(row), health === undefined ? null : EndpointHealth.parse(health));

export const webhookEndpointHandlers = (deps: WebhookEndpointDeps): Handlers => {
  /** An endpoint's row and that of its health. */
  const findRows = async (tenant: string, id: string, consistent = false): Promise<[Row, Row | undefined]> => {
    const [row, health] = id.includes('#')
      ? []
      : await deps.table.batchGet([keys.endpoint(tenant, id), keys.endpointHealth(tenant, id)], consistent);
    if (row === undefined) throw new Refusal('not_found', `there is no webhook endpoint ${id}`);
    return [row, health];
  };

  return {
    [contract.createWebhookEndpoint.id]: async (call: Call<typeof contract.createWebhookEndpoint>) => {
      const { body, caller, now, circumstances, record } = call;
      const detail = refusedUrl(body.url, deps.allowLoopback);
      if (detail !== null)
        throw new Refusal('invalid_request', `the url ${detail}`, { errors: [{ pointer: '/url', detail }] });
      const { version } = await deps.rootKeys();
      const endpoint: WebhookEndpoint = {
        id: deps.newId('whe'),
        tenant: caller.tenant,
        url: body.url,
        description: body.description,
        eventTypes: [...new Set(body.eventTypes)],
        state: 'active',
        disabledReason: null,
        secret: { keyVersion: version, nth: 0 },
        createdAt: now,
        version: 1,
        hash: '',
      };
      const { after, writes } = commitEndpoint(born(endpoint, 'webhook_endpoint.created'), circumstances);
      const made: Answer = {
        ...answer(after, null),
        issued: { kind: 'webhook-secret', id: endpoint.id, ...endpoint.secret },
      };
      await deps.table.write([...writes, ...record(made)]);
      return made;
    },

    [contract.listWebhookEndpoints.id]: async (call: Call<typeof contract.listWebhookEndpoints>) => {
      const { caller, query, cursors } = call;
      const { PK } = keys.endpoint(caller.tenant, '');
      // An endpoint's health, where it has one, lies right behind it: so many rows hold as many endpoints as are wanted.
      const { rows, next } = await listPartition(deps.table, PK, {
        limit: 2 * query.limit,
        after: await cursors.read(),
      });
      const all = rows.filter((row) => !String(row.SK).includes('#'));
      const shown = all.slice(0, query.limit);
      const health = new Map(rows.map((row) => [String(row.SK), row]));
      const data = shown.map((row) => {
        const { SK } = keys.endpointHealth(caller.tenant, String(row.SK));
        return answerOf(row, health.get(SK)).body;
      });
      const last = shown.at(-1);
      const more = last !== undefined && (next !== null || all.length > shown.length);
      return { body: { data, nextCursor: await cursors.give(more ? String(last.SK) : null) } };
    },

    [contract.getWebhookEndpoint.id]: async ({ caller, params }: Call<typeof contract.getWebhookEndpoint>) =>
      answerOf(...(await findRows(caller.tenant, params.endpointId))),

    [contract.pingWebhookEndpoint.id]: async (call: Call<typeof contract.pingWebhookEndpoint>) => {
      const { caller, params, circumstances, record } = call;
      const [row, health] = await findRows(caller.tenant, params.endpointId, true);
      const endpoint = WebhookEndpoint.parse(row);
      if (endpoint.state === 'disabled')
        throw new Refusal('endpoint_disabled', `it is disabled: ${endpoint.disabledReason ?? 'by its owner'}`);
      const { after, writes } = commitEndpoint(
        apply(endpoint, [{ type: 'webhook_endpoint.pinged', set: {} }]),
        circumstances,
      );
      const made = answer(after, health === undefined ? null : EndpointHealth.parse(health));
      try {
        await deps.table.write([...writes, ...record(made)]);
      } catch (error) {
        if (error instanceof Lost && !error.to('idempotency'))
          throw new Refusal('conflict', 'the endpoint is being changed by somebody else; try again');
        throw error;
      }
      return made;
    },

    [contract.listDeliveries.id]: async (call: Call<typeof contract.listDeliveries>) => {
      const { caller, params } = call;
      const { PK } = keys.delivery(caller.tenant, params.endpointId, '');
      const view = (row: Row) => contract.DeliveryView.parse(row);
      const found = await listAnswer(deps.table, PK, call, view, { newestFirst: true });
      // Nothing was sent to it, or there is no such endpoint.
      if (Array.isArray(found.body.data) && found.body.data.length === 0)
        await findRows(caller.tenant, params.endpointId);
      return found;
    },
  };
};

export const handler = endpoint(
  [
    contract.createWebhookEndpoint,
    contract.listWebhookEndpoints,
    contract.getWebhookEndpoint,
    contract.pingWebhookEndpoint,
    contract.listDeliveries,
  ],
  () => {
    const deps = { ...live(), allowLoopback: process.env.WEBHOOK_ALLOW_LOOPBACK === 'true' };
    return { deps, handlers: webhookEndpointHandlers(deps) };
  },
);
