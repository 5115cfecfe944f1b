import * as contract from '#shared/api/webhook-endpoints.ts';
import { apply, born } from '#shared/domain/decision.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { WebhookEndpoint } from '#shared/domain/webhook.ts';
import { type Answer, type Call, endpoint, type Handlers, type HttpDeps } from '#shared/lambda/endpoint.ts';
import { listAnswer } from '#shared/lambda/list.ts';
import { live } from '#shared/live.ts';
import { commitEndpoint } from '#shared/store/commit.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost } from '#shared/store/table.ts';

const answer = (endpoint: WebhookEndpoint): Answer => ({
  body: contract.WebhookEndpointView.parse({ ...endpoint, secret: undefined }),
  etag: endpoint.version,
});

export const webhookEndpointHandlers = (deps: HttpDeps): Handlers => {
  const find = async (tenant: string, id: string, consistent = false): Promise<WebhookEndpoint> => {
    const row = id.includes('#') ? undefined : await deps.table.get(keys.endpoint(tenant, id), consistent);
    if (row === undefined) throw new Refusal('not_found', `there is no webhook endpoint ${id}`);
    return WebhookEndpoint.parse(row);
  };

  return {
    [contract.createWebhookEndpoint.id]: async (call: Call<typeof contract.createWebhookEndpoint>) => {
      const { body, caller, now, circumstances, record } = call;
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
        ...answer(after),
        issued: { kind: 'webhook-secret', id: endpoint.id, ...endpoint.secret },
      };
      await deps.table.write([...writes, ...record(made)]);
      return made;
    },

    [contract.listWebhookEndpoints.id]: ({ caller, query }: Call<typeof contract.listWebhookEndpoints>) =>
      listAnswer(
        deps.table,
        keys.endpoint(caller.tenant, '').PK,
        query,
        (row) => answer(WebhookEndpoint.parse(row)).body,
        { keep: (row) => !String(row.SK).includes('#') },
      ),

    [contract.getWebhookEndpoint.id]: async ({ caller, params }: Call<typeof contract.getWebhookEndpoint>) =>
      answer(await find(caller.tenant, params.endpointId)),

    [contract.pingWebhookEndpoint.id]: async (call: Call<typeof contract.pingWebhookEndpoint>) => {
      const { caller, params, circumstances, record } = call;
      const endpoint = await find(caller.tenant, params.endpointId, true);
      if (endpoint.state === 'disabled')
        throw new Refusal('endpoint_disabled', `it is disabled: ${endpoint.disabledReason ?? 'by its owner'}`);
      const { after, writes } = commitEndpoint(
        apply(endpoint, [{ type: 'webhook_endpoint.pinged', set: {} }]),
        circumstances,
      );
      const made = answer(after);
      try {
        await deps.table.write([...writes, ...record(made)]);
      } catch (error) {
        if (error instanceof Lost && !error.to('idempotency'))
          throw new Refusal('conflict', 'the endpoint is being changed by somebody else; try again');
        throw error;
      }
      return made;
    },

    [contract.listDeliveries.id]: async ({ caller, params, query }: Call<typeof contract.listDeliveries>) => {
      const endpoint = await find(caller.tenant, params.endpointId);
      const { PK } = keys.delivery(caller.tenant, endpoint.id, '');
      return listAnswer(deps.table, PK, query, (row) => contract.DeliveryView.parse(row), { newestFirst: true });
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
    const deps = live();
    return { deps, handlers: webhookEndpointHandlers(deps) };
  },
);
