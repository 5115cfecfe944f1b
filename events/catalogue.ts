import * as z from 'zod';

const At = z.iso.datetime({ precision: 3 });

/** What changed, by field name; folding the `changes` of a subject's events in order gives its current state. */
const Changes = z.record(z.string(), z.unknown());

const transaction = z.object({
  transactionId: z.string(),
  workflow: z.string(),
  state: z.string(),
  bankId: z.string(),
  door: z.string().nullable(),
  externalIds: z.record(z.string(), z.string()),
  /** False for what happens at a simulated bank. Events of before it was said were about real ones. */
  livemode: z.boolean().default(true),
  /** Another door that is held for it, or was until now: its item is to be moved there. */
  toDoor: z.string().optional(),
  /** What it is a part of, and its place there; left out of what stands alone. */
  link: z.object({ kind: z.string(), id: z.string(), part: z.int(), of: z.int() }).optional(),
  /** Its bank has to learn of it: who may open what is not as the bank takes it to be. */
  changesGrants: z.boolean(),
  changes: Changes,
});

/** The physical fact behind an event, as the bank's journal tells it. */
const Evidence = z.object({
  journalId: z.string(),
  seq: z.int(),
  door: z.string(),
  /** The version of the transaction that the bank had applied. */
  version: z.int().nullable(),
  cause: z.record(z.string(), z.unknown()).nullable(),
});

const byFact = transaction.extend({ evidence: Evidence });

const command = z.object({
  commandId: z.string(),
  bankId: z.string(),
  door: z.string(),
  livemode: z.boolean().default(true),
  transactionId: z.string().nullable(),
  state: z.string(),
  changes: Changes,
});

const compartment = z.object({ bankId: z.string(), door: z.string(), evidence: Evidence.optional(), changes: Changes });
const bank = z.object({ bankId: z.string(), siteId: z.string(), changes: Changes });
const endpoint = z.object({ endpointId: z.string(), changes: Changes });
const asset = z.object({ assetId: z.string(), bankId: z.string(), door: z.string(), changes: Changes });
const stockUnit = z.object({
  stockUnitId: z.string(),
  sku: z.string(),
  state: z.string(),
  bankId: z.string().nullable(),
  door: z.string().nullable(),
  evidence: Evidence.optional(),
  changes: Changes,
});
const apiKey = z.object({ apiKeyId: z.string(), changes: Changes });

/** `policy`: the version that this event made, as decisions name it. */
const assignmentPolicy = z.object({ assignmentPolicyId: z.string(), policy: z.string(), changes: Changes });

/** A file of transactions; `mode`: of the key that imports it. */
const imported = z.object({ importId: z.string(), state: z.string(), mode: z.string(), changes: Changes });

/** Every event there is: its type, and the shape of its `data`. Adding a field is allowed; renaming one is a new version. */
export const catalogue = {
  'transaction.created': transaction,
  /** It waits for a door, which `transaction.reserved` names once there is one. */
  'transaction.waitlisted': transaction.extend({ waitUntil: At }),
  /** `seen`: what the decision saw of the bank's compartments, for choosing again by another policy. */
  'transaction.reserved': transaction.extend({ seen: z.string().optional() }),
  'transaction.updated': transaction.extend({ evidence: Evidence.optional() }),
  /** By a fact at the door; goods from stock lie there already. */
  'transaction.deposited': transaction.extend({ evidence: Evidence.optional() }),
  /** It became a part of something, or of something else; without `link`: of nothing any more. */
  'transaction.linked': transaction,
  'transaction.picked_up': byFact,
  /** By a fact at the door, or by hand: then with a reason. */
  'transaction.completed': transaction.extend({
    evidence: Evidence.optional(),
    reason: z.string().optional(),
    overstaySeconds: z.int().optional(),
  }),
  /** Nothing was inside, or the item was carried there: then by a fact at the door. */
  'transaction.moved': transaction.extend({
    fromDoor: z.string(),
    reason: z.string(),
    evidence: Evidence.optional(),
  }),
  /** Its item is to be carried from one door to another; until it was, nobody may pick it up. */
  'transaction.move_started': transaction.extend({ toDoor: z.string(), reason: z.string(), moveBy: At }),
  /** To yet another door; `fromDoor` is held for it no more. */
  'transaction.move_redirected': transaction.extend({
    fromDoor: z.string(),
    toDoor: z.string(),
    reason: z.string(),
    moveBy: At,
  }),
  /** Out of the old door, which is free, and in somebody's hands. */
  'transaction.taken_out': byFact.extend({ fromDoor: z.string(), toDoor: z.string() }),
  /** A door was opened for it and nothing was done, or it did not open; the move goes on. */
  'transaction.move_failed': byFact.extend({ reason: z.string() }),
  /** Before anything was taken out. */
  'transaction.move_cancelled': transaction.extend({ toDoor: z.string(), reason: z.string() }),
  'transaction.started': byFact,
  /** What was lent is back. */
  'transaction.returned': byFact,
  'transaction.extended': transaction,
  'transaction.payment_confirmed': transaction.extend({ condition: z.string() }),
  'transaction.confirmed': transaction.extend({ condition: z.string() }),
  /** Asked for besides what was agreed. */
  'transaction.charged': transaction.extend({ amountMinor: z.int(), currency: z.string(), reason: z.string() }),
  'transaction.refunded': transaction.extend({ amountMinor: z.int(), currency: z.string(), reason: z.string() }),
  'transaction.disputed': transaction.extend({ reason: z.string() }),
  'transaction.overdue': transaction.extend({ since: At }),
  'transaction.held': transaction.extend({ reason: z.string() }),
  'transaction.hold_lifted': transaction,
  'transaction.expired': transaction.extend({
    stage: z.enum(['reservation', 'deposit', 'pickup', 'use']),
    overstaySeconds: z.int().optional(),
  }),
  'transaction.cancelled': transaction.extend({ reason: z.string() }),
  'transaction.recall_started': transaction.extend({
    cause: z.string(),
    reason: z.string().optional(),
    evidence: Evidence.optional(),
  }),
  /** Taken out by staff, or given up while it was being carried: then it is with whoever carries it. */
  'transaction.recalled': transaction.extend({ evidence: Evidence.optional() }),
  'transaction.rejected': transaction.extend({ reason: z.string() }),
  /** A bank did, in good faith, what the cloud had decided otherwise. Both sides are named; the physical one stands. */
  'transaction.conflicted': byFact.extend({ recorded: z.string(), happened: z.string() }),
  'transaction.deposit_failed': byFact.extend({ reason: z.string() }),
  'transaction.pickup_failed': byFact.extend({ reason: z.string() }),
  /** `reason`: of staff who act outside the plan with it. */
  'credential.issued': transaction.extend({ credentialId: z.string(), reason: z.string().optional() }),
  'credential.revoked': transaction.extend({ credentialId: z.string() }),
  'credential.superseded': transaction.extend({ credentialId: z.string(), by: z.string() }),
  /** Somebody else was given the right of `delegatedFrom`. */
  'credential.delegated': transaction.extend({ credentialId: z.string(), delegatedFrom: z.string(), by: z.string() }),
  'credential.taken_back': transaction.extend({ credentialId: z.string(), delegatedFrom: z.string(), by: z.string() }),
  /**
   * `next`: what the person was told to do. `limitAt`: where the reason is one of time, from when or until when it opens,
   * or until when the keypad is off.
   */
  'access.denied': bank.extend({
    door: z.string().nullable(),
    method: z.string(),
    reason: z.string(),
    next: z.string(),
    limitAt: At.nullable(),
    transactionId: z.string().nullable(),
    credentialId: z.string().nullable(),
  }),
  'command.queued': command.extend({ reason: z.string(), notAfter: At }),
  'command.sent': command,
  'command.acknowledged': command,
  'command.opened': command,
  'command.closed': command,
  'command.rejected': command.extend({ reason: z.string() }),
  'command.failed': command.extend({ reason: z.string() }),
  'command.timed_out': command,
  'command.superseded': command,
  'compartment.lock_jammed': compartment,
  'compartment.forced_open': compartment,
  'compartment.left_ajar': compartment,
  'compartment.out_of_service': compartment.extend({ reason: z.string() }),
  'compartment.returned_to_service': compartment,
  /** Somebody looked inside, and it is empty. */
  'compartment.cleared': compartment,
  'bank.registered': bank.extend({ name: z.string(), doors: z.int() }),
  /** Its controller began anew. `generation`: of the key it holds, null if none. */
  'bank.booted': bank.extend({ generation: z.int().nullable() }),
  /** It dropped entries for want of room, from and to inclusive. What its doors did then is not known. */
  'bank.journal_truncated': bank.extend({ journalId: z.string(), from: z.int(), to: z.int() }),
  'import.created': imported,
  'import.uploaded': imported,
  /** Something is wrong with the file or its rows; nothing of it was created. */
  'import.rejected': imported,
  'import.started': imported,
  'import.completed': imported.extend({
    counts: z.object({ created: z.int(), alreadyExists: z.int(), refused: z.int() }),
  }),
  /** It cannot go on; what was created until then stays. */
  'import.failed': imported.extend({ problem: z.string() }),
  'asset.registered': asset,
  /** To another door of its bank, which is its own from now on. */
  'asset.moved': asset.extend({ fromDoor: z.string(), reason: z.string() }),
  'asset.retired': asset.extend({ reason: z.string() }),
  'stock_unit.registered': stockUnit,
  'stock_unit.updated': stockUnit,
  /** It has a door, into which it is to be put. */
  'stock_unit.placed': stockUnit,
  /** It lies in its door, and can be sold. */
  'stock_unit.stocked': stockUnit,
  /** Its door was found empty, and nobody bought it. */
  'stock_unit.missing': stockUnit,
  'stock_unit.sold': stockUnit.extend({ transactionId: z.string() }),
  'stock_unit.withdrawn': stockUnit.extend({ reason: z.string() }),
  'site.created': z.object({ siteId: z.string(), changes: Changes }),
  'tenant.created': z.object({ tenantId: z.string(), changes: Changes }),
  'api_key.created': apiKey,
  'api_key.revoked': apiKey,
  'assignment_policy.replaced': assignmentPolicy,
  /** Back to the rules of an older version; `changes.restores` says which. */
  'assignment_policy.restored': assignmentPolicy,
  'webhook_endpoint.created': endpoint,
  'webhook_endpoint.pinged': endpoint,
  'webhook_endpoint.disabled': endpoint.extend({ reason: z.string() }),
} as const satisfies Record<string, z.ZodObject>;

export type EventType = keyof typeof catalogue;
export type EventData<T extends EventType> = z.infer<(typeof catalogue)[T]>;
export const isEventType = (type: string): type is EventType => Object.hasOwn(catalogue, type);
export const eventTypes = Object.keys(catalogue).filter(isEventType);
