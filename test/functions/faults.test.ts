import { randomUUID } from 'node:crypto';
import { IoTDataPlaneClient } from '@aws-sdk/client-iot-data-plane';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { beforeAll, describe, it } from 'vitest';
import * as z from 'zod';
import { apiKeyHandlers } from '../../functions/http/api-keys.ts';
import { bankHandlers } from '../../functions/http/banks.ts';
import { commandHandlers } from '../../functions/http/commands.ts';
import { credentialHandlers } from '../../functions/http/credentials.ts';
import { siteHandlers } from '../../functions/http/sites.ts';
import { transactionHandlers } from '../../functions/http/transactions.ts';
import { webhookEndpointHandlers } from '../../functions/http/webhook-endpoints.ts';
import { clientOptions } from '../../local/endpoint.ts';
import * as apiKeys from '../../shared/api/api-keys.ts';
import * as banks from '../../shared/api/banks.ts';
import * as commands from '../../shared/api/commands.ts';
import * as credentials from '../../shared/api/credentials.ts';
import type { Noun, Route } from '../../shared/api/route.ts';
import * as sites from '../../shared/api/sites.ts';
import * as transactions from '../../shared/api/transactions.ts';
import * as webhookEndpoints from '../../shared/api/webhook-endpoints.ts';
import { type Handlers, type HttpDeps, serve } from '../../shared/lambda/endpoint.ts';
import { newId } from '../../shared/lambda/ids.ts';
import { log } from '../../shared/lambda/log.ts';
import { openShadows } from '../../shared/outside/shadows.ts';
import { keys } from '../../shared/store/rows.ts';
import {
  type Deed,
  eventsIn,
  type Outcome,
  rootKeys,
  type SpokenForBank,
  spokenForBank,
  table,
  tableFaults,
  tableOver,
  tryEveryFault,
} from '../support/faults.ts';
import { invariantsHold } from '../support/invariants.ts';
import { createParcel, newOrder, parcelFor } from '../support/parcel.ts';
import { newReceiver, newTenant, ordinaryDoors, stack, type Tenant } from '../support/stack.ts';

type World = { tenant: Tenant; bank: SpokenForBank; receiverUrl: string };

const shadows = openShadows(new IoTDataPlaneClient(clientOptions(stack)));

/** What serves a noun; the rest of the deployed functions is only what wires it up. */
const handlersOf: { [N in Noun]?: (deps: HttpDeps) => Handlers } = {
  transactions: transactionHandlers,
  credentials: (deps) => credentialHandlers({ ...deps, publicUrl: 'https://api.example' }),
  commands: (deps) => commandHandlers({ ...deps, shadows }),
  'api-keys': apiKeyHandlers,
  sites: siteHandlers,
  banks: (deps) => bankHandlers({ ...deps, allowLoopback: true }),
  'webhook-endpoints': (deps) =>
    webhookEndpointHandlers({ ...deps, allowLoopback: true, keptDays: 30, slow: { send: async () => undefined } }),
};

type Asked = { params?: Record<string, string>; body: Record<string, unknown> };

const gatewayEvent = (route: Route, { apiKey }: Tenant, { params = {}, body }: Asked): APIGatewayProxyEventV2 => {
  const rawPath = route.path.replace(/\{(\w+)\}/g, (_, name: string) => params[name] ?? '');
  const routeKey = `${route.method} ${route.path}`;
  return {
    version: '2.0',
    routeKey,
    rawPath,
    rawQueryString: '',
    headers: { authorization: `Bearer ${apiKey}`, 'idempotency-key': randomUUID() },
    pathParameters: params,
    body: JSON.stringify(body),
    isBase64Encoded: false,
    requestContext: {
      accountId: '',
      apiId: '',
      domainName: '',
      domainPrefix: '',
      http: { method: route.method, path: rawPath, protocol: '', sourceIp: '', userAgent: '' },
      requestId: randomUUID(),
      routeKey,
      stage: '$default',
      time: '',
      timeEpoch: 0,
    },
  };
};

/** The same request, sent as often as it is called. */
const request = (route: Route, tenant: Tenant, asked: Asked) => {
  const event = gatewayEvent(route, tenant, asked);
  return async (...over: Parameters<typeof tableOver>): Promise<Outcome> => {
    const deps: HttpDeps = { table: tableOver(...over), rootKeys, newId, clock: () => Date.now() };
    const served = serve([route], handlersOf[route.noun]?.(deps) ?? {}, deps);
    const { statusCode = 0, headers, body = '' } = await served(event, event.requestContext.requestId);
    const answer: unknown = JSON.parse(body);
    if (statusCode < 300) return { done: true, answer };
    const isClear = statusCode === 409 || (statusCode === 503 && Number(headers['retry-after']) > 0);
    if (!isClear) throw new Error(`answered ${statusCode} ${body}`);
    return { done: false, answer };
  };
};

const parcelLog = (tenant: Tenant, id: string) => eventsIn(keys.transaction(tenant.id, id).PK);

/** The events of what there is in a list of the tenant's with these values: of one thing, if it was made once. */
const made = async (listPk: string, logOf: (id: string) => string, like: Record<string, unknown>) => {
  const { rows } = await table.query({ PK: listPk, from: ' ', to: '~' }, { consistent: true });
  const found = rows.filter((row) => Object.entries(like).every(([name, value]) => row[name] === value));
  return Promise.all(found.map((row) => eventsIn(logOf(String(row.SK)))));
};

const created = ['transaction.created', 'transaction.reserved'];

/** A change of a parcel that was just reserved. */
const change =
  (
    route: Route,
    body: Record<string, unknown>,
    leaves: string[],
    more: (tenant: Tenant, parcel: transactions.TransactionView) => Promise<Record<string, string>> = async () => ({}),
  ) =>
  ({ tenant, bank }: World): Deed => ({
    writes: 1,
    leaves: [...created, ...leaves],
    prepare: async () => {
      const parcel = await createParcel(tenant, bank);
      const params = { transactionId: parcel.id, ...(await more(tenant, parcel)) };
      return { act: request(route, tenant, { params, body }), effect: () => parcelLog(tenant, parcel.id) };
    },
  });

/** After the 5 days that a parcel has by itself. */
const inSixDays = (): string => new Date(Date.now() + 6 * 86_400_000).toISOString();

const deeds: Record<string, (world: World) => Deed> = {
  'a parcel that is created': ({ tenant, bank }) => ({
    writes: 1,
    leaves: created,
    prepare: async () => {
      const order = newOrder();
      return {
        act: request(transactions.createTransaction, tenant, { body: parcelFor(bank, { externalIds: { order } }) }),
        effect: async () => {
          const row = await table.get(keys.externalId(tenant.id, 'order', order), true);
          return parcelLog(tenant, z.object({ transactionId: z.string() }).parse(row).transactionId);
        },
      };
    },
  }),
  'a parcel that is cancelled': change(transactions.cancelTransaction, {}, ['transaction.cancelled']),
  'a parcel that is extended': change(transactions.extendTransaction, { pickupBy: inSixDays() }, [
    'transaction.extended',
  ]),
  'a parcel that is held': change(transactions.holdTransaction, { reason: 'a test' }, ['transaction.held']),
  'a hold that is lifted': change(
    transactions.liftHold,
    {},
    ['transaction.held', 'transaction.hold_lifted'],
    async (tenant, { id }) => {
      await tenant.api.post(`/v1/transactions/${id}/hold`, { reason: 'a test' }, transactions.TransactionView);
      return {};
    },
  ),
  'a PIN that is resent': change(credentials.resendCredential, {}, ['credential.superseded'], async (_, parcel) => ({
    credentialId: parcel.credentials[1]?.id ?? '',
  })),
  'a door command': ({ tenant, bank }) => {
    let door = 0;
    return {
      writes: 1,
      leaves: { ordered: 1, doorVersion: 1 },
      prepare: async () => {
        door += 1;
        const own = String(door);
        const body = { bankId: bank.id, door: own, reason: 'a test' };
        return {
          act: request(commands.createCommand, tenant, { body }),
          effect: async () => {
            const row = await table.get(keys.compartment(bank.id, own), true);
            // Its reaction adds that it was sent, whenever that is.
            const events = await eventsIn(keys.command(tenant.id, String(row?.commandId)).PK);
            return { ordered: events.filter((type) => type === 'command.queued').length, doorVersion: row?.version };
          },
        };
      },
    };
  },
  'an API key that is made': ({ tenant }) => ({
    writes: 1,
    leaves: [['api_key.created']],
    prepare: async () => {
      const name = randomUUID();
      return {
        act: request(apiKeys.createApiKey, tenant, { body: { name, scopes: ['banks:read'] } }),
        effect: () => made(keys.apiKey(tenant.id, '').PK, (id) => keys.apiKeyLog(tenant.id, id), { name }),
      };
    },
  }),
  'an API key that is revoked': ({ tenant }) => ({
    writes: 1,
    leaves: ['api_key.created', 'api_key.revoked'],
    prepare: async () => {
      const body = { name: 'a test', scopes: ['banks:read'] };
      const { id } = await tenant.api.post('/v1/api-keys', body, apiKeys.ApiKeyView);
      return {
        act: request(apiKeys.revokeApiKey, tenant, { params: { apiKeyId: id }, body: {} }),
        effect: () => eventsIn(keys.apiKeyLog(tenant.id, id)),
      };
    },
  }),
  'a webhook endpoint that is made': ({ tenant, receiverUrl }) => ({
    writes: 1,
    leaves: [['webhook_endpoint.created']],
    prepare: async () => {
      const description = randomUUID();
      return {
        act: request(webhookEndpoints.createWebhookEndpoint, tenant, { body: { url: receiverUrl, description } }),
        effect: () => made(keys.endpoint(tenant.id, '').PK, (id) => keys.endpointLog(tenant.id, id), { description }),
      };
    },
  }),
  'a webhook endpoint that is pinged': ({ tenant, receiverUrl }) => ({
    writes: 1,
    leaves: ['webhook_endpoint.created', 'webhook_endpoint.pinged'],
    prepare: async () => {
      const view = webhookEndpoints.WebhookEndpointView;
      const { id } = await tenant.api.post('/v1/webhook-endpoints', { url: receiverUrl }, view);
      return {
        act: request(webhookEndpoints.pingWebhookEndpoint, tenant, { params: { endpointId: id }, body: {} }),
        effect: () => eventsIn(keys.endpointLog(tenant.id, id)),
      };
    },
  }),
  'a site that says where it is': ({ tenant }) => ({
    writes: 1,
    leaves: ['site.created', 'site.updated'],
    prepare: async () => {
      const { id } = await tenant.api.post('/v1/sites', { name: 'A quay' }, sites.SiteView);
      return {
        act: request(sites.updateSite, tenant, { params: { siteId: id }, body: { address: 'Quay 4' } }),
        effect: () => eventsIn(keys.siteLog(tenant.id, id)),
      };
    },
  }),
  'a site that is made': ({ tenant }) => ({
    writes: 1,
    leaves: [['site.created']],
    prepare: async () => {
      const name = randomUUID();
      return {
        act: request(sites.createSite, tenant, { body: { name, timeZone: 'Europe/Zurich' } }),
        effect: () => made(keys.site(tenant.id, '').PK, (id) => keys.siteLog(tenant.id, id), { name }),
      };
    },
  }),
  'a bank that is registered': ({ tenant, bank }) => ({
    writes: 1,
    leaves: [['bank.registered']],
    prepare: async () => {
      const name = randomUUID();
      const body = { siteId: bank.siteId, name, layout: ordinaryDoors(1) };
      return {
        act: request(banks.createBank, tenant, { body }),
        effect: () => made(keys.bankOfTenant(tenant.id, '').PK, (id) => keys.bankLog(id).PK, { name }),
      };
    },
  }),
  'a bank that speaks another language': ({ tenant, bank }) => ({
    writes: 1,
    leaves: ['bank.registered', 'bank.updated'],
    prepare: async () => {
      const body = { siteId: bank.siteId, name: 'A hall', layout: ordinaryDoors(1) };
      const { id } = await tenant.api.post('/v1/banks', body, banks.BankView);
      return {
        act: request(banks.updateBank, tenant, { params: { bankId: id }, body: { locale: 'de' } }),
        effect: () => eventsIn(keys.bankLog(id).PK),
      };
    },
  }),
  'a compartment that is taken out of service': ({ tenant, bank }) => {
    let door = 0;
    return {
      writes: 1,
      leaves: ['compartment.out_of_service'],
      prepare: async () => {
        door += 1;
        const own = String(door);
        const asked = { params: { bankId: bank.id, door: own }, body: { outOfService: 'a test' } };
        return {
          act: request(banks.updateCompartment, tenant, asked),
          effect: () => eventsIn(keys.compartmentLog(bank.id, own).PK),
        };
      },
    };
  },
};

/** Each does its deed some ten times for each of its writes, and the SDK waits up to a second after a throttle. */
const timeout = 180_000;

describe('whatever goes wrong between us and the table, done once or clearly refused, and done once when asked again, is', () => {
  let receiverUrl: string;

  beforeAll(async () => {
    log.setLogLevel('SILENT');
    receiverUrl = (await newReceiver()).url;
  });

  it.concurrent.each(Object.keys(deeds))('%s', { timeout }, async (name) => {
    const tenant = await newTenant();
    const bank = await spokenForBank(tenant);
    const deed = deeds[name]?.({ tenant, bank, receiverUrl });
    if (deed === undefined) throw new Error(`there is no ${name}`);
    await tryEveryFault(deed, tableFaults);
    await invariantsHold({ tenants: [tenant], banks: [] });
  });
});
