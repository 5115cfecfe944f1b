import * as z from 'zod';
import * as apiKeys from '../shared/api/api-keys.ts';
import * as assets from '../shared/api/assets.ts';
import * as policies from '../shared/api/assignment-policies.ts';
import * as banks from '../shared/api/banks.ts';
import * as commands from '../shared/api/commands.ts';
import * as controllers from '../shared/api/controllers.ts';
import * as credentials from '../shared/api/credentials.ts';
import * as events from '../shared/api/events.ts';
import * as exportSchedules from '../shared/api/export-schedules.ts';
import * as exports from '../shared/api/exports.ts';
import * as imports from '../shared/api/imports.ts';
import * as incidents from '../shared/api/incidents.ts';
import { getLink } from '../shared/api/links.ts';
import * as lockBoards from '../shared/api/lock-boards.ts';
import * as messageTemplates from '../shared/api/message-templates.ts';
import { listMessages } from '../shared/api/messages.ts';
import * as reconciliations from '../shared/api/reconciliations.ts';
import type { Route } from '../shared/api/route.ts';
import { routes } from '../shared/api/routes.ts';
import * as sites from '../shared/api/sites.ts';
import * as stockUnits from '../shared/api/stock-units.ts';
import * as transactions from '../shared/api/transactions.ts';
import * as webhookEndpoints from '../shared/api/webhook-endpoints.ts';
import * as terms from '../shared/api/workflow-terms.ts';
import { defaultPolicy } from '../shared/domain/assignment-policy.ts';
import type { Request } from './gateway.ts';
import type { Recorded, Recorder } from './recorder.ts';
import { layoutOf, parcelFor } from './sample.ts';
import type { Answer, Caller, Workbench } from './workbench.ts';

/** The DynamoDB calls that one request made. */
export type Calls = { reads: number; writes: number };

export type Measured = {
  operation: string;
  /** What is read and what is changed have budgets of their own. */
  changes: boolean;
  /** With two events and 12 doors, and with many of both. */
  small: Calls;
  large: Calls;
  /** Why it may take a read more than its kind. */
  lookup: string | null;
};

type World = {
  bankId: string;
  orderId: string;
  transactionId: string;
  commandId: string;
  endpointId: string;
  deliveryId: string;
  siteId: string;
  apiKeyId: string;
};

type Operation = { route: Route; name?: string; ask: (world: World) => Request | Promise<Request>; lookup?: string };

const Made = z.object({ id: z.string() });

const anHourAgo = (): string => new Date(Date.now() - 3_600_000).toISOString();

const bySearch = 'one call finds them, one reads them';
const byExternalId = "an id of the caller's own leads to ours first";
const fittedAnew = 'the layout of the bank has to be read';
const byAsset = 'the asset says which door it is';
const byStock = 'what is in stock, and the doors it lies in';
const atItsDoor = 'where it is, its door says';
const emptyEverywhere = 'nothing may lie in any of its doors';
const byHour = 'the hour that it begins in is looked up first';
const itsOwnRow = 'how far it has come, its own row says';
const afterAnother = 'the command before it may still be under way';

/** How many times a transaction was held and let go before it is looked at: 2 + 2 × 20 events. */
const holds = 20;
type Size = { doors: number; holds: number; found: number; stored: number; numbered: number };
export const small: Size = { doors: 12, holds: 0, found: 2, stored: 100, numbered: 2 };
export const large = (stored: number): Size => ({ doors: 120, holds, found: 75, stored, numbered: 1_500 });

/** What every request of the contract takes, uncontended and with what every function knows of its callers. */
export async function measureRequestPath(bench: Workbench, recorder: Recorder, stored: number): Promise<Measured[]> {
  const ask = bench.caller(recorder.url, 'requests');
  // The small one first: what is stored of it is there for the large one as well.
  const few = await measureIn(bench, ask, recorder, small);
  const many = await measureIn(bench, ask, recorder, large(stored));
  return [...few].map(([operation, { calls, route, lookup }]) => {
    const withMany = many.get(operation);
    if (withMany === undefined) throw new Error(`${operation} was not measured with much stored`);
    return {
      operation,
      changes: route.method !== 'GET' && !isQuestion(route),
      small: calls,
      large: withMany.calls,
      lookup,
    };
  });
}

type Found = Map<string, { route: Route; calls: Calls; lookup: string | null }>;

async function measureIn(bench: Workbench, ask: Caller, recorder: Recorder, size: Size): Promise<Found> {
  const { id: bankId } = await bench.newBank(layoutOf(size.doors));
  const succeed = async (route: Route, request: Request): Promise<Answer> => {
    const answer = await ask(route, request);
    if (answer.status !== route.status)
      throw new Error(`${route.id} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer;
  };
  const make = async (route: Route, request: Request) => Made.parse((await succeed(route, request)).body).id;
  /** A bank of a vendor that has told of all its doors before, and the callback by which it does so again. */
  const snapshot = async (siteId: string): Promise<Request> => {
    const layout = layoutOf(size.doors);
    const locks = Object.fromEntries(layout.map(({ door }, nth) => [door, { board: 'A', lock: nth.toString(16) }]));
    const vendor = { kind: 'lock_board', url: 'https://boards.example/', locks };
    const params = { bankId: await make(banks.createBank, { body: { siteId, name: 'Bench', layout, vendor } }) };
    const states = (ts: number) =>
      Object.values(locks).map(({ lock }) => ({ lock, door: 'closed', goods: '0', ts: String(ts) }));
    const callback = (ts: number) => ({ params, body: { boardStates: [{ board: 'A', locks: states(ts) }] } });
    await succeed(lockBoards.hearLockBoard, callback(Date.now() - 1_000));
    return callback(Date.now());
  };
  /** A bank of which nobody else wants anything. */
  const bankApart = async () => ({ bankId: (await bench.newBank(layoutOf(size.doors))).id });
  const transaction = async () => {
    const transactionId = await make(transactions.createTransaction, { body: parcelFor(bankId) });
    for (let nth = 0; nth < size.holds; nth += 1) {
      await succeed(transactions.holdTransaction, { params: { transactionId }, body: { reason: 'bench' } });
      await succeed(transactions.liftHold, { params: { transactionId }, body: {} });
    }
    return transactionId;
  };
  const params = async (route?: Route) => {
    const transactionId = await transaction();
    if (route) await succeed(route, { params: { transactionId }, body: { reason: 'bench' } });
    return { transactionId };
  };
  // A bank of 12 doors is soon full of what the others ask for.
  let spare = { id: bankId, free: 0 };
  const roomy = async (doors: number): Promise<string> => {
    if (spare.free < doors) spare = { id: (await bench.newBank(layoutOf(size.doors))).id, free: size.doors };
    spare = { ...spare, free: spare.free - doors };
    return spare.id;
  };
  const another = async () => ({
    transactionId: await make(transactions.createTransaction, { body: parcelFor(await roomy(2)) }),
  });
  const stored = async () => {
    const { transactionId } = await another();
    await bench.becomes(transactionId, { state: 'stored', depositedAt: new Date().toISOString() });
    return { transactionId };
  };
  const conditional = async (condition: string) => {
    const body = {
      ...parcelFor(await roomy(1)),
      conditions: [condition],
      payment: { amountMinor: 100, currency: 'CHF' },
    };
    return { transactionId: await make(transactions.createTransaction, { body }) };
  };
  const credential = async (nth = 0) => {
    const { body } = await succeed(transactions.createTransaction, { body: parcelFor(await roomy(1)) });
    const made = z.object({ id: z.string(), credentials: z.array(Made) }).parse(body);
    return { transactionId: made.id, credentialId: made.credentials[nth]?.id ?? '' };
  };
  const [item] = parcelFor(bankId).items;
  // At a bank of its own: their doors are taken for good.
  const lending = await bench.newBank(layoutOf(size.doors));
  const assetBody = { bankId: lending.id, name: 'Bench', item };
  const asset = async () => {
    const { body } = await succeed(assets.createAsset, { body: assetBody });
    const made = z.object({ id: z.string(), door: z.string() }).parse(body);
    await bench.fill(lending.id, made.door);
    return made;
  };
  // Likewise.
  const shop = await bench.newBank(layoutOf(size.doors));
  const goods = { sku: `bench-${size.doors}`, item };
  const unit = async (more: Record<string, unknown> = {}) => {
    const { body } = await succeed(stockUnits.createStockUnit, { body: { ...goods, ...more } });
    return { params: { stockUnitId: Made.parse(body).id } };
  };
  const stocked = async () => {
    const made = await unit({ bankId: shop.id });
    await bench.stock(made.params.stockUnitId);
    return made;
  };
  const saleOf = (what: Record<string, unknown>) => ({ workflow: 'sale', bankId: shop.id, ...what });
  const asked = () => make(imports.createImport, { body: { name: 'Bench', bytes: 1_000 } });
  const period = { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' };
  const scheduleBody = { name: 'Bench', kind: 'transactions', format: 'csv', every: 'day' };
  const schedule = async () => ({
    exportScheduleId: await make(exportSchedules.createExportSchedule, { body: scheduleBody }),
  });
  const reported = { summary: 'A pane is cracked', bankId };
  const incident = () => make(incidents.reportIncident, { body: reported });
  const taken = async () => {
    const params = { incidentId: await incident() };
    await succeed(incidents.acknowledgeIncident, { params, body: { owner: 'bench' } });
    return params;
  };
  const resolved = async () => {
    const params = await taken();
    await succeed(incidents.resolveIncident, { params, body: { resolution: 'a new pane' } });
    return params;
  };
  const reconciliationBody = { name: 'Bench', bytes: 1_000, ...period };
  const exportBody = { kind: 'transactions', format: 'csv', ...period };
  const loanOf = (assetId: string) => ({ workflow: 'loan', bankId: lending.id, assetId });
  // Found by the same values, and one page of them at most is answered.
  const person = { recipient: { name: `Ada Bench${size.doors}`, phone: `+4179000${1_000 + size.doors}` } };
  for (let nth = 0; nth < size.found; nth += 1)
    await bench.index(await make(transactions.createTransaction, { body: { ...parcelFor(bankId), ...person } }));
  const { transactionId: oneOfMany } = await another();
  await bench.index(oneOfMany);
  await bench.crowd(oneOfMany, size.stored);
  await bench.number(size.numbered);
  const order = parcelFor(bankId);
  const endpoint = { url: 'http://127.0.0.1:9/', description: 'bench' };
  const { id: _, ...rules } = defaultPolicy;
  const command = (door: string) => ({ bankId, door, reason: 'bench' });
  const endpointId = await make(webhookEndpoints.createWebhookEndpoint, { body: endpoint });
  const world: World = {
    bankId,
    orderId: order.externalIds.order,
    transactionId: await transaction(),
    commandId: await make(commands.createCommand, { body: command('1') }),
    endpointId,
    deliveryId: await bench.addDelivery(endpointId),
    siteId: bench.siteId,
    apiKeyId: await make(apiKeys.createApiKey, { body: { name: 'bench', scopes: ['banks:read'] } }),
  };
  await succeed(transactions.createTransaction, { body: order });
  // Each noun is a function of its own, and knows its callers from their second request on.
  for (const route of [sites.listSites, banks.listBanks, policies.listAssignmentPolicies]) await succeed(route, {});

  const followed = async () => {
    const { body } = await succeed(events.listEvents, { query: { limit: '1' } });
    return { after: z.object({ nextCursor: z.string() }).parse(body).nextCursor };
  };
  const operations: Operation[] = [
    { route: transactions.getTransaction, ask: ({ transactionId }) => ({ params: { transactionId } }) },
    {
      route: transactions.getTransaction,
      name: 'get-transaction, by an external id',
      ask: ({ orderId }) => ({ params: { transactionId: `ext:order:${orderId}` } }),
      lookup: byExternalId,
    },
    {
      route: transactions.listTransactions,
      name: 'list-transactions, by an order id',
      ask: ({ orderId }) => ({ query: { orderId } }),
      lookup: byExternalId,
    },
    ...searches(bankId, person.recipient),
    {
      route: getLink,
      ask: async () => {
        const link = { kind: 'order', id: crypto.randomUUID(), of: 2 };
        for (const part of [1, 2])
          await succeed(transactions.createTransaction, {
            body: { ...parcelFor(await roomy(1)), link: { ...link, part } },
          });
        return { params: { kind: link.kind, linkId: link.id } };
      },
      lookup: bySearch,
    },
    { route: listMessages, ask: ({ transactionId }) => ({ params: { transactionId } }) },
    { route: transactions.listTransactionEvents, ask: ({ transactionId }) => ({ params: { transactionId } }) },
    { route: transactions.createTransaction, ask: () => ({ body: parcelFor(bankId) }) },
    { route: transactions.checkTransaction, ask: () => ({ body: parcelFor(bankId) }) },
    { route: transactions.holdTransaction, ask: async () => ({ params: await params(), body: { reason: 'bench' } }) },
    {
      route: transactions.liftHold,
      ask: async () => ({ params: await params(transactions.holdTransaction), body: {} }),
    },
    {
      route: transactions.extendTransaction,
      ask: async () => ({
        params: await params(),
        body: { depositBy: new Date(Date.now() + 7 * 86_400_000).toISOString() },
      }),
    },
    { route: transactions.cancelTransaction, ask: async () => ({ params: await params(), body: {} }) },
    { route: credentials.resendCredential, ask: async () => ({ params: await credential(), body: {} }) },
    {
      route: transactions.createTransaction,
      name: 'create-transaction, a loan',
      ask: async () => ({ body: loanOf((await asset()).id) }),
      lookup: byAsset,
    },
    {
      route: transactions.createTransaction,
      name: 'create-transaction, a sale out of stock',
      ask: async () => ({ body: saleOf((await stocked()).params) }),
      lookup: byStock,
    },
    {
      route: transactions.createTransaction,
      name: 'create-transaction, a sale of a kind',
      ask: async () => {
        await stocked();
        return { body: saleOf({ sku: goods.sku }) };
      },
      lookup: byStock,
    },
    {
      route: transactions.updateTransaction,
      ask: async () => ({ params: await another(), body: { metadata: { note: 'bench' } } }),
    },
    {
      route: transactions.updateTransaction,
      name: 'update-transaction, its items',
      ask: async () => ({ params: await another(), body: { items: parcelFor(bankId).items } }),
      lookup: fittedAnew,
    },
    {
      route: transactions.moveTransaction,
      ask: async () => ({ params: await another(), body: { reason: 'bench' } }),
      lookup: fittedAnew,
    },
    {
      route: transactions.moveTransaction,
      name: 'move-transaction, of what is inside',
      ask: async () => ({ params: await stored(), body: { reason: 'bench' } }),
      lookup: fittedAnew,
    },
    {
      route: transactions.cancelMove,
      ask: async () => {
        const moving = { params: await stored(), body: { reason: 'bench' } };
        await succeed(transactions.moveTransaction, moving);
        return moving;
      },
    },
    { route: transactions.recallTransaction, ask: async () => ({ params: await stored(), body: { reason: 'bench' } }) },
    {
      route: transactions.completeTransaction,
      ask: async () => ({ params: await stored(), body: { reason: 'bench' } }),
    },
    { route: transactions.confirmPayment, ask: async () => ({ params: await conditional('payment'), body: {} }) },
    {
      route: transactions.confirmTransaction,
      ask: async () => ({ params: await conditional('identity'), body: { condition: 'identity' } }),
    },
    {
      route: transactions.chargeTransaction,
      ask: async () => ({
        params: await another(),
        body: { amountMinor: 1, currency: 'CHF', reason: 'bench' },
      }),
    },
    {
      route: transactions.refundTransaction,
      ask: async () => ({ params: await conditional('payment'), body: { amountMinor: 1, reason: 'bench' } }),
    },
    {
      route: transactions.disputeTransaction,
      ask: async () => ({ params: await another(), body: { reason: 'bench' } }),
    },
    { route: credentials.revokeCredential, ask: async () => ({ params: await credential(), body: {} }) },
    {
      route: credentials.issueCredential,
      ask: async () => {
        const { transactionId, credentialId } = await credential();
        await succeed(credentials.revokeCredential, { params: { transactionId, credentialId }, body: {} });
        return { params: { transactionId }, body: { step: 'deposit' } };
      },
    },
    { route: imports.createImport, ask: () => ({ body: { name: 'Bench', bytes: 1_000 } }) },
    { route: imports.listImports, ask: () => ({}) },
    {
      route: imports.listImports,
      name: 'list-imports, of one state',
      ask: () => ({ query: { state: 'pending' } }),
      lookup: itsOwnRow,
    },
    { route: imports.getImport, ask: async () => ({ params: { importId: await asked() } }) },
    {
      route: imports.listImportRows,
      ask: async () => ({ params: { importId: await asked() } }),
      lookup: 'whose import it is has to be known',
    },
    { route: exports.createExport, ask: () => ({ body: exportBody }) },
    { route: exports.listExports, ask: () => ({}) },
    {
      route: exports.listExports,
      name: 'list-exports, of one state',
      ask: () => ({ query: { state: 'running' } }),
      lookup: itsOwnRow,
    },
    {
      route: exports.getExport,
      ask: async () => ({ params: { exportId: await make(exports.createExport, { body: exportBody }) } }),
    },
    { route: exportSchedules.createExportSchedule, ask: () => ({ body: scheduleBody }) },
    { route: exportSchedules.listExportSchedules, ask: () => ({}) },
    { route: exportSchedules.getExportSchedule, ask: async () => ({ params: await schedule() }) },
    {
      route: exportSchedules.updateExportSchedule,
      ask: async () => ({ params: await schedule(), body: { name: 'Benched' } }),
    },
    { route: exportSchedules.deleteExportSchedule, ask: async () => ({ params: await schedule() }) },
    { route: reconciliations.createReconciliation, ask: () => ({ body: reconciliationBody }) },
    { route: reconciliations.listReconciliations, ask: () => ({}) },
    {
      route: reconciliations.listReconciliations,
      name: 'list-reconciliations, of one state',
      ask: () => ({ query: { state: 'pending' } }),
      lookup: itsOwnRow,
    },
    {
      route: reconciliations.getReconciliation,
      ask: async () => ({
        params: {
          reconciliationId: await make(reconciliations.createReconciliation, { body: reconciliationBody }),
        },
      }),
    },
    {
      route: credentials.delegateCredential,
      ask: async () => ({ params: await credential(1), body: { to: { name: 'Bench' } } }),
    },
    {
      route: credentials.takeBackCredential,
      ask: async () => {
        const params = await credential(1);
        const handedOn = await succeed(credentials.delegateCredential, { params, body: { to: { name: 'Bench' } } });
        const { credentials: all } = transactions.TransactionView.parse(handedOn.body);
        return { params: { ...params, credentialId: all.at(-1)?.id ?? '' }, body: {} };
      },
    },
    {
      route: credentials.getAppToken,
      ask: async () => {
        const params = await another();
        const issued = await succeed(credentials.issueCredential, { params, body: { step: 'deposit', method: 'app' } });
        const { credentials: all } = transactions.TransactionView.parse(issued.body);
        return { params: { ...params, credentialId: all.at(-1)?.id ?? '' } };
      },
    },
    { route: credentials.getPickupLink, ask: async () => ({ params: await credential(1) }) },
    {
      route: credentials.replaceBadgeGroup,
      ask: () => ({ body: { group: 'couriers', badges: ['B-700123', 'B-700124'] } }),
    },
    { route: credentials.listBadgeGroups, ask: () => ({}) },
    { route: incidents.reportIncident, ask: () => ({ body: reported }) },
    { route: incidents.listIncidents, ask: () => ({}) },
    { route: incidents.getIncident, ask: async () => ({ params: { incidentId: await incident() } }) },
    {
      route: incidents.getIncidentContext,
      ask: async () => ({ params: { incidentId: await incident() } }),
      lookup: 'what it is about has to be known',
    },
    { route: incidents.listIncidentEvents, ask: async () => ({ params: { incidentId: await incident() } }) },
    {
      route: incidents.acknowledgeIncident,
      ask: async () => ({ params: { incidentId: await incident() }, body: { owner: 'bench' } }),
    },
    { route: incidents.assignIncident, ask: async () => ({ params: await taken(), body: { owner: 'another' } }) },
    {
      route: incidents.noteIncident,
      ask: async () => ({ params: await taken(), body: { text: 'a pane was ordered' } }),
    },
    {
      route: incidents.resolveIncident,
      ask: async () => ({ params: await taken(), body: { resolution: 'a new pane' } }),
    },
    { route: incidents.closeIncident, ask: async () => ({ params: await resolved(), body: {} }) },
    { route: incidents.reopenIncident, ask: async () => ({ params: await resolved(), body: { reason: 'it broke' } }) },
    { route: assets.createAsset, ask: () => ({ body: assetBody }) },
    { route: assets.listAssets, ask: () => ({}) },
    { route: assets.getAsset, ask: async () => ({ params: { assetId: (await asset()).id } }), lookup: atItsDoor },
    {
      route: assets.listAssetLoans,
      ask: async () => {
        const { id } = await asset();
        await succeed(transactions.createTransaction, { body: loanOf(id) });
        return { params: { assetId: id } };
      },
      lookup: bySearch,
    },
    {
      route: assets.retireAsset,
      ask: async () => ({ params: { assetId: (await asset()).id }, body: { reason: 'bench' } }),
      lookup: atItsDoor,
    },
    { route: stockUnits.createStockUnit, ask: () => ({ body: goods }) },
    { route: stockUnits.listStockUnits, ask: () => ({ query: { bankId: shop.id } }), lookup: atItsDoor },
    { route: stockUnits.getStockUnit, ask: stocked, lookup: atItsDoor },
    {
      route: stockUnits.updateStockUnit,
      ask: async () => ({ ...(await stocked()), body: { metadata: { note: 'bench' } } }),
      lookup: atItsDoor,
    },
    {
      route: stockUnits.placeStockUnit,
      ask: async () => ({ ...(await unit()), body: { bankId: shop.id } }),
      lookup: fittedAnew,
    },
    {
      route: stockUnits.withdrawStockUnit,
      ask: async () => ({ ...(await stocked()), body: { reason: 'bench' } }),
      lookup: atItsDoor,
    },
    { route: stockUnits.listStockLevels, ask: () => ({ params: { bankId: shop.id } }), lookup: byStock },
    { route: commands.createCommand, ask: () => ({ body: command('2') }) },
    {
      route: commands.createCommand,
      name: 'create-command, not the first at its door',
      ask: () => ({ body: command('1') }),
      lookup: afterAnother,
    },
    {
      route: commands.openByPhone,
      ask: async () => {
        const { transactionId, credentialId } = await credential();
        const { body } = await succeed(transactions.getTransaction, { params: { transactionId } });
        const at = z.object({ bankId: z.string() }).parse(body);
        return { params: { transactionId, credentialId }, body: { code: await bench.codeOnPanel(at.bankId) } };
      },
      lookup: 'whose credential it is has to be known',
    },
    { route: commands.getCommand, ask: ({ commandId }) => ({ params: { commandId } }) },
    { route: sites.createSite, ask: () => ({ body: { name: 'Bench', timeZone: 'UTC' } }) },
    { route: sites.listSites, ask: () => ({}) },
    { route: sites.getSite, ask: ({ siteId }) => ({ params: { siteId } }) },
    { route: sites.updateSite, ask: ({ siteId }) => ({ params: { siteId }, body: { address: `Quay ${Date.now()}` } }) },
    {
      route: banks.createBank,
      ask: ({ siteId }) => ({ body: { siteId, name: 'Bench', layout: layoutOf(size.doors) } }),
    },
    { route: banks.listBanks, ask: () => ({}) },
    { route: banks.getBank, ask: () => ({ params: { bankId } }) },
    { route: banks.getBankHealth, ask: () => ({ params: { bankId } }) },
    { route: banks.updateBank, ask: () => ({ params: { bankId }, body: { locale: 'de' } }) },
    { route: controllers.getController, ask: () => ({ params: { bankId } }) },
    {
      route: controllers.rotateCertificate,
      ask: async () => ({ params: await bankApart(), body: { reason: 'bench' } }),
    },
    {
      route: controllers.revokeCertificate,
      ask: async () => ({ params: await bankApart(), body: { reason: 'bench' } }),
    },
    {
      route: controllers.replaceController,
      ask: async () => ({
        params: await bankApart(),
        body: { serialNumber: `bench-${crypto.randomUUID()}`, reason: 'bench' },
      }),
    },
    {
      route: controllers.decommissionBank,
      ask: async () => ({ params: await bankApart(), body: { reason: 'bench' } }),
      lookup: emptyEverywhere,
    },
    { route: lockBoards.hearLockBoard, ask: ({ siteId }) => snapshot(siteId) },
    {
      route: lockBoards.getLockBoard,
      ask: async ({ siteId }) => ({ params: (await snapshot(siteId)).params ?? {} }),
    },
    {
      route: lockBoards.updateLockBoard,
      ask: async ({ siteId }) => ({
        params: (await snapshot(siteId)).params ?? {},
        body: { url: 'https://elsewhere.example/' },
      }),
    },
    { route: banks.listCompartments, ask: () => ({ params: { bankId } }) },
    { route: banks.getCompartment, ask: () => ({ params: { bankId, door: '3' } }) },
    { route: banks.updateCompartment, ask: () => ({ params: { bankId, door: '3' }, body: { outOfService: 'bench' } }) },
    { route: policies.putAssignmentPolicy, ask: () => ({ body: rules }) },
    { route: policies.listAssignmentPolicies, ask: () => ({}) },
    { route: policies.getAssignmentPolicy, ask: () => ({ params: { version: 'current' } }) },
    {
      route: policies.replayAssignments,
      ask: ({ transactionId }) => ({ body: { transactionIds: [transactionId], rules } }),
      lookup: 'the decisions lead to their banks first',
    },
    {
      route: policies.restoreAssignmentPolicy,
      ask: () => ({ params: { version: '1' }, body: {} }),
    },
    { route: terms.getWorkflowTerms, ask: ({ siteId }) => ({ params: { scope: siteId } }) },
    { route: terms.updateWorkflowTerms, ask: ({ siteId }) => ({ params: { scope: siteId }, body: { workflows: {} } }) },
    {
      route: messageTemplates.putMessageTemplate,
      ask: () => ({
        params: { kind: 'item_waits', locale: 'de', channel: 'sms' },
        body: { text: '{{place}}: {{code}}' },
      }),
    },
    {
      route: messageTemplates.getMessageTemplate,
      ask: () => ({ params: { kind: 'item_waits', locale: 'de', channel: 'sms' } }),
    },
    { route: messageTemplates.listMessageTemplates, ask: () => ({}) },
    {
      route: messageTemplates.previewMessage,
      ask: () => ({ body: { kind: 'item_waits', locale: 'de', channel: 'email' } }),
    },
    {
      route: messageTemplates.deleteMessageTemplate,
      ask: () => ({ params: { kind: 'item_waits', locale: 'de', channel: 'sms' } }),
    },
    { route: messageTemplates.getBranding, ask: () => ({}) },
    { route: messageTemplates.updateBranding, ask: () => ({ body: { name: `Bench ${Date.now()}` } }) },
    { route: apiKeys.createApiKey, ask: () => ({ body: { name: 'bench', scopes: ['banks:read'] } }) },
    { route: apiKeys.listApiKeys, ask: () => ({}) },
    { route: apiKeys.revokeApiKey, ask: ({ apiKeyId }) => ({ params: { apiKeyId }, body: {} }) },
    { route: webhookEndpoints.createWebhookEndpoint, ask: () => ({ body: endpoint }) },
    { route: webhookEndpoints.listWebhookEndpoints, ask: () => ({}) },
    { route: webhookEndpoints.getWebhookEndpoint, ask: ({ endpointId }) => ({ params: { endpointId } }) },
    {
      route: webhookEndpoints.updateWebhookEndpoint,
      ask: ({ endpointId }) => ({ params: { endpointId }, body: { description: 'bench again' } }),
    },
    { route: webhookEndpoints.rotateWebhookSecret, ask: ({ endpointId }) => ({ params: { endpointId }, body: {} }) },
    { route: webhookEndpoints.pingWebhookEndpoint, ask: ({ endpointId }) => ({ params: { endpointId }, body: {} }) },
    {
      route: webhookEndpoints.tryWebhookEndpoint,
      ask: ({ endpointId }) => ({ params: { endpointId }, body: { eventType: 'transaction.completed' } }),
    },
    {
      route: webhookEndpoints.deleteWebhookEndpoint,
      ask: async () => ({
        params: { endpointId: await make(webhookEndpoints.createWebhookEndpoint, { body: endpoint }) },
      }),
    },
    { route: webhookEndpoints.listDeliveries, ask: ({ endpointId }) => ({ params: { endpointId } }) },
    { route: events.listEvents, ask: () => ({}), lookup: byHour },
    {
      route: events.listEvents,
      name: 'list-events, of one type',
      ask: () => ({ query: { type: 'transaction.deposited' } }),
      lookup: byHour,
    },
    { route: events.listEvents, name: 'list-events, after a cursor', ask: async () => ({ query: await followed() }) },
    {
      route: webhookEndpoints.getDelivery,
      ask: ({ endpointId, deliveryId }) => ({ params: { endpointId, deliveryId } }),
    },
    {
      route: webhookEndpoints.resendDelivery,
      ask: ({ endpointId, deliveryId }) => ({ params: { endpointId, deliveryId }, body: {} }),
    },
    {
      route: webhookEndpoints.replayWebhookEndpoint,
      ask: ({ endpointId }) => ({ params: { endpointId }, body: { from: anHourAgo() } }),
    },
    {
      route: webhookEndpoints.recoverDeliveries,
      ask: ({ endpointId }) => ({ params: { endpointId }, body: { since: anHourAgo() } }),
    },
    {
      route: webhookEndpoints.getWebhookReplay,
      ask: async ({ endpointId }) => {
        const body = { from: anHourAgo() };
        const replayId = await make(webhookEndpoints.replayWebhookEndpoint, { params: { endpointId }, body });
        return { params: { endpointId, replayId } };
      },
    },
  ];
  const forgotten = routes.filter(
    (it) => it.permission !== null && !operations.some(({ route }) => route.id === it.id),
  );
  if (forgotten.length > 0) throw new Error(`nobody measures ${forgotten.map((it) => it.id).join(', ')}`);

  const found: Found = new Map();
  const known = new Set<string>();
  for (const { route, name = route.id, ask: requestFor, lookup = null } of operations) {
    const request = await requestFor(world);
    // A function reads the key of its caller with the first request that it is asked, whatever that comes to.
    if (!known.has(route.noun)) await ask(route, {});
    known.add(route.noun);
    recorder.take();
    await succeed(route, request);
    found.set(name, { route, calls: callsOf(recorder.take()), lookup });
  }
  return found;
}

const isQuestion = ({ asks }: Route): boolean => asks === true;

/** By what support looks for a transaction: one value, several, and none that narrows it down. */
const searches = (bankId: string, { phone }: { phone: string }): Operation[] => {
  const from = new Date(Date.now() - 3_600_000).toISOString();
  const wanted: [string, Record<string, string>][] = [
    ['phone', { recipient: phone }],
    ['name, bank, state and time', { recipient: 'bench', bankId, state: 'reserved', from }],
    ['state alone', { state: 'reserved' }],
    ['nothing', {}],
  ];
  return wanted.map(([name, query]) => ({
    route: transactions.listTransactions,
    name: `list-transactions, by ${name}`,
    ask: () => ({ query }),
    lookup: bySearch,
  }));
};

const reading = ['GetItem', 'BatchGetItem', 'Query'];

const callsOf = (recorded: readonly Recorded[]): Calls => ({
  reads: recorded.filter(({ operation }) => reading.includes(operation)).length,
  writes: recorded.filter(({ operation }) => !reading.includes(operation)).length,
});
