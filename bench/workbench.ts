import { randomUUID } from 'node:crypto';
import { CreateTableCommand, DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { BatchWriteCommand, DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import { sampleEvent } from '../events/samples.ts';
import { apiKeyHandlers } from '../functions/http/api-keys.ts';
import { assetHandlers } from '../functions/http/assets.ts';
import { assignmentPolicyHandlers } from '../functions/http/assignment-policies.ts';
import { bankHandlers } from '../functions/http/banks.ts';
import { commandHandlers } from '../functions/http/commands.ts';
import { credentialHandlers } from '../functions/http/credentials.ts';
import { eventHandlers } from '../functions/http/events.ts';
import { exportHandlers } from '../functions/http/exports.ts';
import { importHandlers } from '../functions/http/imports.ts';
import { incidentHandlers } from '../functions/http/incidents.ts';
import { lockBoardHandlers } from '../functions/http/lock-boards.ts';
import { messageTemplateHandlers } from '../functions/http/message-templates.ts';
import { reconciliationHandlers } from '../functions/http/reconciliations.ts';
import { siteHandlers } from '../functions/http/sites.ts';
import { stockUnitHandlers } from '../functions/http/stock-units.ts';
import { transactionHandlers } from '../functions/http/transactions.ts';
import { webhookEndpointHandlers } from '../functions/http/webhook-endpoints.ts';
import { workflowTermsHandlers } from '../functions/http/workflow-terms.ts';
import { createTenant } from '../functions/operator/create-tenant.ts';
import { clientOptions, type Endpoint } from '../local/endpoint.ts';
import { outputOf, type StackHandle } from '../local/stack-handle.ts';
import { createBank } from '../shared/api/banks.ts';
import { feedDays } from '../shared/api/events.ts';
import type { Noun, Route } from '../shared/api/route.ts';
import { routes } from '../shared/api/routes.ts';
import { createSite } from '../shared/api/sites.ts';
import { presenceCodeAt } from '../shared/device/presence.ts';
import type { Bank, LayoutDoor } from '../shared/domain/bank.ts';
import { changed, newCompartment } from '../shared/domain/compartment.ts';
import { apply } from '../shared/domain/decision.ts';
import { bankKeyOf } from '../shared/domain/derived.ts';
import { rootKeysFrom } from '../shared/domain/root-key.ts';
import { type Delivery, deliveryIdOf } from '../shared/domain/webhook.ts';
import { type Handlers, type HttpDeps, serve } from '../shared/lambda/endpoint.ts';
import { newId } from '../shared/lambda/ids.ts';
import { log } from '../shared/lambda/log.ts';
import { activatedWrites, readBank } from '../shared/store/banks.ts';
import { compartmentWrite } from '../shared/store/commit.ts';
import { deliveryWrite } from '../shared/store/deliveries.ts';
import { numberEvents } from '../shared/store/feed.ts';
import { packed } from '../shared/store/packed.ts';
import { keys } from '../shared/store/rows.ts';
import { indexTransaction } from '../shared/store/search.ts';
import { commitStockUnit, readStockUnit } from '../shared/store/stock.ts';
import { openTable, type Table } from '../shared/store/table.ts';
import { type Request, requestOf } from './gateway.ts';

/**
 * The handlers of the HTTP API in this process, on a table of their own: like the stack's, but nobody listens to it, so
 * that what is measured here wakes nothing there.
 */
export type Workbench = {
  tableName: string;
  apiKey: string;
  tenant: string;
  /** A caller of its own, with a client of its own, as one function environment is. `via`: where it finds AWS. */
  caller: (via: string, name: string) => Caller;
  siteId: string;
  /** As the reaction does it: the transaction is found by its values from then on. */
  index: (transactionId: string) => Promise<void>;
  /** As if so many like this one, which is indexed, had been stored in the year before, and were found by the same. */
  crowd: (transactionId: string, count: number) => Promise<void>;
  /** As if so many events had been numbered for the feed. */
  number: (count: number) => Promise<void>;
  newBank: (layout: LayoutDoor[]) => Promise<Bank>;
  /** As if its bank had told so: the transaction's row with these fields changed. */
  becomes: (transactionId: string, fields: Record<string, unknown>) => Promise<void>;
  /** As if somebody had put something behind the door. */
  fill: (bankId: string, door: string) => Promise<void>;
  /** As if staff had put the goods into their door. */
  stock: (stockUnitId: string) => Promise<void>;
  /** What the panel of a bank shows now to whoever stands before it. */
  codeOnPanel: (bankId: string) => Promise<string>;
  /** As if an event had been sent to the endpoint: there is one delivery to be listed. Answers its id. */
  addDelivery: (endpointId: string) => Promise<string>;
};

export type Answer = { status: number; body: unknown };
export type Caller = (route: Route, request?: Request) => Promise<Answer>;

const Made = z.object({ id: z.string() });

const rootKey = { version: 1, key: 'bench-bench-bench-bench-bench-bench', older: {} };

export async function openWorkbench(stack: StackHandle): Promise<Workbench> {
  // What the handlers say belongs into the log of a function, not between our tables.
  log.setLogLevel('SILENT');
  const tableName = await tableLike(stack, outputOf(stack.outputs, 'TableName'));
  const deps = depsOf(stack, stack.awsEndpointUrl, tableName, 'bench');
  const { tenantId: tenant, apiKey } = await createTenant(deps, { name: 'Bench' });
  const caller = (via: string, name: string): Caller => callerOf(depsOf(stack, via, tableName, name), apiKey);

  const prepare = caller(stack.awsEndpointUrl, 'bench');
  const make = async (route: Route, body: unknown) => Made.parse((await prepare(route, { body })).body).id;
  const siteId = await make(createSite, { name: 'Bench', timeZone: 'UTC' });
  return {
    tableName,
    apiKey,
    tenant,
    caller,
    siteId,
    becomes: async (transactionId, fields) => {
      const key = keys.transaction(tenant, transactionId);
      const row = await deps.table.get(key, true);
      await deps.table.write([{ kind: 'other', expects: 'anything', put: { ...row, ...fields, ...key } }]);
    },
    fill: async (bankId, door) => {
      const key = keys.compartment(bankId, door);
      const row = await deps.table.get(key, true);
      await deps.table.write([{ kind: 'other', expects: 'anything', put: { ...row, contents: 'filled', ...key } }]);
    },
    stock: async (stockUnitId) => {
      const unit = await readStockUnit(deps.table, tenant, stockUnitId);
      if (unit?.bankId == null || unit.door === null) throw new Error('a unit without a door cannot be put in');
      const key = keys.compartment(unit.bankId, unit.door);
      const row = await deps.table.get(key, true);
      const now = new Date().toISOString();
      const change = apply(unit, [{ type: 'stock_unit.stocked', set: { state: 'in_stock', stockedAt: now } }]);
      await deps.table.write([
        { kind: 'other', expects: 'anything', put: { ...row, contents: 'filled', ...key } },
        ...commitStockUnit(change, { actor: { type: 'bank', id: unit.bankId }, now, newId }).writes,
      ]);
    },
    codeOnPanel: async (bankId) => {
      const bank = await readBank(deps.table, tenant, bankId);
      if (bank === null) throw new Error(`there is no bank ${bankId}`);
      return presenceCodeAt(bankKeyOf(await deps.rootKeys(), bankId, bank.bankKey), Date.now() / 1000);
    },
    addDelivery: async (endpointId) => {
      const delivery = sampleDelivery(tenant, endpointId);
      await deps.table.write([deliveryWrite(delivery, 'absent')]);
      return delivery.id;
    },
    index: async (transactionId) =>
      indexTransaction(deps.table, await deps.rootKeys(), {
        tenant,
        transactionId,
        sequence: Number.MAX_SAFE_INTEGER,
        doors: [],
      }),
    crowd: (transactionId, count) => crowd(deps.table, stack, { tableName, tenant, transactionId, count }),
    number: async (count) => {
      for (let from = 0; from < count; from += numberedAtOnce) {
        const some = Array.from({ length: Math.min(numberedAtOnce, count - from) }, () => ({
          ...sampleEvent('transaction.deposited'),
          id: newId('evt'),
          tenant,
        }));
        await numberEvents(deps.table, tenant, some, { now: deps.clock(), keptDays: feedDays });
      }
    },
    newBank: async (layout) => {
      const bankId = await make(createBank, { siteId, name: 'Bench', layout });
      const bank = await readBank(deps.table, tenant, bankId);
      if (bank === null) throw new Error('the bank that was made is not there');
      await deps.table.write(activatedWrites(bank));
      // Used before, as every compartment is after some days: its row is there.
      for (let from = 0; from < layout.length; from += 100) {
        const used = layout.slice(from, from + 100).map(({ door }) => {
          const before = newCompartment(door);
          return compartmentWrite(bankId, { before, after: changed(before, {}, false) });
        });
        await deps.table.write(used);
      }
      return bank;
    },
  };
}

/** With a mark each, what a transaction holds. */
const numberedAtOnce = 40;
const rowsAtOnce = 25;
const batchesAtOnce = 8;
const yearMs = 365 * 86_400_000;

type Crowd = { tableName: string; tenant: string; transactionId: string; count: number };

/** Written past the product, which would take hours: the rows of one transaction under other ids, spread over a year. */
const crowd = async (table: Table, stack: Endpoint, { tableName, tenant, transactionId, count }: Crowd) => {
  const client = DynamoDBDocumentClient.from(new DynamoDBClient(clientOptions(stack)));
  const [row, lookups] = await table.batchGet(
    [keys.transaction(tenant, transactionId), keys.lookups(tenant, transactionId)],
    true,
  );
  const { createdAt } = z.object({ createdAt: z.string() }).parse(row);
  const { found } = z.object({ found: packed(z.record(z.string(), z.string())) }).parse(lookups);
  const terms = Object.keys(found);
  const listed = await table.batchGet(
    terms.map((term) => keys.lookup(tenant, term, createdAt, transactionId)),
    true,
  );
  const rowsOf = (nth: number) => {
    const id = newId('txn');
    const at = new Date(Date.parse(createdAt) - Math.ceil(((nth + 1) * yearMs) / count)).toISOString();
    return [
      { ...row, ...keys.transaction(tenant, id), id, createdAt: at },
      { ...lookups, ...keys.lookups(tenant, id) },
      ...terms.map((term, which) => ({ ...listed[which], ...keys.lookup(tenant, term, at, id), transactionId: id })),
    ];
  };
  let next = 0;
  const some = async (): Promise<void> => {
    for (let nth = next++; nth < count; nth = next++) {
      const rows = rowsOf(nth);
      for (let from = 0; from < rows.length; from += rowsAtOnce) {
        const RequestItems = {
          [tableName]: rows.slice(from, from + rowsAtOnce).map((Item) => ({ PutRequest: { Item } })),
        };
        const { UnprocessedItems = {} } = await client.send(new BatchWriteCommand({ RequestItems }));
        if (Object.keys(UnprocessedItems).length > 0) throw new Error('the engine did not take a whole batch');
      }
    }
  };
  await Promise.all(Array.from({ length: batchesAtOnce }, some));
};

const sampleDelivery = (tenant: string, endpointId: string, eventId = newId('evt')): Delivery => ({
  id: deliveryIdOf(eventId),
  tenant,
  endpointId,
  eventId,
  eventType: 'webhook_endpoint.pinged',
  subject: endpointId,
  sequence: 2,
  state: 'delivered',
  attempts: [],
  nextAttemptAt: null,
  turnAt: null,
  resent: [],
  createdAt: new Date().toISOString(),
  version: 1,
});

const depsOf = (stack: Endpoint, via: string, tableName: string, name: string): HttpDeps => {
  const keys = rootKeysFrom(rootKey);
  return {
    table: openTable(tableName, { ...clientOptions(stack), endpoint: via, userAgentAppId: name }),
    rootKeys: async () => keys,
    newId,
    clock: () => Date.now(),
  };
};

const nowhere = { send: async () => undefined };

const handlersOf: Record<Exclude<Noun, 'documents' | 'event-documents'>, (deps: HttpDeps) => Handlers> = {
  transactions: transactionHandlers,
  credentials: (deps) => credentialHandlers({ ...deps, publicUrl: 'https://bench.example' }),
  // What a command says to its bank's shadow is no call to the table.
  commands: (deps) => commandHandlers({ ...deps, shadows: { change: async () => undefined } }),
  'api-keys': apiKeyHandlers,
  sites: siteHandlers,
  banks: (deps) => bankHandlers({ ...deps, allowLoopback: true }),
  // Nor is what is handed over to a queue.
  'lock-boards': (deps) =>
    lockBoardHandlers({ ...deps, allowLoopback: true, queues: { journal: nowhere, ask: nowhere } }),
  assets: assetHandlers,
  'stock-units': stockUnitHandlers,
  incidents: incidentHandlers,
  imports: importHandlers,
  // A link is signed, and nobody is asked.
  exports: (deps) =>
    exportHandlers({
      ...deps,
      files: { link: async () => 'https://example.com' },
      keptDays: feedDays,
      destinations: [],
    }),
  reconciliations: (deps) => reconciliationHandlers({ ...deps, files: { link: async () => 'https://example.com' } }),
  'assignment-policies': assignmentPolicyHandlers,
  'workflow-terms': workflowTermsHandlers,
  'message-templates': (deps) => messageTemplateHandlers({ ...deps, publicUrl: 'https://bench.example' }),
  events: (deps) => eventHandlers({ ...deps, keptDays: feedDays }),
  'webhook-endpoints': (deps) =>
    webhookEndpointHandlers({ ...deps, allowLoopback: true, slow: nowhere, keptDays: feedDays }),
};

const callerOf = (deps: HttpDeps, apiKey: string): Caller => {
  const served = new Map(
    Object.entries(handlersOf).map(([noun, handlers]) => [
      noun,
      serve(
        routes.filter((it) => it.noun === noun),
        handlers(deps),
        deps,
      ),
    ]),
  );
  return async (route, request = {}) => {
    const answer = await served.get(route.noun)?.(requestOf(route, apiKey, request), randomUUID());
    if (answer === undefined) throw new Error(`nobody serves ${route.id}`);
    return { status: answer.statusCode ?? 0, body: JSON.parse(String(answer.body)) };
  };
};

/** A table as the stack's is, without its stream. */
async function tableLike(stack: StackHandle, name: string): Promise<string> {
  const client = new DynamoDBClient(clientOptions(stack));
  const { Table = {} } = await client.send(new DescribeTableCommand({ TableName: name }));
  const TableName = `${name}-bench`;
  await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: Table.KeySchema,
      AttributeDefinitions: Table.AttributeDefinitions,
      GlobalSecondaryIndexes: Table.GlobalSecondaryIndexes?.map(({ IndexName, KeySchema, Projection }) => ({
        IndexName,
        KeySchema,
        Projection,
      })),
    }),
  );
  return TableName;
}
