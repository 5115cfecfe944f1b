import type * as z from 'zod';
import { sampleEvent } from '../../events/samples.ts';
import type { ThermalClass } from '../domain/bank.ts';
import * as apiKeys from './api-keys.ts';
import * as assets from './assets.ts';
import * as assignmentPolicies from './assignment-policies.ts';
import * as banks from './banks.ts';
import * as commands from './commands.ts';
import * as controllers from './controllers.ts';
import * as credentialRoutes from './credentials.ts';
import * as documents from './documents.ts';
import * as events from './events.ts';
import * as exportSchedules from './export-schedules.ts';
import * as exports from './exports.ts';
import * as imports from './imports.ts';
import * as incidents from './incidents.ts';
import * as links from './links.ts';
import * as lockBoards from './lock-boards.ts';
import * as messageTemplates from './message-templates.ts';
import * as messages from './messages.ts';
import * as reconciliations from './reconciliations.ts';
import type { Route } from './route.ts';
import * as sites from './sites.ts';
import * as stockUnits from './stock-units.ts';
import * as transactions from './transactions.ts';
import * as webhookEndpoints from './webhook-endpoints.ts';
import * as workflowTerms from './workflow-terms.ts';

/** One call and its answer, as the OpenAPI document shows it and test/journeys/examples.test.ts makes it. */
export type Example = {
  route: Route;
  summary: string;
  params: Record<string, string>;
  query: Record<string, string>;
  body: unknown;
  answer: unknown;
  /** What has to happen at the bank before. */
  after?:
    | 'the bank is online'
    | 'the item is deposited'
    | 'the renter stands before the bank again'
    | 'the renter has closed the door'
    | 'the goods are put in'
    | 'the endpoint has answered';
};

type Of<R extends Route> = {
  summary?: string;
  after?: Example['after'];
  query?: R['query'] extends () => z.ZodType ? Record<string, string> : never;
  answer: z.input<ReturnType<R['response']>>;
} & (R['params'] extends z.ZodType ? { params: z.input<R['params']> } : object) &
  (R['body'] extends () => z.ZodType ? { body: z.input<ReturnType<R['body']>> } : object);

const example = <const R extends Route>(route: R, it: Of<NoInfer<R>>): Example => ({
  summary: route.summary,
  params: {},
  query: {},
  body: undefined,
  route,
  ...(it as Partial<Example> & { answer: unknown }),
});

const at = '2030-03-04T09:30:00.000Z';
const later = '2030-03-04T09:41:20.000Z';

const ids = {
  site: 'sit_01KJQ4VAA1C3E5G7J9M1P3R5T7',
  bank: 'bnk_01KJQ4W2YB6D8F0H2K4M6P8R0S',
  kiosk: 'bnk_01KJQ5E4E6G8J0M2P4R6T8W0Y2',
  lockBoard: 'bnk_01KJQ5F5F7H9K1N3Q5S7V9X1Z3',
  rotation: 'rot_01KJQ53Q4R6T8V0X2Z4B6D8F0H',
  reconciliation: 'rec_01KJQ4ZD6R8T0V2X4Z6B8D0F2J',
  exportSchedule: 'exs_01KJQ4ZD6R8T0V2X4Z6B8D0F2K',
  export: 'exp_01KJQ4ZF3V5X7Z9B1D3F5H7K9M',
  incident: 'inc_01KJQ5G6G8J0M2P4R6T8W0Y2A4',
  import: 'imp_01KJQ4ZD6R8T0V2X4Z6B8D0F2H',
  asset: 'ast_01KJQ4YC5T7V9X1Z3B5D7F9H1J',
  stockUnit: 'stk_01KJQ4YS7V9X1Z3B5D7F9H1J3M',
  policy: 'asp_01KJQ4TZZ9B1D3F5H7K9N1Q3S5',
  /** That of whoever asks; it makes the next one. */
  ownKey: 'key_01KJQ4R2H0K2M4P6R8T0V2X4Z6',
  key: 'key_01KJQ4V6K2M4P6R8T0V2X4Z6B8',
  endpoint: 'whe_01KJQ4XS9Q1S3V5X7Z9B1D3F5H',
  recovery: 'rpl_01KJQ5AHCPQ2R4T6V8X0Z2B4D6',
  replay: 'rpl_01KJQ5AJ3RQ2R4T6V8X0Z2B4D6',
  event: 'evt_01KJQ58Q7S9V1X3Z5B7D9F1H3K',
  delivery: 'dlv_01KJQ58Q7S9V1X3Z5B7D9F1H3K',
  trialEvent: 'evt_01KJQ5AR8T0W2Y4A6C8E0G2J4M',
  trialDelivery: 'dlv_01KJQ5AR8T0W2Y4A6C8E0G2J4M',
  command: 'cmd_01KJQ51M2N4P6R8T0V2X4Z6B8D',
  byPhone: 'cmd_01KJQ5C2D6G8J0M2P4R6T8W0Y2',
  parcel: 'txn_01KJQ4Z0G8V5T2M9R7X3C6B1NA',
  sale: 'txn_01KJQ5A1B3D5F7H9K1N3Q5S7V9',
  rental: 'txn_01KJQ5C2C4E6G8J0M2P4R6T8W0',
  fromStock: 'txn_01KJQ5D3D5F7H9K1N3Q5S7V9X1',
};
const credentials = {
  deposit: 'crd_01KJQ4Z0H3S5T7V9X1Z3B5D7F9',
  pickup: 'crd_01KJQ4Z0H4T6V8X0Z2B4D6F8G0',
  newDeposit: 'crd_01KJQ55E4G6J8M0P2R4T6V8X0Z',
  newPickup: 'crd_01KJQ57F5H7K9N1Q3S5V7X9Z1B',
  takeOut: 'crd_01KJQ58Q7S9V1X3Z5B7D9F1H3K',
  putIn: 'crd_01KJQ58Q7T0W2Y4A6C8E0G2J4M',
  recall: 'crd_01KJQ59G6J8M0P2R4T6V8X0Z2C',
  use: 'crd_01KJQ5C2C5F7H9K1N3Q5S7V9X1',
  delegate: 'crd_01KJQ59N8P0R2T4V6X8Z0B2D4F',
  app: 'crd_01KJQ5D3D5F7H9K1N3Q5S7V9X1',
  saleDeposit: 'crd_01KJQ5A1B4E6G8J0M2P4R6T8W0',
  salePickup: 'crd_01KJQ5A1B5F7H9K1N3Q5S7V9X1',
  stockPickup: 'crd_01KJQ5D3D6G8J0M2P4R6T8W0Y2',
};

const site: z.input<typeof sites.SiteView> = {
  id: ids.site,
  name: 'Harbour',
  timeZone: 'Europe/Zurich',
  createdAt: at,
  version: 1,
};

const whereabouts = {
  address: 'Quay 4, 8001 Zurich',
  position: { latitude: 47.3667, longitude: 8.545 },
  support: { phone: '+41445550100', email: 'help@example.com' },
};

const ambient: ThermalClass = 'ambient';
const small = { widthMm: 440, heightMm: 150, depthMm: 500, maxMassG: 20_000, thermalClass: ambient };
const large = { ...small, heightMm: 450 };
const layout = [
  { door: 'A1', ...small, bottomMm: 100 },
  { door: 'A2', ...small, bottomMm: 260 },
  { door: 'A3', ...small, bottomMm: 420 },
  { door: 'A4', ...small, bottomMm: 580 },
  { door: 'A5', ...small, bottomMm: 740 },
  { door: 'A6', ...small, bottomMm: 900 },
  { door: 'B1', ...large, bottomMm: 100 },
  { door: 'B2', ...large, bottomMm: 560 },
  { door: 'B3', ...large, bottomMm: 1020 },
];
const bank: banks.BankView = {
  id: ids.bank,
  siteId: ids.site,
  name: 'Harbour Hall',
  lifecycle: 'provisioning',
  simulated: false,
  layout,
  config: {
    rev: 1,
    timeZone: 'Europe/Zurich',
    reopenSeconds: 120,
    ajarAfterSeconds: 60,
    batteryBackedClock: false,
    lockout: [
      { failures: 5, lockSeconds: 60 },
      { failures: 10, lockSeconds: 900 },
      { failures: 20, lockSeconds: 86_400 },
    ],
    guessesPerDay: 20,
  },
  pinDigits: 6,
  createdAt: at,
  version: 1,
  connectivity: 'offline',
  connectivitySince: null,
};
const compartment: banks.CompartmentView = {
  ...large,
  door: 'B2',
  bottomMm: 560,
  heldBy: null,
  availability: 'available',
  doorState: 'closed',
  contents: 'empty',
  lock: 'ok',
  outOfService: null,
  version: 0,
};

const health: banks.BankHealth = {
  bankId: ids.bank,
  lifecycle: 'active',
  connectivity: 'online',
  connectivitySince: at,
  drops: 0,
  uptime: { from: at, to: later, seconds: 680, downSeconds: 0, outages: 0, share: 1 },
  doors: layout.map(({ door }) => {
    const isOut = door === 'B2';
    return {
      door,
      availability: isOut ? 'out_of_service' : 'available',
      doorState: 'closed',
      contents: 'empty',
      lock: 'ok',
      outOfService: isOut ? 'hinge broken' : null,
      outOfServiceSince: isOut ? later : null,
      temperatureOutOfRangeSince: null,
      uptime: { from: at, to: later, seconds: 680, downSeconds: 0, outages: 0, share: 1 },
    };
  }),
  outages: [{ door: 'B2', reason: 'hinge broken', startedAt: later, endedAt: null }],
};
const lockBoardLayout = [
  { door: 'L1', ...small, bottomMm: 900 },
  { door: 'L2', ...small, bottomMm: 1060 },
];
const lockBoard: lockBoards.LockBoardView = {
  id: ids.lockBoard,
  url: 'https://boards.example/unlock',
  locks: { L1: { board: '0A', lock: '1E' }, L2: { board: '0A', lock: '1F' } },
  toldAt: later,
};
const { url: unlockUrl, locks } = lockBoard;
const driven: banks.BankView = { ...bank, id: ids.lockBoard, name: 'Station', layout: lockBoardLayout };
const otherLocks = { ...locks, L2: { board: '0B', lock: '01' } };
/** When a code was typed at it, and a door seen: milliseconds since 1970. */
/** Since when something is sent again; where the examples are carried out, it stands for a moment that is past. */
export const replayedSince = '2030-03-04T09:00:00.000Z';
export const callbackTime = '1898933400000';
const kioskLayout = [{ door: 'K1', ...small, bottomMm: 900 }];
const kiosk: banks.BankView = { ...bank, id: ids.kiosk, name: 'Kiosk', layout: kioskLayout };
/** Its certificate was attached by hand, so that it is not known here. */
const controller: controllers.ControllerView = {
  id: ids.bank,
  bankSequence: 3,
  serialNumber: null,
  certificates: null,
  rotation: { id: ids.rotation, requestedAt: later },
  lifecycle: 'active',
  generation: 1,
};
const awaited: controllers.ControllerView = {
  ...controller,
  id: ids.kiosk,
  bankSequence: 1,
  serialNumber: 'LW-2044-0017',
  certificates: [],
  rotation: null,
  lifecycle: 'provisioning',
};
const replaced: controllers.ControllerView = {
  ...awaited,
  serialNumber: 'LW-2044-0093',
  generation: 2,
  bankSequence: 2,
};
const onKiosk = { params: { bankId: ids.kiosk } };

const rules = {
  criteria: [
    { by: 'size' as const, step: 1 },
    { by: 'wear' as const, step: 500 },
  ],
  reachableMm: 1_700,
  takeLarger: true,
};
const builtInPolicy: assignmentPolicies.AssignmentPolicyView = {
  ...rules,
  id: ids.policy,
  name: 'best-fit',
  version: 1,
  policy: 'best-fit/1',
  restores: null,
  changedAt: null,
  by: null,
};
const lowerDoors = { ...rules, reachableMm: 1_400 };
const lowerPolicy: assignmentPolicies.AssignmentPolicyView = {
  ...builtInPolicy,
  ...lowerDoors,
  name: 'low-doors',
  version: 2,
  policy: 'low-doors/2',
  changedAt: at,
  by: { type: 'api_key', id: ids.ownKey },
};

const handedOver = { reserveUntil: 86_400, depositBy: 172_800, pickupBy: 259_200 };
const onTime = { earlySeconds: 0, lateSeconds: 0 };
const aDayBefore = { scanAt: [], remindBeforeSeconds: 86_400 };
const usualTerms: workflowTerms.WorkflowTermsView['effective'] = {
  sale: { deadlineSeconds: handedOver, tolerance: onTime, conditions: ['payment'], ...aDayBefore },
  release: {
    deadlineSeconds: handedOver,
    tolerance: { earlySeconds: 600, lateSeconds: 600 },
    conditions: [],
    ...aDayBefore,
  },
  parcel: { deadlineSeconds: handedOver, tolerance: onTime, conditions: [], ...aDayBefore },
  return: { deadlineSeconds: handedOver, tolerance: onTime, conditions: [], ...aDayBefore },
  loan: {
    deadlineSeconds: { reserveUntil: 86_400, useUntil: 259_200 },
    tolerance: onTime,
    conditions: [],
    ...aDayBefore,
  },
  rental: {
    deadlineSeconds: { reserveUntil: 3_600, useUntil: 86_400 },
    tolerance: onTime,
    conditions: [],
    ...aDayBefore,
    remindBeforeSeconds: 3_600,
  },
};
const saidOfParcels = { deadlineSeconds: { pickupBy: 172_800 }, tolerance: { earlySeconds: 0, lateSeconds: 900 } };
const siteTerms: workflowTerms.WorkflowTermsView = {
  id: `wft_${ids.site.slice(4)}`,
  siteId: ids.site,
  workflows: {},
  effective: usualTerms,
  offlineSeconds: {},
  effectiveOfflineSeconds: {},
  quietHours: null,
  effectiveQuietHours: 'none',
  updatedAt: null,
  version: 0,
};

const unbranded: messageTemplates.BrandingView = {
  id: `brd_${ids.site.slice(4)}`,
  name: null,
  color: null,
  inkColor: null,
  logoUrl: null,
  support: null,
  smsSenderId: null,
  locale: null,
  updatedAt: null,
  version: 0,
};
const itemWaits = { kind: 'item_waits', locale: 'de', channel: 'sms' } as const;
const ourText: messageTemplates.MessageTemplateView = {
  ...itemWaits,
  subject: null,
  text: 'Ihre Sendung liegt bereit: {{place}}, Fach {{door}}. {{code}} Bitte abholen bis {{until}}. {{link}}',
  by: 'latchwork',
  variables: ['place', 'door', 'code', 'pin', 'until', 'link', 'brand', 'support'],
  smsParts: 2,
  updatedAt: null,
  version: 0,
};
const yourText: messageTemplates.MessageTemplateView = {
  ...ourText,
  text: '{{brand}}: Bei {{place}} liegt etwas für Sie. {{code}}',
  by: 'tenant',
  smsParts: 1,
  updatedAt: at,
  version: 1,
};

const drill: assets.AssetView = {
  id: ids.asset,
  name: 'Cordless drill',
  externalId: 'INV-0042',
  item: { lengthMm: 300, widthMm: 250, heightMm: 100, massG: 2_100, thermalClass: ambient },
  metadata: {},
  bankId: ids.bank,
  siteId: ids.site,
  door: 'B1',
  returnsTo: 'own_door',
  retired: null,
  createdAt: at,
  version: 1,
  state: 'missing',
  transactionId: null,
};
const { state: _, transactionId: __, ...listedDrill } = drill;

const apiKey: apiKeys.ApiKeyView = {
  id: ids.key,
  name: 'Web shop',
  mode: 'live',
  scopes: ['transactions:read', 'transactions:write'],
  system: null,
  requestsPerMinute: 600,
  createdAt: at,
  revokedAt: null,
  version: 1,
};

const endpoint: webhookEndpoints.WebhookEndpointView = {
  id: ids.endpoint,
  url: 'https://shop.example/hooks',
  description: 'The web shop',
  eventTypes: [],
  apiVersion: '2026-11-01',
  headerNames: ['x-shop-key'],
  attemptsPerMinute: 600,
  state: 'active',
  disabledReason: null,
  signature: 'hmac',
  answeredAt: null,
  previousSignsUntil: null,
  createdAt: at,
  version: 1,
};

const rotatedEndpoint: webhookEndpoints.WebhookEndpointView = {
  ...endpoint,
  eventTypes: ['webhook_endpoint.pinged'],
  signature: 'ed25519',
  answeredAt: at,
  publicKey: 'whpk_dGhpcyBpcyBhbiBleGFtcGxlLCBub3QgYSByZWFsIGs=',
  previousSignsUntil: '2030-03-05T09:41:20.000Z',
};

const replay: webhookEndpoints.WebhookReplayView = {
  id: ids.recovery,
  endpointId: ids.endpoint,
  from: replayedSince,
  to: later,
  eventTypes: [],
  states: [],
  state: 'running',
  stoppedBecause: null,
  sent: 0,
  reachedAt: null,
  by: ids.ownKey,
  createdAt: later,
  endedAt: null,
};

const delivery: z.input<typeof webhookEndpoints.DeliveryView> = {
  id: ids.delivery,
  endpointId: ids.endpoint,
  eventId: ids.event,
  eventType: 'webhook_endpoint.pinged',
  subject: ids.endpoint,
  sequence: 4,
  state: 'delivered',
  attempts: [{ at: later, status: 204, error: null, durationMs: 31 }],
  nextAttemptAt: null,
  resent: [],
  createdAt: later,
};

const credential = (
  id: string,
  step: transactions.CredentialView['step'],
  more: Partial<transactions.CredentialView> = {},
): transactions.CredentialView => ({
  id,
  step,
  method: 'pin',
  state: step === 'pickup' ? 'issued' : 'active',
  notBefore: at,
  notAfter: '2030-03-05T09:30:00.000Z',
  atBank: true,
  ...more,
});

const parcel: transactions.TransactionView = {
  id: ids.parcel,
  workflow: 'parcel',
  state: 'reserved',
  version: 2,
  siteId: ids.site,
  bankId: ids.bank,
  door: 'A2',
  livemode: true,
  externalIds: { order: 'A-1001' },
  source: null,
  items: [{ lengthMm: 300, widthMm: 200, heightMm: 100, massG: 1_200, thermalClass: 'ambient' }],
  recipient: { name: 'Ada Example', phone: '+41791234567' },
  parties: {},
  payment: null,
  metadata: { basket: '77' },
  deadlines: {
    reserveUntil: '2030-03-05T09:30:00.000Z',
    depositBy: '2030-03-06T09:30:00.000Z',
    pickupBy: '2030-03-09T09:30:00.000Z',
  },
  flags: [],
  reservation: 'hard',
  holdReason: null,
  credentials: [credential(credentials.deposit, 'deposit'), credential(credentials.pickup, 'pickup')],
  depositStartedAt: null,
  depositedAt: null,
  pickedUpAt: null,
  endedAt: null,
  expiredStage: null,
  cancelReason: null,
  recallCause: null,
  rejectReason: null,
  assignment: {
    policy: 'best-fit-1',
    candidates: 6,
    reason: 'the smallest that fits, ties in an order of the transaction',
  },
  createdAt: at,
  updatedAt: at,
};
const pickupLink =
  'https://api.example/p/01KJQ4VAA1C3E5G7J9M1P3R5T701KJQ4VBB1C3E5G7J9M1P3R5T7AAFUZbW9mTQ4pZs1Qx0hWkYd3nE';

/** As the answer shows them that issued them. */
const shown = (it: transactions.CredentialView, value: string) => {
  const hasPage = ['deposit', 'pickup', 'use'].includes(it.step);
  return { ...it, atBank: false, value, ...(hasPage && { link: pickupLink }) };
};

const onParcel = { params: { transactionId: ids.parcel } };
const resent = [
  credential(credentials.deposit, 'deposit', { state: 'superseded' }),
  credential(credentials.pickup, 'pickup'),
];
const reissued = [
  credential(credentials.deposit, 'deposit', { state: 'superseded' }),
  credential(credentials.pickup, 'pickup', { state: 'revoked' }),
  credential(credentials.newDeposit, 'deposit'),
];
const extended = { ...parcel.deadlines, pickupBy: '2030-03-14T09:30:00.000Z' };
const afterReissue = {
  ...parcel,
  version: 7,
  door: 'A4',
  recipient: { name: 'Ada Example', phone: '+41791234568' },
  credentials: [...reissued, credential(credentials.newPickup, 'pickup')],
};
const delegates = { [credentials.delegate]: { name: 'Grace Example', phone: '+41791234570' } };
const handedOn: transactions.TransactionView = {
  ...afterReissue,
  version: 8,
  delegates,
  credentials: [
    ...reissued,
    credential(credentials.newPickup, 'pickup', { suspended: true }),
    credential(credentials.delegate, 'pickup', { delegatedFrom: credentials.newPickup }),
  ],
};
const takenBack: transactions.TransactionView = {
  ...handedOn,
  credentials: [
    ...reissued,
    credential(credentials.newPickup, 'pickup'),
    credential(credentials.delegate, 'pickup', { state: 'revoked', delegatedFrom: credentials.newPickup }),
  ],
};
const appCredential = credential(credentials.app, 'deposit', { method: 'app', atBank: false });
const couriers = {
  id: 'bdg_01KJQ4TZZ9B1D3F5H7K9N1Q3S5',
  group: 'couriers',
  badges: 2,
  changedAt: at,
  version: 1,
};
/** What the panel of its bank shows. */
export const presenceCode = '482915';
const byPhone = 'by phone, with the code of the panel';
const exampleToken = `AQAB${'A'.repeat(146)}`;
/** What was issued and is over, as every later answer shows it. */
const withdrawn = [
  ...takenBack.credentials.slice(-1),
  credential(credentials.app, 'deposit', { method: 'app', state: 'revoked' }),
];
const afterHandover: transactions.TransactionView = {
  ...afterReissue,
  version: 11,
  delegates,
  credentials: [...reissued, credential(credentials.newPickup, 'pickup'), ...withdrawn],
};
const usedDeposit = reissued.map((it) => (it.id === credentials.newDeposit ? { ...it, state: 'used' as const } : it));
const stored: transactions.TransactionView = {
  ...afterHandover,
  state: 'stored',
  version: 16,
  deadlines: extended,
  depositedAt: later,
  depositStartedAt: later,
};
const inside = [...usedDeposit, credential(credentials.newPickup, 'pickup', { state: 'active' }), ...withdrawn];
const carrier = {
  takeOut: credential(credentials.takeOut, 'take_out', { notAfter: '2030-03-04T10:41:20.000Z' }),
  putIn: credential(credentials.putIn, 'put_in', { state: 'issued', notAfter: '2031-03-04T09:41:20.000Z' }),
};
const gone = { state: 'revoked' as const };
const moving: transactions.TransactionView = {
  ...stored,
  version: 17,
  flags: ['moving'],
  move: {
    stage: 'planned',
    from: 'A4',
    to: 'B3',
    reason: 'the hinge is loose',
    by: { type: 'api_key', id: ids.ownKey },
    since: later,
    moveBy: '2030-03-04T10:41:20.000Z',
  },
};
const recalled: transactions.TransactionView = {
  ...stored,
  state: 'recall_due',
  version: 19,
  move: null,
  recallCause: 'recalled',
  credentials: [
    ...usedDeposit,
    credential(credentials.newPickup, 'pickup', gone),
    ...withdrawn,
    { ...carrier.takeOut, ...gone },
    { ...carrier.putIn, ...gone },
    credential(credentials.recall, 'recall'),
  ],
};

const saleCredentials = [credential(credentials.saleDeposit, 'deposit'), credential(credentials.salePickup, 'pickup')];
const sale: transactions.TransactionView = {
  ...parcel,
  id: ids.sale,
  workflow: 'sale',
  door: 'A1',
  externalIds: { order: 'A-1002' },
  link: { kind: 'order', id: 'A-1002', part: 1, of: 2 },
  payment: { amountMinor: 4_990, currency: 'CHF' },
  preconditions: [{ condition: 'payment' }, { condition: 'age' }],
  metadata: {},
  flags: ['payment_pending'],
  credentials: saleCredentials,
};
const monthly: exportSchedules.ExportScheduleView = {
  id: ids.exportSchedule,
  name: 'Month for the books',
  kind: 'transactions',
  format: 'csv',
  filter: {},
  personalData: false,
  every: 'month',
  at: '06:00',
  timeZone: 'Europe/Zurich',
  apiKeyId: ids.ownKey,
  mode: 'live',
  pushTo: null,
  nextRunAt: '2030-04-01T04:00:00.000Z',
  lastExportId: null,
  createdAt: at,
  version: 1,
};
const exported: exports.ExportView = {
  id: ids.export,
  kind: 'transactions',
  format: 'csv',
  from: '2025-02-01T00:00:00.000Z',
  to: '2025-03-01T00:00:00.000Z',
  filter: { workflow: 'parcel' },
  personalData: false,
  state: 'running',
  apiKeyId: ids.ownKey,
  scheduleId: null,
  mode: 'live',
  pushTo: 'finance',
  push: { state: 'waiting', key: null, attempts: 0, at: null, reason: null, said: null, nextAttemptAt: null },
  rows: 0,
  bytes: null,
  fileUntil: null,
  problem: null,
  createdAt: at,
  endedAt: null,
  version: 1,
  file: null,
};

const compared: reconciliations.ReconciliationView = {
  id: ids.reconciliation,
  name: 'February of the shop',
  state: 'pending',
  system: 'order',
  from: '2025-02-01T00:00:00.000Z',
  to: '2025-03-01T00:00:00.000Z',
  apiKeyId: ids.ownKey,
  mode: 'live',
  bytes: 96_214,
  uploadBy: '2030-03-04T09:45:00.000Z',
  rows: null,
  result: null,
  fileUntil: null,
  problem: null,
  createdAt: at,
  endedAt: null,
  version: 1,
  file: null,
};

const imported: imports.ImportView = {
  id: ids.import,
  name: 'Monday’s orders',
  state: 'pending',
  apiKeyId: ids.key,
  mode: 'live',
  bytes: 412_873,
  uploadBy: '2030-03-04T09:45:00.000Z',
  rows: null,
  invalidRows: 0,
  problem: null,
  counts: { created: 0, alreadyExists: 0, refused: 0, pending: 0 },
  createdAt: at,
  startedAt: null,
  endedAt: null,
  version: 1,
};
const paid: transactions.TransactionView = {
  ...sale,
  version: 3,
  flags: [],
  preconditions: [
    { condition: 'payment', met: { at: later, by: ids.ownKey, reference: 'pay-31337' } },
    { condition: 'age' },
  ],
};
const confirmed: transactions.TransactionView = {
  ...paid,
  version: 4,
  preconditions: [...(paid.preconditions ?? []).slice(0, 1), { condition: 'age', met: { at: later, by: ids.ownKey } }],
};
const refunded: transactions.TransactionView = {
  ...confirmed,
  version: 5,
  charges: [{ kind: 'refund', amountMinor: 990, currency: 'CHF', reason: 'scratched', at: later, by: ids.ownKey }],
};
const onSale = { params: { transactionId: ids.sale } };

const rental: transactions.TransactionView = {
  ...parcel,
  id: ids.rental,
  workflow: 'rental',
  door: 'A3',
  externalIds: { booking: 'R-7' },
  metadata: {},
  deadlines: { reserveUntil: '2030-03-04T10:30:00.000Z', useUntil: '2030-03-05T09:30:00.000Z' },
  credentials: [credential(credentials.use, 'use')],
};

const returned: transactions.TransactionView = {
  ...rental,
  state: 'completed',
  version: 5,
  startedAt: later,
  endedAt: later,
  credentials: [credential(credentials.use, 'use', { state: 'revoked' })],
};
const cleaning = {
  kind: 'surcharge' as const,
  amountMinor: 1_500,
  currency: 'CHF',
  reason: 'the door had to be cleaned',
  at: later,
  by: ids.ownKey,
};

const cracked: incidents.IncidentView = {
  id: ids.incident,
  kind: 'reported',
  severity: 'high',
  state: 'open',
  summary: 'The pane over the upper row is cracked',
  subject: null,
  eventId: null,
  bankId: ids.bank,
  door: 'B3',
  transactionId: null,
  livemode: true,
  owner: null,
  occurrences: 1,
  lastAt: at,
  causeHolds: false,
  causeOverAt: null,
  acknowledgeBy: '2030-03-04T10:30:00.000Z',
  resolveBy: '2030-03-04T21:30:00.000Z',
  level: 0,
  escalatedAt: null,
  steps: [],
  resolution: null,
  openedAt: at,
  acknowledgedAt: null,
  resolvedAt: null,
  closedAt: null,
  version: 1,
  todo: 'What was reported stands in its summary.',
  escalatesAt: '2030-03-04T10:30:00.000Z',
};
const { steps: ___, ...crackedAsListed } = cracked;
const crackedTaken: incidents.IncidentView = {
  ...cracked,
  state: 'acknowledged',
  owner: 'field-north',
  acknowledgedAt: later,
  version: 2,
  escalatesAt: cracked.resolveBy,
};
const crackedInWork: incidents.IncidentView = {
  ...crackedTaken,
  state: 'in_progress',
  owner: 'glazier',
  steps: [{ at: later, by: ids.ownKey, text: 'Taped over; a pane is on order.' }],
  version: 4,
};
const crackedNoMore: incidents.IncidentView = {
  ...crackedInWork,
  state: 'resolved',
  resolution: 'A new pane is in.',
  resolvedAt: later,
  version: 5,
  escalatesAt: null,
};
const onCracked = { params: { incidentId: ids.incident } };

const umbrella: stockUnits.StockUnitView = {
  id: ids.stockUnit,
  sku: 'umbrella-black',
  state: 'registered',
  externalIds: { erp: 'L-4711' },
  item: { externalId: 'SN-77', lengthMm: 300, widthMm: 80, heightMm: 80, massG: 450, thermalClass: ambient },
  bestBefore: null,
  metadata: {},
  bankId: null,
  siteId: null,
  door: null,
  stockedAt: null,
  soldBy: null,
  withdrawnBecause: null,
  createdAt: at,
  version: 1,
  promisedTo: null,
  isPastBestBefore: false,
};
const placed: stockUnits.StockUnitView = {
  ...umbrella,
  state: 'placed',
  bankId: ids.bank,
  siteId: ids.site,
  door: 'B1',
  version: 2,
};
const stocked: stockUnits.StockUnitView = { ...placed, state: 'in_stock', stockedAt: later, version: 3 };
const level = { sku: umbrella.sku, forSale: 0, promised: 0, placed: 0, missing: 0, pastBestBefore: 0 };
const onUmbrella = { params: { stockUnitId: ids.stockUnit } };
const fromStock: transactions.TransactionView = {
  ...parcel,
  id: ids.fromStock,
  workflow: 'sale',
  state: 'stored',
  version: 3,
  door: 'B1',
  stockUnitId: ids.stockUnit,
  externalIds: { order: 'A-1003' },
  items: [umbrella.item],
  payment: { amountMinor: 1_990, currency: 'CHF' },
  preconditions: [{ condition: 'payment' }],
  metadata: {},
  deadlines: { reserveUntil: later, depositBy: later, pickupBy: '2030-03-07T09:41:20.000Z' },
  flags: ['payment_pending'],
  credentials: [credential(credentials.stockPickup, 'pickup', { state: 'active' })],
  depositedAt: later,
  assignment: { policy: 'best-fit/1', candidates: 1, reason: 'the door in which the goods lie' },
};

const command: commands.CommandView = {
  id: ids.command,
  bankId: ids.bank,
  door: 'B1',
  livemode: true,
  transactionId: null,
  state: 'queued',
  reason: 'cleaning',
  outcome: null,
  notAfter: '2030-03-04T09:42:00.000Z',
  createdAt: later,
  updatedAt: later,
  version: 1,
};

const onePage = <T>(...data: T[]) => ({ data, nextCursor: null });

/** A day of an integrator, in an order that works: what one makes, later ones name. */
export const examples: readonly Example[] = [
  example(documents.getOpenapi, { answer: { openapi: '3.1.0' } }),
  example(documents.getAsyncapi, { answer: { asyncapi: '3.0.0' } }),

  example(sites.createSite, { body: { name: 'Harbour', timeZone: 'Europe/Zurich' }, answer: site }),
  example(sites.getSite, { params: { siteId: ids.site }, answer: site }),
  example(sites.listSites, { query: { limit: '10' }, answer: onePage(site) }),
  example(sites.updateSite, {
    params: { siteId: ids.site },
    body: whereabouts,
    answer: { ...site, ...whereabouts, version: 2 },
  }),

  example(banks.createBank, { body: { siteId: ids.site, name: 'Harbour Hall', layout }, answer: bank }),
  example(banks.getBank, { params: { bankId: ids.bank }, answer: bank }),
  example(banks.updateBank, {
    params: { bankId: ids.bank },
    body: { locale: 'de-CH', offlineSeconds: { badge: 28_800 } },
    answer: { ...bank, config: { ...bank.config, rev: 2, locale: 'de-CH', offlineSeconds: { badge: 28_800 } } },
  }),
  example(banks.listBanks, {
    answer: onePage({
      id: ids.bank,
      siteId: ids.site,
      name: 'Harbour Hall',
      lifecycle: 'active' as const,
      createdAt: at,
    }),
    after: 'the bank is online',
  }),
  example(banks.getCompartment, { params: { bankId: ids.bank, door: 'B2' }, answer: compartment }),
  example(banks.updateCompartment, {
    params: { bankId: ids.bank, door: 'B2' },
    body: { outOfService: 'hinge broken' },
    answer: { ...compartment, availability: 'out_of_service', outOfService: 'hinge broken', version: 1 },
  }),
  example(banks.listCompartments, {
    params: { bankId: ids.bank },
    answer: onePage(...layout.map((built) => ({ ...compartment, ...built }))),
  }),

  example(banks.getBankHealth, { params: { bankId: ids.bank }, answer: health }),

  example(assignmentPolicies.getAssignmentPolicy, { params: { version: 'current' }, answer: builtInPolicy }),
  example(assignmentPolicies.putAssignmentPolicy, { body: { ...lowerDoors, name: 'low-doors' }, answer: lowerPolicy }),
  example(assignmentPolicies.restoreAssignmentPolicy, {
    params: { version: '1' },
    body: {},
    answer: { ...lowerPolicy, ...rules, name: 'best-fit', version: 3, policy: 'best-fit/3', restores: 1 },
  }),
  example(assignmentPolicies.listAssignmentPolicies, { answer: onePage(lowerPolicy, builtInPolicy) }),

  example(workflowTerms.getWorkflowTerms, { params: { scope: ids.site }, answer: siteTerms }),
  example(workflowTerms.updateWorkflowTerms, {
    params: { scope: ids.site },
    body: { workflows: { parcel: saidOfParcels }, offlineSeconds: { badge: 28_800 } },
    answer: {
      ...siteTerms,
      workflows: { parcel: saidOfParcels },
      offlineSeconds: { badge: 28_800 },
      effectiveOfflineSeconds: { badge: 28_800 },
      effective: {
        ...usualTerms,
        parcel: { ...usualTerms.parcel, ...saidOfParcels, deadlineSeconds: { ...handedOver, pickupBy: 172_800 } },
      },
      updatedAt: at,
      version: 1,
    },
  }),

  example(messageTemplates.getBranding, { answer: unbranded }),
  example(messageTemplates.updateBranding, {
    body: {
      name: 'Harbour Parcels',
      color: '#0b6b4a',
      support: { phone: '+41445550100' },
      smsSenderId: 'Harbour',
      locale: 'de',
    },
    answer: {
      ...unbranded,
      name: 'Harbour Parcels',
      color: '#0b6b4a',
      inkColor: '#ffffff',
      support: { phone: '+41445550100' },
      smsSenderId: 'Harbour',
      locale: 'de',
      updatedAt: at,
      version: 1,
    },
  }),
  example(messageTemplates.getMessageTemplate, { params: itemWaits, answer: ourText }),
  example(messageTemplates.previewMessage, {
    body: { ...itemWaits, draft: { text: yourText.text } },
    answer: {
      locale: 'de',
      by: 'tenant',
      subject: null,
      text: 'Harbour Parcels: Bei Central Station liegt etwas für Sie. PIN: ••••••.',
      html: null,
      smsParts: 1,
    },
  }),
  example(messageTemplates.putMessageTemplate, { params: itemWaits, body: { text: yourText.text }, answer: yourText }),
  example(messageTemplates.listMessageTemplates, { answer: onePage(yourText) }),
  example(messageTemplates.deleteMessageTemplate, { params: itemWaits, answer: { ...itemWaits, deletedAt: at } }),

  example(assets.createAsset, {
    body: {
      bankId: ids.bank,
      door: 'B1',
      name: 'Cordless drill',
      externalId: 'INV-0042',
      item: { lengthMm: 300, widthMm: 250, heightMm: 100, massG: 2_100 },
    },
    answer: drill,
  }),
  example(assets.getAsset, { params: { assetId: ids.asset }, answer: drill }),
  example(assets.listAssets, { answer: onePage(listedDrill) }),
  example(assets.listAssetLoans, { params: { assetId: ids.asset }, answer: { data: [], nextCursor: null } }),
  example(assets.retireAsset, {
    params: { assetId: ids.asset },
    body: { reason: 'beyond repair' },
    answer: { ...drill, state: 'retired', retired: 'beyond repair', version: 2 },
  }),

  example(apiKeys.createApiKey, {
    body: { name: 'Web shop', scopes: ['transactions:read', 'transactions:write'], requestsPerMinute: 600 },
    answer: {
      ...apiKey,
      key: 'lw_live_01KJQ4TZZ9B1D3F5H7K9N1Q3S501KJQ4V6K2M4P6R8T0V2X4Z6B8_this-is-an-example-and-opens-nothing-000000',
    },
  }),
  example(apiKeys.listApiKeys, { answer: onePage(apiKey) }),
  example(apiKeys.revokeApiKey, {
    params: { apiKeyId: ids.key },
    body: {},
    answer: { ...apiKey, revokedAt: later, version: 2 },
  }),

  example(webhookEndpoints.createWebhookEndpoint, {
    body: {
      url: 'https://shop.example/hooks',
      description: 'The web shop',
      headers: { 'X-Shop-Key': 'let-me-in' },
      attemptsPerMinute: 600,
    },
    answer: { ...endpoint, secret: 'whsec_VGhpcyBpcyBhbiBleGFtcGxlIGFuZCBzaWducyBub3RoaW5nLg==' },
  }),
  example(webhookEndpoints.getWebhookEndpoint, { params: { endpointId: ids.endpoint }, answer: endpoint }),
  example(webhookEndpoints.listWebhookEndpoints, { answer: onePage(endpoint) }),
  example(webhookEndpoints.updateWebhookEndpoint, {
    params: { endpointId: ids.endpoint },
    body: { eventTypes: ['webhook_endpoint.pinged'] },
    answer: { ...endpoint, eventTypes: ['webhook_endpoint.pinged'], version: 2 },
  }),
  example(webhookEndpoints.rotateWebhookSecret, {
    params: { endpointId: ids.endpoint },
    body: { signature: 'ed25519' },
    answer: { ...rotatedEndpoint, version: 3 },
  }),
  example(webhookEndpoints.pingWebhookEndpoint, {
    params: { endpointId: ids.endpoint },
    body: {},
    answer: { ...rotatedEndpoint, version: 4, eventId: ids.event, deliveryId: ids.delivery },
  }),
  example(webhookEndpoints.listDeliveries, {
    after: 'the endpoint has answered',
    params: { endpointId: ids.endpoint },
    answer: onePage(delivery),
  }),
  example(webhookEndpoints.getDelivery, {
    params: { endpointId: ids.endpoint, deliveryId: ids.delivery },
    answer: delivery,
  }),
  example(webhookEndpoints.resendDelivery, {
    params: { endpointId: ids.endpoint, deliveryId: ids.delivery },
    body: {},
    answer: {
      ...delivery,
      state: 'retrying',
      nextAttemptAt: later,
      resent: [{ at: later, by: ids.ownKey, after: 1 }],
    },
  }),
  example(webhookEndpoints.recoverDeliveries, {
    params: { endpointId: ids.endpoint },
    body: { since: replayedSince },
    answer: { ...replay, states: ['dead', 'retrying'] },
  }),
  example(webhookEndpoints.replayWebhookEndpoint, {
    params: { endpointId: ids.endpoint },
    body: { from: replayedSince, eventTypes: ['webhook_endpoint.pinged'] },
    answer: { ...replay, id: ids.replay, eventTypes: ['webhook_endpoint.pinged'] },
  }),
  example(webhookEndpoints.getWebhookReplay, {
    params: { endpointId: ids.endpoint, replayId: ids.replay },
    answer: {
      ...replay,
      id: ids.replay,
      eventTypes: ['webhook_endpoint.pinged'],
      state: 'done',
      sent: 1,
      reachedAt: at,
      endedAt: later,
    },
  }),
  example(events.listEvents, {
    query: { type: 'webhook_endpoint.*', subject: ids.endpoint, limit: '1' },
    answer: {
      data: [{ ...sampleEvent('webhook_endpoint.created'), subject: ids.endpoint }],
      nextCursor: 'Zm9yIGV4YW1wbGUgb25seSwgbm90IGEgcmVhbCBjdXJzb3I',
      hasMore: true,
    },
  }),
  example(webhookEndpoints.tryWebhookEndpoint, {
    params: { endpointId: ids.endpoint },
    body: { eventType: 'transaction.completed' },
    answer: { ...rotatedEndpoint, version: 7, eventId: ids.trialEvent, deliveryId: ids.trialDelivery },
  }),
  example(webhookEndpoints.deleteWebhookEndpoint, {
    params: { endpointId: ids.endpoint },
    answer: { id: ids.endpoint, deletedAt: later },
  }),

  example(transactions.checkTransaction, {
    body: {
      workflow: 'parcel',
      bankId: ids.bank,
      items: [{ lengthMm: 300, widthMm: 200, heightMm: 100, massG: 1_200 }],
    },
    answer: {
      outcome: 'reserved',
      ahead: 0,
      door: 'A2',
      candidates: 5,
      policy: 'best-fit/1',
      refusal: null,
      reason: 'the smallest that fits',
      alternatives: [],
    },
  }),
  example(transactions.createTransaction, {
    summary: 'A parcel for Ada',
    body: {
      workflow: 'parcel',
      bankId: ids.bank,
      externalIds: { order: 'A-1001' },
      items: [{ lengthMm: 300, widthMm: 200, heightMm: 100, massG: 1_200 }],
      recipient: { name: 'Ada Example', phone: '+41791234567' },
      metadata: { basket: '77' },
    },
    answer: {
      ...parcel,
      credentials: [
        shown(credential(credentials.deposit, 'deposit'), '482913'),
        shown(credential(credentials.pickup, 'pickup'), '905127'),
      ],
    },
  }),
  example(transactions.getTransaction, { ...onParcel, answer: parcel }),
  example(assignmentPolicies.replayAssignments, {
    body: { transactionIds: [ids.parcel], rules: lowerDoors },
    answer: {
      policy: 'the rules asked about',
      data: [
        {
          transactionId: ids.parcel,
          bankId: ids.bank,
          decidedAt: at,
          chosen: { door: 'A2', candidates: 5, reason: 'the smallest that fits', policy: 'best-fit/1' },
          wouldBe: { door: 'A2', candidates: 5, reason: 'the smallest that fits', refusal: null },
          differs: false,
        },
      ],
      unknown: [],
    },
  }),
  example(transactions.listTransactions, { query: { orderId: 'A-1001' }, answer: onePage(parcel) }),
  example(transactions.listTransactionEvents, {
    ...onParcel,
    query: { limit: '1' },
    answer: {
      data: [sampleEvent('transaction.created')],
      nextCursor: 'kfNQ3xv0oZ3p2yP8eYd2bTE6MQ',
    },
  }),
  example(messages.listMessages, {
    ...onParcel,
    answer: onePage({
      id: 'msg_01KJQ5B0M0K8QX3Z6V1T9R4W7Y',
      transactionId: ids.parcel,
      kind: 'item_waits',
      to: 'recipient',
      credentialId: credentials.pickup,
      state: 'sent',
      reason: null,
      urgent: false,
      remindsOf: null,
      channel: 'email',
      attempts: [
        { at, channel: 'sms', outcome: 'refused', error: 'InvalidParameterException' },
        { at, channel: 'email', outcome: 'sent', error: null },
      ],
      nextAttemptAt: null,
      createdAt: at,
    }),
  }),
  example(transactions.updateTransaction, {
    ...onParcel,
    body: { recipient: { name: 'Ada Example', phone: '+41791234568' } },
    answer: { ...parcel, version: 3, recipient: afterReissue.recipient },
  }),
  example(transactions.moveTransaction, {
    ...onParcel,
    body: { reason: 'the door sticks' },
    answer: { ...parcel, version: 4, door: 'A4', recipient: afterReissue.recipient },
  }),
  example(credentialRoutes.resendCredential, {
    params: { transactionId: ids.parcel, credentialId: credentials.deposit },
    body: {},
    answer: {
      ...afterReissue,
      version: 5,
      credentials: [...resent, shown(credential(credentials.newDeposit, 'deposit'), '550271')],
    },
  }),
  example(credentialRoutes.revokeCredential, {
    params: { transactionId: ids.parcel, credentialId: credentials.pickup },
    body: {},
    answer: { ...afterReissue, version: 6, credentials: reissued },
  }),
  example(credentialRoutes.issueCredential, {
    ...onParcel,
    body: { step: 'pickup' },
    answer: {
      ...afterReissue,
      credentials: [...reissued, shown(credential(credentials.newPickup, 'pickup'), '731906')],
    },
  }),
  example(credentialRoutes.delegateCredential, {
    params: { transactionId: ids.parcel, credentialId: credentials.newPickup },
    body: { to: { name: 'Grace Example', phone: '+41791234570' } },
    answer: {
      ...handedOn,
      credentials: handedOn.credentials.map((it) => (it.id === credentials.delegate ? shown(it, '204417') : it)),
    },
  }),
  example(credentialRoutes.takeBackCredential, {
    params: { transactionId: ids.parcel, credentialId: credentials.delegate },
    body: { by: 'by_recipient' },
    answer: { ...takenBack, version: 9 },
  }),
  example(credentialRoutes.issueCredential, {
    ...onParcel,
    summary: 'Issue a right for an app, which draws a token when it stands before the door',
    body: { step: 'deposit', method: 'app' },
    answer: { ...takenBack, version: 10, credentials: [...takenBack.credentials, appCredential] },
  }),
  example(credentialRoutes.replaceBadgeGroup, {
    body: { group: 'couriers', badges: ['B-700123', 'B-700124'] },
    answer: couriers,
  }),
  example(credentialRoutes.listBadgeGroups, { answer: onePage(couriers) }),
  example(credentialRoutes.getAppToken, {
    params: { transactionId: ids.parcel, credentialId: credentials.app },
    answer: { credentialId: credentials.app, value: exampleToken, expiresAt: '2030-03-04T09:34:00.000Z' },
  }),
  example(credentialRoutes.getPickupLink, {
    params: { transactionId: ids.parcel, credentialId: credentials.app },
    answer: { credentialId: credentials.app, link: pickupLink },
  }),
  example(credentialRoutes.revokeCredential, {
    params: { transactionId: ids.parcel, credentialId: credentials.app },
    summary: 'Take the right of an app back',
    body: {},
    answer: afterHandover,
  }),
  example(transactions.extendTransaction, {
    ...onParcel,
    body: { pickupBy: '2030-03-14T09:30:00Z' },
    answer: { ...afterHandover, version: 12, deadlines: extended },
  }),
  example(transactions.holdTransaction, {
    ...onParcel,
    body: { reason: 'the order is being checked' },
    answer: {
      ...afterHandover,
      version: 13,
      deadlines: extended,
      flags: ['held'],
      holdReason: 'the order is being checked',
    },
  }),
  example(transactions.liftHold, {
    ...onParcel,
    body: { reason: 'it is fine' },
    answer: { ...afterHandover, version: 14, deadlines: extended },
  }),
  example(transactions.moveTransaction, {
    summary: 'Have what is inside carried to another door',
    ...onParcel,
    body: { door: 'B3', reason: 'the hinge is loose' },
    answer: { ...moving, credentials: [...inside, shown(carrier.takeOut, '902153'), shown(carrier.putIn, '417760')] },
    after: 'the item is deposited',
  }),
  example(transactions.cancelMove, {
    ...onParcel,
    body: { reason: 'the hinge was mended' },
    answer: {
      ...stored,
      version: 18,
      move: null,
      credentials: [...inside, { ...carrier.takeOut, ...gone }, { ...carrier.putIn, ...gone }],
    },
  }),
  example(transactions.recallTransaction, {
    ...onParcel,
    body: { reason: 'the wrong item was put in' },
    answer: {
      ...recalled,
      credentials: recalled.credentials.map((it) => (it.id === credentials.recall ? shown(it, '264880') : it)),
    },
  }),
  example(transactions.disputeTransaction, {
    ...onParcel,
    body: { reason: 'Ada says that she was not told' },
    answer: { ...recalled, version: 20, flags: ['disputed'] },
  }),

  example(transactions.createTransaction, {
    summary: 'Something sold to adults only, to be paid',
    body: {
      workflow: 'sale',
      bankId: ids.bank,
      externalIds: { order: 'A-1002' },
      link: { kind: 'order', id: 'A-1002', part: 1, of: 2 },
      items: [{ lengthMm: 300, widthMm: 200, heightMm: 100, massG: 1_200 }],
      recipient: { name: 'Ada Example', phone: '+41791234567' },
      payment: { amountMinor: 4_990, currency: 'CHF' },
      conditions: ['payment', 'age'],
    },
    answer: {
      ...sale,
      credentials: [
        shown(credential(credentials.saleDeposit, 'deposit'), '118264'),
        shown(credential(credentials.salePickup, 'pickup'), '640395'),
      ],
    },
  }),
  example(exportSchedules.createExportSchedule, {
    body: { name: monthly.name, kind: 'transactions', format: 'csv', every: 'month', timeZone: 'Europe/Zurich' },
    answer: monthly,
  }),
  example(exportSchedules.getExportSchedule, {
    params: { exportScheduleId: ids.exportSchedule },
    answer: { ...monthly, lastExportId: ids.export, version: 2 },
  }),
  example(exportSchedules.listExportSchedules, { answer: onePage(monthly) }),
  example(exportSchedules.updateExportSchedule, {
    params: { exportScheduleId: ids.exportSchedule },
    body: { at: '07:30' },
    answer: { ...monthly, at: '07:30', nextRunAt: '2030-04-01T05:30:00.000Z', version: 2 },
  }),
  example(exportSchedules.deleteExportSchedule, {
    params: { exportScheduleId: ids.exportSchedule },
    answer: { id: ids.exportSchedule, deletedAt: at },
  }),
  example(exports.createExport, {
    body: {
      kind: 'transactions',
      format: 'csv',
      from: exported.from,
      to: exported.to,
      filter: { workflow: 'parcel' },
      pushTo: 'finance',
    },
    answer: exported,
  }),
  example(exports.getExport, {
    params: { exportId: ids.export },
    answer: {
      ...exported,
      state: 'done',
      push: {
        state: 'done',
        key: 'exports/ten_01KJQ4W0V5X7Z9B1D3F5H7K9MP/transactions-2025-02-01-2025-03-01-exp_01KJQ4ZF3V5X7Z9B1D3F5H7K9M.csv',
        attempts: 1,
        at: '2026-03-02T09:31:08.000Z',
        reason: null,
        said: null,
        nextAttemptAt: null,
      },
      rows: 48_211,
      bytes: 21_884_120,
      fileUntil: '2026-03-09T09:31:07.000Z',
      endedAt: '2026-03-02T09:31:07.000Z',
      version: 3,
      file: {
        name: 'transactions-2025-02-01-2025-03-01.csv',
        url: 'https://exports.s3.eu-central-1.amazonaws.com/ten_01KJQ4W0V5X7Z9B1D3F5H7K9MP/exp_01KJQ4ZF3V5X7Z9B1D3F5H7K9M.csv?X-Amz-Signature=…',
        until: '2026-03-02T09:40:00.000Z',
      },
    },
  }),
  example(exports.listExports, {
    answer: onePage({
      id: ids.export,
      kind: 'transactions',
      format: 'csv',
      from: exported.from,
      to: exported.to,
      mode: 'live',
      createdAt: at,
    }),
  }),
  example(reconciliations.createReconciliation, {
    body: { name: compared.name, from: compared.from, to: compared.to, system: 'order', bytes: 96_214 },
    answer: {
      ...compared,
      upload: {
        method: 'PUT',
        url: 'https://uploads.s3.eu-central-1.amazonaws.com/ten_01KJQ4TZZ9B1D3F5H7K9N1Q3S5/rec_01KJQ4ZD6R8T0V2X4Z6B8D0F2J.csv?X-Amz-Signature=5d0f',
        headers: { 'if-none-match': '*' },
      },
    },
  }),
  example(reconciliations.getReconciliation, {
    params: { reconciliationId: ids.reconciliation },
    answer: {
      ...compared,
      state: 'done',
      rows: 2_406,
      result: {
        totals: [
          {
            currency: 'CHF',
            there: { orders: 2_406, amountMinor: 4_811_200 },
            here: { orders: 2_405, amountMinor: 4_809_910 },
          },
        ],
        differences: {
          missing_here: 1,
          missing_there: 0,
          outside_period: 0,
          amount_differs: 0,
          currency_differs: 0,
          state_differs: 0,
          count_differs: 0,
          doubled_there: 0,
        },
        withoutOrderId: 12,
      },
      fileUntil: '2030-03-11T09:41:20.000Z',
      endedAt: later,
      version: 3,
      file: {
        name: 'differences-2025-02-01-2025-03-01.csv',
        url: 'https://exports.s3.eu-central-1.amazonaws.com/ten_01KJQ4TZZ9B1D3F5H7K9N1Q3S5/rec_01KJQ4ZD6R8T0V2X4Z6B8D0F2J.csv?X-Amz-Signature=…',
        until: '2030-03-04T09:50:00.000Z',
      },
    },
  }),
  example(reconciliations.listReconciliations, {
    answer: onePage({
      id: ids.reconciliation,
      name: compared.name,
      system: compared.system,
      from: compared.from,
      to: compared.to,
      mode: compared.mode,
      createdAt: at,
    }),
  }),
  example(imports.createImport, {
    body: { name: 'Monday’s orders', bytes: 412_873 },
    answer: {
      ...imported,
      upload: {
        method: 'PUT',
        url: 'https://uploads.s3.eu-central-1.amazonaws.com/ten_01KJQ4TZZ9B1D3F5H7K9N1Q3S5/imp_01KJQ4ZD6R8T0V2X4Z6B8D0F2H.csv?X-Amz-Signature=5d0f',
        headers: { 'if-none-match': '*' },
      },
    },
  }),
  example(imports.getImport, { params: { importId: ids.import }, answer: imported }),
  example(imports.listImports, {
    answer: onePage({ id: ids.import, name: imported.name, mode: imported.mode, createdAt: at }),
  }),
  example(imports.listImportRows, { params: { importId: ids.import }, answer: { data: [], nextCursor: null } }),
  example(links.getLink, {
    params: { kind: 'order', linkId: 'A-1002' },
    answer: {
      kind: 'order',
      id: 'A-1002',
      livemode: true,
      of: 2,
      state: 'pending',
      missing: [2],
      attention: [],
      parts: [sale],
    },
  }),
  example(transactions.confirmPayment, { ...onSale, body: { reference: 'pay-31337' }, answer: paid }),
  example(transactions.confirmTransaction, { ...onSale, body: { condition: 'age' }, answer: confirmed }),
  example(transactions.refundTransaction, {
    ...onSale,
    body: { amountMinor: 990, reason: 'scratched' },
    answer: refunded,
  }),
  example(transactions.cancelTransaction, {
    ...onSale,
    body: { reason: 'by_recipient' },
    answer: {
      ...refunded,
      state: 'cancelled',
      version: 6,
      endedAt: later,
      cancelReason: 'by_recipient',
      credentials: saleCredentials.map((it) => ({ ...it, state: 'revoked' as const })),
    },
  }),

  example(transactions.createTransaction, {
    summary: 'A door for a day',
    body: {
      workflow: 'rental',
      bankId: ids.bank,
      externalIds: { booking: 'R-7' },
      items: [{ lengthMm: 300, widthMm: 200, heightMm: 100 }],
      recipient: { name: 'Ada Example' },
    },
    answer: { ...rental, credentials: [shown(credential(credentials.use, 'use'), '377015')] },
  }),
  example(commands.openByPhone, {
    params: { transactionId: ids.rental, credentialId: credentials.use },
    body: { code: presenceCode },
    after: 'the renter stands before the bank again',
    answer: { ...command, id: ids.byPhone, transactionId: ids.rental, reason: byPhone },
  }),
  example(transactions.completeTransaction, {
    params: { transactionId: ids.rental },
    body: { reason: 'the renter handed it back at the desk' },
    answer: returned,
    after: 'the renter has closed the door',
  }),
  example(transactions.chargeTransaction, {
    params: { transactionId: ids.rental },
    body: { amountMinor: 1_500, currency: 'CHF', reason: 'the door had to be cleaned' },
    answer: { ...returned, version: 6, charges: [cleaning] },
  }),

  example(stockUnits.createStockUnit, {
    body: {
      sku: 'umbrella-black',
      externalIds: { erp: 'L-4711' },
      item: { externalId: 'SN-77', lengthMm: 300, widthMm: 80, heightMm: 80, massG: 450 },
    },
    answer: umbrella,
  }),
  example(stockUnits.placeStockUnit, { ...onUmbrella, body: { bankId: ids.bank, door: 'B1' }, answer: placed }),
  example(stockUnits.getStockUnit, { ...onUmbrella, answer: stocked, after: 'the goods are put in' }),
  example(stockUnits.listStockUnits, { query: { bankId: ids.bank, state: 'in_stock' }, answer: onePage(stocked) }),
  example(stockUnits.listStockLevels, { params: { bankId: ids.bank }, answer: onePage({ ...level, forSale: 1 }) }),
  example(stockUnits.updateStockUnit, {
    ...onUmbrella,
    body: { metadata: { shelf: 'summer' } },
    answer: { ...stocked, metadata: { shelf: 'summer' }, version: 4 },
  }),
  example(transactions.createTransaction, {
    summary: 'What lies in stock is sold',
    body: {
      workflow: 'sale',
      bankId: ids.bank,
      externalIds: { order: 'A-1003' },
      sku: 'umbrella-black',
      recipient: { name: 'Ada Example', phone: '+41791234567' },
      payment: { amountMinor: 1_990, currency: 'CHF' },
    },
    answer: {
      ...fromStock,
      credentials: fromStock.credentials.map((it) => shown(it, '602918')),
    },
  }),
  example(transactions.cancelTransaction, {
    summary: 'The buyer does not pay: the goods are in stock again',
    params: { transactionId: ids.fromStock },
    body: { reason: 'by_caller' },
    answer: {
      ...fromStock,
      state: 'cancelled',
      version: 4,
      endedAt: later,
      cancelReason: 'by_caller',
      credentials: fromStock.credentials.map((it) => ({ ...it, state: 'revoked' as const })),
    },
  }),
  example(incidents.reportIncident, {
    body: { summary: cracked.summary, severity: 'high', bankId: ids.bank, door: 'B3' },
    answer: cracked,
  }),
  example(incidents.listIncidents, { query: { state: 'open', bankId: ids.bank }, answer: onePage(crackedAsListed) }),
  example(incidents.acknowledgeIncident, { ...onCracked, body: { owner: 'field-north' }, answer: crackedTaken }),
  example(incidents.assignIncident, {
    ...onCracked,
    body: { owner: 'glazier' },
    answer: { ...crackedTaken, owner: 'glazier', version: 3 },
  }),
  example(incidents.noteIncident, {
    ...onCracked,
    body: { text: 'Taped over; a pane is on order.' },
    answer: crackedInWork,
  }),
  example(incidents.resolveIncident, {
    ...onCracked,
    body: { resolution: 'A new pane is in.' },
    answer: crackedNoMore,
  }),
  example(incidents.reopenIncident, {
    ...onCracked,
    body: { reason: 'the new one is loose' },
    answer: { ...crackedInWork, version: 6 },
  }),
  example(incidents.resolveIncident, {
    summary: 'This time it holds',
    ...onCracked,
    body: { resolution: 'The frame was tightened.' },
    answer: { ...crackedNoMore, resolution: 'The frame was tightened.', version: 7 },
  }),
  example(incidents.closeIncident, {
    ...onCracked,
    body: {},
    answer: { ...crackedNoMore, resolution: 'The frame was tightened.', state: 'closed', closedAt: later, version: 8 },
  }),
  example(incidents.getIncident, {
    ...onCracked,
    answer: { ...crackedNoMore, resolution: 'The frame was tightened.', state: 'closed', closedAt: later, version: 8 },
  }),
  example(incidents.getIncidentContext, {
    ...onCracked,
    answer: {
      incident: {
        ...crackedNoMore,
        resolution: 'The frame was tightened.',
        state: 'closed',
        closedAt: later,
        version: 8,
      },
      bank: {
        ...{ id: ids.bank, siteId: ids.site, name: bank.name, lifecycle: 'active' },
        ...{ connectivity: 'online', connectivitySince: at },
      },
      compartment: { ...compartment, door: 'B3', bottomMm: 1_020 },
      transaction: null,
      events: null,
    },
  }),
  example(incidents.listIncidentEvents, {
    ...onCracked,
    query: { limit: '1' },
    answer: { data: [sampleEvent('incident.opened')], nextCursor: 'kfNQ3xv0oZ3p2yP8eYd2bTE6MQ' },
  }),
  example(stockUnits.withdrawStockUnit, {
    ...onUmbrella,
    body: { reason: 'a new model has come' },
    answer: {
      ...stocked,
      state: 'withdrawn',
      metadata: { shelf: 'summer' },
      withdrawnBecause: 'a new model has come',
      version: 5,
    },
  }),

  example(commands.createCommand, {
    body: { bankId: ids.bank, door: 'B1', reason: 'cleaning' },
    answer: command,
  }),
  example(commands.getCommand, {
    params: { commandId: ids.command },
    answer: { ...command, state: 'opened', version: 4 },
  }),

  example(controllers.rotateCertificate, {
    params: { bankId: ids.bank },
    body: { reason: 'once a year' },
    answer: controller,
  }),
  example(banks.createBank, {
    summary: 'Register a bank whose controller enrols by itself',
    body: { siteId: ids.site, name: 'Kiosk', layout: kioskLayout, serialNumber: 'LW-2044-0017' },
    answer: kiosk,
  }),
  example(controllers.getController, { ...onKiosk, answer: awaited }),
  example(banks.createBank, {
    summary: 'Register a bank whose locks a vendor drives',
    body: {
      siteId: ids.site,
      name: 'Station',
      layout: lockBoardLayout,
      vendor: { kind: 'lock_board', url: unlockUrl, locks },
    },
    answer: { ...driven, secret: 'whsec_VGhpcyBpcyBhbiBleGFtcGxlIGFuZCBzaWducyBub3RoaW5nLg==' },
  }),
  example(lockBoards.hearLockBoard, {
    params: { bankId: ids.lockBoard },
    body: {
      boardStates: [
        {
          board: '0A',
          locks: [
            { lock: '1E', door: 'closed', goods: '0', ts: callbackTime },
            { lock: '1F', door: '', goods: '', ts: '' },
          ],
        },
      ],
      codes: [{ terminal: '1', code: '483920', ts: callbackTime }],
    },
    answer: { news: 2 },
  }),
  example(lockBoards.getLockBoard, { params: { bankId: ids.lockBoard }, answer: lockBoard }),
  example(lockBoards.updateLockBoard, {
    params: { bankId: ids.lockBoard },
    body: { locks: otherLocks },
    answer: { ...lockBoard, locks: otherLocks },
  }),
  example(controllers.replaceController, {
    ...onKiosk,
    body: { serialNumber: 'LW-2044-0093', reason: 'damaged in transit' },
    answer: replaced,
  }),
  example(controllers.revokeCertificate, {
    ...onKiosk,
    body: { reason: 'the controller was stolen' },
    answer: { ...replaced, lifecycle: 'inactive', bankSequence: 3 },
  }),
  example(controllers.decommissionBank, {
    ...onKiosk,
    body: { reason: 'the station is rebuilt' },
    answer: { ...replaced, serialNumber: null, lifecycle: 'decommissioned', bankSequence: 4 },
  }),
];
