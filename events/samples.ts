import type { EventData, EventType } from './catalogue.ts';
import { type Envelope, firstPrevHash } from './envelope.ts';

const at = '2026-03-02T09:30:00.000Z';

const parcel = {
  transactionId: 'txn_01KJQ4Z0G8V5T2M9R7X3C6B1NA',
  workflow: 'parcel',
  state: 'stored',
  bankId: 'bnk_01KJQ4W2YB6D8F0H2K4M6P8R0S',
  door: '7',
  externalIds: { order: 'A-1001' },
  livemode: true,
  changesGrants: false,
  changes: {},
};
const evidence = {
  journalId: 'jnl_8c1f5a',
  seq: 42,
  door: '7',
  version: 2,
  cause: { grantId: 'crd_01KJQ4Z0H3S5T7V9X1Z3B5D7F9', step: 'deposit' },
};
const command = {
  commandId: 'cmd_01KJQ51M2N4P6R8T0V2X4Z6B8D',
  bankId: parcel.bankId,
  door: '7',
  livemode: true,
  transactionId: null,
  state: 'queued',
  changes: {},
};
const compartment = { bankId: parcel.bankId, door: '7', changes: {} };
const bank = { bankId: parcel.bankId, siteId: 'sit_01KJQ4VAA1C3E5G7J9M1P3R5T7', changes: {} };
const endpoint = { endpointId: 'whe_01KJQ4XS9Q1S3V5X7Z9B1D3F5H', changes: {} };
const asset = { assetId: 'ast_01KJQ4YC5T7V9X1Z3B5D7F9H1J', bankId: parcel.bankId, door: '7', changes: {} };
const apiKey = { apiKeyId: 'key_01KJQ4V6K2M4P6R8T0V2X4Z6B8', changes: {} };

const policy = { assignmentPolicyId: 'apl_01KJQ4TZZ9B1D3F5H7K9N1Q3S5', policy: 'best-fit/2' };
const rules = { name: 'best-fit', criteria: [{ by: 'size', step: 1 }], reachableMm: 1_700, takeLarger: true };

/** An example of the `data` of every event type; the compiler sees that none is missing and none is outdated. */
export const samples: { [T in EventType]: EventData<T> } = {
  'transaction.created': { ...parcel, state: 'created', door: null, changes: { workflow: 'parcel', state: 'created' } },
  'transaction.waitlisted': { ...parcel, state: 'created', door: null, waitUntil: at },
  'transaction.reserved': { ...parcel, state: 'reserved', changes: { state: 'reserved', door: '7' } },
  'transaction.updated': { ...parcel, state: 'reserved', evidence, changes: { depositStartedAt: at } },
  'transaction.deposited': { ...parcel, evidence, changes: { state: 'stored', depositedAt: at } },
  'transaction.picked_up': { ...parcel, evidence, changes: { pickedUpAt: at } },
  'transaction.completed': { ...parcel, state: 'completed', evidence, changes: { state: 'completed', endedAt: at } },
  'transaction.moved': {
    ...parcel,
    state: 'reserved',
    door: '9',
    fromDoor: '7',
    reason: 'compartment_occupied',
    changes: { door: '9' },
  },
  'transaction.started': { ...parcel, state: 'in_use', workflow: 'rental', evidence, changes: { state: 'in_use' } },
  'transaction.returned': { ...parcel, state: 'in_use', workflow: 'loan', evidence, changes: { depositedAt: at } },
  'transaction.extended': { ...parcel, changes: { deadlineRev: 2 } },
  'transaction.payment_confirmed': { ...parcel, workflow: 'sale', condition: 'payment', changes: { flags: [] } },
  'transaction.confirmed': { ...parcel, workflow: 'release', condition: 'identity' },
  'transaction.refunded': { ...parcel, workflow: 'sale', amountMinor: 990, currency: 'CHF', reason: 'damaged' },
  'transaction.disputed': { ...parcel, reason: 'the box was empty', changes: { flags: ['disputed'] } },
  'transaction.overdue': { ...parcel, workflow: 'rental', state: 'in_use', since: at, changes: { flags: ['overdue'] } },
  'transaction.held': { ...parcel, reason: 'payment dispute', changes: { flags: ['held'] } },
  'transaction.hold_lifted': { ...parcel, changes: { flags: [] } },
  'transaction.expired': { ...parcel, state: 'expired', stage: 'deposit', changes: { state: 'expired' } },
  'transaction.cancelled': { ...parcel, state: 'cancelled', reason: 'by_caller', changes: { state: 'cancelled' } },
  'transaction.recall_started': {
    ...parcel,
    state: 'recall_due',
    cause: 'pickup_deadline',
    changes: { state: 'recall_due' },
  },
  'transaction.recalled': { ...parcel, state: 'recalled', evidence, changes: { state: 'recalled', endedAt: at } },
  'transaction.rejected': {
    ...parcel,
    state: 'rejected',
    door: null,
    reason: 'compartment_occupied',
    changes: { state: 'rejected', door: null },
  },
  'transaction.conflicted': {
    ...parcel,
    evidence,
    recorded: 'cancelled',
    happened: 'deposited',
    changes: { flags: ['late'] },
  },
  'transaction.deposit_failed': { ...parcel, state: 'reserved', evidence, reason: 'nothing_deposited' },
  'transaction.pickup_failed': { ...parcel, evidence, reason: 'abandoned' },
  'credential.issued': { ...parcel, credentialId: 'crd_01KJQ55E4G6J8M0P2R4T6V8X0Z' },
  'credential.revoked': { ...parcel, credentialId: 'crd_01KJQ4Z0H3S5T7V9X1Z3B5D7F9' },
  'credential.superseded': {
    ...parcel,
    credentialId: 'crd_01KJQ4Z0H3S5T7V9X1Z3B5D7F9',
    by: 'crd_01KJQ55E4G6J8M0P2R4T6V8X0Z',
  },
  'credential.delegated': {
    ...parcel,
    credentialId: 'crd_01KJQ59N8P0R2T4V6X8Z0B2D4F',
    delegatedFrom: 'crd_01KJQ55E4G6J8M0P2R4T6V8X0Z',
    by: 'by_recipient',
  },
  'credential.taken_back': {
    ...parcel,
    credentialId: 'crd_01KJQ59N8P0R2T4V6X8Z0B2D4F',
    delegatedFrom: 'crd_01KJQ55E4G6J8M0P2R4T6V8X0Z',
    by: 'by_recipient',
  },
  'access.denied': {
    ...bank,
    door: '7',
    method: 'pin',
    reason: 'too_early',
    next: 'come_back_later',
    limitAt: at,
    transactionId: null,
    credentialId: null,
  },
  'command.queued': { ...command, reason: 'cleaning', notAfter: at, changes: { state: 'queued' } },
  'command.sent': { ...command, state: 'sent', changes: { state: 'sent' } },
  'command.acknowledged': { ...command, state: 'acknowledged', changes: { state: 'acknowledged' } },
  'command.opened': { ...command, state: 'opened', changes: { state: 'opened' } },
  'command.closed': { ...command, state: 'closed', changes: { state: 'closed' } },
  'command.rejected': { ...command, state: 'rejected', reason: 'expired', changes: { state: 'rejected' } },
  'command.failed': { ...command, state: 'failed', reason: 'lock_jammed', changes: { state: 'failed' } },
  'command.timed_out': { ...command, state: 'timed_out', changes: { state: 'timed_out' } },
  'command.superseded': { ...command, state: 'superseded', changes: { state: 'superseded' } },
  'compartment.lock_jammed': { ...compartment, evidence },
  'compartment.forced_open': { ...compartment, evidence: { ...evidence, cause: null } },
  'compartment.left_ajar': { ...compartment, evidence },
  'compartment.out_of_service': { ...compartment, reason: 'hinge broken' },
  'compartment.returned_to_service': compartment,
  'compartment.cleared': compartment,
  'bank.registered': { ...bank, name: 'Harbour Hall', doors: 24 },
  'bank.booted': { ...bank, generation: 1 },
  'bank.journal_truncated': { ...bank, journalId: evidence.journalId, from: 12, to: 30 },
  'asset.registered': { ...asset, changes: { name: 'Cordless drill' } },
  'asset.retired': { ...asset, reason: 'broken', changes: { retired: 'broken' } },
  'site.created': { siteId: bank.siteId, changes: { name: 'Harbour' } },
  'tenant.created': { tenantId: 'ten_01KJQ4TZZ9B1D3F5H7K9N1Q3S5', changes: { name: 'Harbour Parcels' } },
  'api_key.created': { ...apiKey, changes: { scopes: ['transactions:read'] } },
  'api_key.revoked': { ...apiKey, changes: { revokedAt: at } },
  'assignment_policy.replaced': { ...policy, changes: { ...rules, restores: null } },
  'assignment_policy.restored': { ...policy, policy: 'best-fit/3', changes: { ...rules, restores: 1 } },
  'webhook_endpoint.created': { ...endpoint, changes: { url: 'https://shop.example/hooks' } },
  'webhook_endpoint.pinged': endpoint,
  'webhook_endpoint.disabled': { ...endpoint, reason: 'gone', changes: { state: 'disabled' } },
};

/** A whole event of a type, as a receiver sees it. Its hash is that of no real chain. */
export const sampleEvent = (type: EventType): Envelope => ({
  specversion: '1.0',
  id: 'evt_01KJQ58Q7S9V1X3Z5B7D9F1H3K',
  source: 'latchwork',
  type,
  subject: parcel.transactionId,
  time: at,
  datacontenttype: 'application/json',
  tenant: 'ten_01KJQ4TZZ9B1D3F5H7K9N1Q3S5',
  sequence: 3,
  occurredAt: at,
  recordedAt: '2026-03-02T09:30:01.200Z',
  actor: { type: 'bank', id: parcel.bankId },
  schema: 1,
  data: samples[type],
  prevHash: firstPrevHash,
  hash: firstPrevHash,
});
