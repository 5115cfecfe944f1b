import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type Answer, apiClient, Made } from '../../local/api-client.ts';
import { ApiKeyView } from '../../shared/api/api-keys.ts';
import { Problem } from '../../shared/api/problem.ts';
import type { Route } from '../../shared/api/route.ts';
import { routes } from '../../shared/api/routes.ts';
import { Scope } from '../../shared/domain/api-key.ts';
import { invariantsHold } from '../support/invariants.ts';
import { type Picture, takePicture } from '../support/invariants-picture.ts';
import {
  anItem,
  becomes,
  createParcel,
  deposit,
  doorOf,
  knownAtBank,
  type Parcel,
  parcelFor,
} from '../support/parcel.ts';
import { type Bank, eventually, newBank, newReceiver, newTenant, stack, type Tenant } from '../support/stack.ts';

let owner: Tenant;
let stranger: Tenant;
let bank: Bank;
let parcel: Parcel;
let ids: Record<string, string>;
/** What nobody else may be shown of the owner. */
let secrets: string[];

const order = 'ORDER-OF-THE-OWNER';
const sku = 'SKU-OF-THE-OWNER';

beforeAll(async () => {
  [owner, stranger] = await Promise.all([newTenant('The owner'), newTenant('The stranger')]);
  bank = await newBank(owner, { doors: 3, name: 'Bank of the owner' });
  const receiver = await newReceiver();
  const endpoint = await owner.api.post('/v1/webhook-endpoints', { url: receiver.url }, Made);
  const key = await owner.api.post('/v1/api-keys', { name: 'Key of the owner', scopes: ['banks:read'] }, ApiKeyView);
  parcel = await createParcel(owner, bank, {
    externalIds: { order },
    link: { kind: 'order', id: 'LINK-OF-THE-OWNER', part: 1, of: 2 },
    recipient: { name: 'Recipient of the owner', phone: '+41790000001' },
    metadata: { note: 'note of the owner' },
  });
  await knownAtBank(owner, parcel.id);
  await deposit(bank, parcel);
  await becomes(owner, parcel.id, 'stored');
  const asset = await owner.api.post(
    '/v1/assets',
    { bankId: bank.id, name: 'Asset of the owner', item: anItem },
    z.object({ id: z.string(), door: z.string() }),
  );
  const unit = await owner.api.post(
    '/v1/stock-units',
    { sku, item: anItem, metadata: { note: 'note of the owner' } },
    Made,
  );
  const file = await owner.api.post('/v1/imports', { name: 'File of the owner', bytes: 1_000 }, Made);
  const period = { from: '2025-01-01T00:00:00Z', to: '2025-02-01T00:00:00Z' };
  const exported = await owner.api.post('/v1/exports', { kind: 'transactions', format: 'csv', ...period }, Made);
  const wish = { name: 'Schedule of the owner', kind: 'transactions', format: 'csv', every: 'day' };
  const schedule = await owner.api.post('/v1/export-schedules', wish, Made);
  const incident = await owner.api.post(
    '/v1/incidents',
    { summary: 'A pane of the owner is cracked', bankId: bank.id, transactionId: parcel.id },
    Made,
  );
  const orders = await owner.api.post('/v1/reconciliations', { name: 'Orders', bytes: 100, ...period }, Made);
  const free = bank.doors.find(({ door }) => door !== parcel.door && door !== asset.door)?.door ?? '';
  const command = await owner.api.post('/v1/commands', { bankId: bank.id, door: free, reason: 'of the owner' }, Made);
  await eventually(async () => {
    const { state } = await owner.api.get(`/v1/commands/${command.id}`, z.object({ state: z.string() }));
    expect(state).toBe('opened');
  });
  await bank.panel.door(free, { door: 'closed' });

  ids = {
    transactionId: parcel.id,
    credentialId: parcel.credentials[1]?.id ?? '',
    bankId: bank.id,
    door: doorOf(parcel),
    siteId: bank.siteId,
    scope: bank.siteId,
    commandId: command.id,
    apiKeyId: key.id,
    endpointId: endpoint.id,
    assetId: asset.id,
    stockUnitId: unit.id,
    importId: file.id,
    exportId: exported.id,
    incidentId: incident.id,
    reconciliationId: orders.id,
    exportScheduleId: schedule.id,
    kind: 'order',
    linkId: 'LINK-OF-THE-OWNER',
  };
  secrets = [
    owner.id,
    owner.apiKeyId,
    ...Object.values(ids).filter((it) => it.length > 8),
    ...parcel.credentials.flatMap(({ value }) => value ?? []),
    order,
    sku,
    'of the owner',
    receiver.url,
    '+41790000001',
  ];
  await invariantsHold({ tenants: [owner, stranger], banks: [bank], quiet: true });
});

/** A path with the owner's ids, or with others of one's own choice. */
const pathOf = (route: Route, others: Record<string, string> = {}): string =>
  route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => others[name] ?? ids[name] ?? `no ${name}`);

type Attempt = { path?: string; body?: Record<string, unknown> };
type Case = { status: number; attempts: (route: Route) => Attempt[] };

const hidden = (...bodies: Record<string, unknown>[]): Case => ({
  status: 404,
  attempts: () => (bodies.length === 0 ? [{}] : bodies.map((body) => ({ body }))),
});
/** A sale of what the owner has in stock. */
const fromStock = (): Attempt[] =>
  [{ sku }, { stockUnitId: ids.stockUnitId }].map((what) => ({
    body: { workflow: 'sale', bankId: bank.id, ...what },
  }));
const inTime = new Date(Date.now() + 30 * 86_400_000).toISOString();

/** By each route's id: what a stranger asks of the owner's, and is answered. Null: it names nothing that has an owner. */
const cases: Record<string, Case | null> = {
  'create-transaction': {
    status: 409,
    attempts: () => [{ body: parcelFor(bank) }, ...fromStock()],
  },
  'check-transaction': { status: 200, attempts: () => [{ body: parcelFor(bank) }, ...fromStock()] },
  'list-transactions': { status: 200, attempts: ({ path }) => [{ path: `${path}?orderId=${order}` }] },
  'get-transaction': {
    status: 404,
    attempts: (route) => [{}, { path: pathOf(route, { transactionId: `ext:order:${order}` }) }],
  },
  'list-transaction-events': hidden(),
  'get-link': hidden(),
  'list-messages': hidden(),
  'cancel-transaction': hidden({}, { reason: 'by_staff' }),
  'extend-transaction': hidden({ pickupBy: inTime }),
  'hold-transaction': hidden({ reason: 'a stranger says so' }),
  'lift-hold': hidden({}),
  'resend-credential': hidden({}),
  'issue-credential': hidden({ step: 'pickup' }),
  'revoke-credential': hidden({}),
  'delegate-credential': hidden({ to: { name: 'A stranger' } }),
  'take-back-credential': hidden({}),
  'get-app-token': hidden(),
  'get-pickup-link': hidden(),
  'replace-badge-group': null,
  'list-badge-groups': { status: 200, attempts: () => [{}] },
  'update-transaction': hidden({ metadata: { by: 'a stranger' } }, { items: [anItem] }),
  'move-transaction': hidden({ reason: 'a stranger says so' }, { reason: 'a stranger says so', door: '2' }),
  'cancel-move': hidden({ reason: 'a stranger says so' }),
  'recall-transaction': hidden({ reason: 'a stranger says so' }),
  'complete-transaction': hidden({ reason: 'a stranger says so' }),
  'confirm-payment': hidden({}),
  'confirm-transaction': hidden({ condition: 'identity' }),
  'charge-transaction': hidden({ amountMinor: 1, currency: 'CHF', reason: 'a stranger says so' }),
  'refund-transaction': hidden({ amountMinor: 1, reason: 'a stranger says so' }),
  'dispute-transaction': hidden({ reason: 'a stranger says so' }),
  'create-command': {
    status: 404,
    attempts: () => [{ body: { bankId: bank.id, door: doorOf(parcel), reason: 'a stranger says so' } }],
  },
  'open-by-phone': hidden({ code: '000000' }),
  'get-command': hidden(),
  'create-site': null,
  'list-sites': { status: 200, attempts: () => [{}] },
  'get-site': hidden(),
  'update-site': hidden({ address: 'of a stranger' }),
  'create-bank': {
    status: 404,
    attempts: () => [{ body: { siteId: bank.siteId, name: 'Mine', layout: bank.doors } }],
  },
  'list-banks': { status: 200, attempts: () => [{}] },
  'get-bank': hidden(),
  'list-compartments': hidden(),
  'get-bank-health': hidden(),
  'get-lock-board': hidden(),
  'update-lock-board': hidden({}),
  'hear-lock-board': hidden({}),
  'get-compartment': hidden(),
  'update-bank': hidden({ locale: 'de' }),
  'get-controller': hidden(),
  'rotate-certificate': hidden({ reason: 'a stranger says so' }),
  'revoke-certificate': hidden({ reason: 'a stranger says so' }),
  'replace-controller': hidden({ serialNumber: 'a-stranger-s-own', reason: 'a stranger says so' }),
  'decommission-bank': hidden({ reason: 'a stranger says so' }),
  'update-compartment': hidden({ outOfService: 'a stranger says so' }),
  'create-import': null,
  'list-imports': { status: 200, attempts: () => [{}] },
  'get-import': hidden(),
  'list-import-rows': hidden(),
  'create-export': null,
  'list-exports': { status: 200, attempts: () => [{}] },
  'get-export': hidden(),
  'create-export-schedule': null,
  'list-export-schedules': { status: 200, attempts: () => [{}] },
  'get-export-schedule': hidden(),
  'update-export-schedule': hidden({ name: 'Mine' }),
  'delete-export-schedule': hidden(),
  'create-reconciliation': null,
  'list-reconciliations': { status: 200, attempts: () => [{}] },
  'get-reconciliation': hidden(),
  'report-incident': {
    status: 400,
    attempts: () => [
      { body: { summary: 'Mine', bankId: bank.id } },
      { body: { summary: 'Mine', transactionId: parcel.id } },
    ],
  },
  'list-incidents': { status: 200, attempts: () => [{}, { path: `/v1/incidents?bankId=${bank.id}` }] },
  'get-incident': hidden(),
  'get-incident-context': hidden(),
  'list-incident-events': hidden(),
  'acknowledge-incident': hidden({ owner: 'a stranger' }),
  'assign-incident': hidden({ owner: 'a stranger' }),
  'note-incident': hidden({ text: 'a stranger says so' }),
  'resolve-incident': hidden({ resolution: 'a stranger says so' }),
  'close-incident': hidden({}),
  'reopen-incident': hidden({ reason: 'a stranger says so' }),
  'create-asset': {
    status: 409,
    attempts: () => [{ body: { bankId: bank.id, name: 'Mine', item: anItem } }],
  },
  'list-assets': { status: 200, attempts: () => [{}] },
  'get-asset': hidden(),
  'list-asset-loans': hidden(),
  'retire-asset': hidden({ reason: 'a stranger says so' }),
  'create-stock-unit': {
    status: 409,
    attempts: () => [{ body: { bankId: bank.id, sku: 'mine', item: anItem } }],
  },
  'list-stock-units': {
    status: 200,
    attempts: ({ path }) => [{}, { path: `${path}?bankId=${bank.id}` }, { path: `${path}?sku=${sku}` }],
  },
  'get-stock-unit': hidden(),
  'update-stock-unit': hidden({ metadata: { by: 'a stranger' } }),
  'place-stock-unit': { status: 404, attempts: () => [{ body: { bankId: bank.id } }] },
  'withdraw-stock-unit': hidden({ reason: 'a stranger says so' }),
  'list-stock-levels': hidden(),
  'list-assignment-policies': null,
  'get-assignment-policy': null,
  'replace-assignment-policy': null,
  'restore-assignment-policy': null,
  'replay-assignments': {
    status: 200,
    attempts: () => [
      {
        body: {
          transactionIds: [parcel.id],
          rules: { criteria: [], reachableMm: 1_700, takeLarger: true },
        },
      },
    ],
  },
  'get-workflow-terms': hidden(),
  'update-workflow-terms': hidden({ workflows: {} }),
  'list-message-templates': { status: 200, attempts: () => [{}] },
  'get-message-template': null,
  'put-message-template': null,
  'delete-message-template': null,
  'preview-message': {
    status: 404,
    attempts: () => [{ body: { kind: 'item_waits', locale: 'en', channel: 'sms', transactionId: parcel.id } }],
  },
  'get-branding': null,
  'update-branding': null,
  'create-api-key': null,
  'list-api-keys': { status: 200, attempts: () => [{}] },
  'revoke-api-key': hidden({}),
  'create-webhook-endpoint': null,
  'list-webhook-endpoints': { status: 200, attempts: () => [{}] },
  'get-webhook-endpoint': hidden(),
  'update-webhook-endpoint': hidden({ description: 'of a stranger' }),
  'rotate-webhook-secret': hidden({}),
  'ping-webhook-endpoint': hidden({}),
  'try-webhook-endpoint': hidden({ eventType: 'transaction.created' }),
  'delete-webhook-endpoint': hidden(),
  'list-deliveries': hidden(),
  'get-delivery': hidden(),
  'resend-delivery': hidden({}),
  'replay-webhook-endpoint': hidden({ from: new Date(Date.now() - 60_000).toISOString() }),
  'recover-deliveries': hidden({ since: new Date(Date.now() - 60_000).toISOString() }),
  'get-webhook-replay': hidden(),
  'list-events': {
    status: 200,
    attempts: ({ path }) => [{}, { path: `${path}?subject=${parcel.id}` }],
  },
  'get-openapi': null,
  'get-asyncapi': null,
};

const ask = (api: Tenant['api'], route: Route, attempt: Attempt = {}, headers = {}): Promise<Answer> =>
  api.request(route.method, attempt.path ?? pathOf(route), {
    ...(route.body && { body: attempt.body ?? {} }),
    headers,
  });

/** Nothing of the owner is in the answer that was not in the question. */
const shownOnly = (answer: Answer, asked: string): void => {
  const text = `${JSON.stringify(answer.body)} ${JSON.stringify([...answer.headers])}`;
  expect(secrets.filter((it) => text.includes(it) && !asked.includes(it))).toEqual([]);
};

describe('a key of another tenant', () => {
  let before: Picture;
  beforeAll(async () => {
    before = await takePicture([owner], []);
  });

  it('is tried on every route there is', () => {
    expect(Object.keys(cases).toSorted()).toEqual(routes.map(({ id }) => id).toSorted());
  });

  it.each(routes.filter(({ id }) => cases[id] !== null))('finds nothing of the owner by $id', async (route) => {
    const { status, attempts } = cases[route.id] ?? { status: 0, attempts: () => [] };
    for (const attempt of attempts(route)) {
      for (const headers of [{}, { 'if-match': '"3"' }, { 'if-match': '*' }]) {
        const answer = await ask(stranger.api, route, attempt, headers);
        expect([attempt.path ?? route.path, answer.status]).toEqual([attempt.path ?? route.path, status]);
        shownOnly(answer, `${attempt.path ?? pathOf(route)} ${JSON.stringify(attempt.body)}`);
        if (status >= 400) Problem.parse(answer.body);
      }
    }
  });

  it('has changed nothing by all that', async () => {
    expect((await takePicture([owner], [])).rows).toEqual(before.rows);
  });

  it('is told of a bank that it is unknown, as of one that there is not', async () => {
    const of = (id: string) => stranger.api.request('POST', '/v1/transactions', { body: parcelFor({ id }) });
    const [there, not] = [await of(bank.id), await of('bnk_00000000000000000000000000')];
    expect(there).toMatchObject({ status: 409, body: { code: 'reservation_refused', reason: 'bank_unknown' } });
    const { requestId: _, detail, ...problem } = Problem.parse(there.body);
    const { requestId: __, detail: other, ...same } = Problem.parse(not.body);
    expect(problem).toEqual(same);
    expect(detail.replace(bank.id, '')).toBe(other.replace('bnk_00000000000000000000000000', ''));
  });

  it('gets no further with a cursor of the owner', async () => {
    for (const name of ['One', 'Two']) await owner.api.post('/v1/sites', { name }, Made);
    const Page = z.object({ data: z.array(Made), nextCursor: z.string() });
    const { nextCursor } = await owner.api.get('/v1/sites?limit=1', Page);
    const answer = await stranger.api.request('GET', `/v1/sites?limit=1&cursor=${nextCursor}`);
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer: '#query/cursor' }] } });
    shownOnly(answer, nextCursor);
  });

  it('gets no further in a feed with a cursor of the owner', async () => {
    const { nextCursor } = await owner.api.get('/v1/events?limit=1', z.object({ nextCursor: z.string() }));
    const answer = await stranger.api.request('GET', `/v1/events?limit=1&after=${nextCursor}`);
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer: '#query/after' }] } });
    shownOnly(answer, nextCursor);
  });

  it('leaves both tenants whole', () => invariantsHold({ tenants: [owner, stranger], banks: [bank], quiet: true }));
});

describe('a key without the scope', () => {
  // That of persons is asked for by what is to be in an export: test/journeys/exports.test.ts.
  it.each(Scope.options.filter((scope) => scope !== 'exports:personal'))(
    '%s is refused on each route that needs it, before anything else is looked at',
    async (missing) => {
      const scopes = Scope.options.filter((scope) => scope !== missing);
      const { key = '' } = await owner.api.post('/v1/api-keys', { name: `No ${missing}`, scopes }, ApiKeyView);
      const api = apiClient(stack.apiUrl, key);
      const needing = routes.filter(({ permission }) => permission === missing);
      expect(needing.length).toBeGreaterThan(0);
      for (const route of needing) {
        const answer = await ask(api, route);
        expect([route.id, answer.status]).toEqual([route.id, 403]);
        expect(answer.body).toMatchObject({ code: 'forbidden', detail: `this API key lacks the scope ${missing}` });
        shownOnly(answer, pathOf(route));
      }
    },
  );

  it('cannot give it to a new key', async () => {
    const body = { name: 'Modest', scopes: ['api-keys:write', 'api-keys:read'] };
    const { key = '' } = await owner.api.post('/v1/api-keys', body, ApiKeyView);
    const api = apiClient(stack.apiUrl, key);
    const more = { name: 'More', scopes: ['api-keys:read', 'transactions:write'] };
    expect(await api.request('POST', '/v1/api-keys', { body: more })).toMatchObject({ status: 403 });
    expect(await api.request('POST', '/v1/api-keys', { body: { ...more, scopes: ['api-keys:read'] } })).toMatchObject({
      status: 201,
    });
    await invariantsHold({ tenants: [owner, stranger], banks: [bank], quiet: true });
  });
});
