import * as z from 'zod';
import * as field from './fields.ts';
import { once, onceEach } from './once.ts';

const At = field.moment;

/** What changed, by field name; folding the `changes` of a subject's events in order gives its current state. */
const Changes = z.record(field.text, z.unknown());

const transaction = once(() =>
  z.object({
    transactionId: field.text,
    workflow: field.text,
    state: field.text,
    bankId: field.text,
    door: field.textOrNull,
    externalIds: z.record(field.text, field.text),
    /** False for what happens at a simulated bank. Events of before it was said were about real ones. */
    livemode: field.yesNo.default(true),
    /** Another door that is held for it, or was until now: its item is to be moved there. */
    toDoor: field.maybeText,
    /** What it is a part of, and its place there; left out of what stands alone. */
    link: z.object({ kind: field.text, id: field.text, part: field.whole, of: field.whole }).optional(),
    /** Its bank has to learn of it: who may open what is not as the bank takes it to be. */
    changesGrants: field.yesNo,
    changes: Changes,
  }),
);

/** The physical fact behind an event, as the bank's journal tells it. */
const Evidence = once(() =>
  z.object({
    journalId: field.text,
    seq: field.whole,
    door: field.text,
    /** The version of the transaction that the bank had applied. */
    version: field.whole.nullable(),
    cause: z.record(field.text, z.unknown()).nullable(),
  }),
);

const byFact = once(() => transaction().extend({ evidence: Evidence() }));

const command = once(() =>
  z.object({
    commandId: field.text,
    bankId: field.text,
    door: field.text,
    livemode: field.yesNo.default(true),
    transactionId: field.textOrNull,
    state: field.text,
    changes: Changes,
  }),
);

const compartment = once(() =>
  z.object({ bankId: field.text, door: field.text, evidence: Evidence().optional(), changes: Changes }),
);
const bank = once(() => z.object({ bankId: field.text, siteId: field.text, changes: Changes }));
/** A temperature outside of the range of a compartment. */
const range = { temperatureC: z.number(), minC: z.number(), maxC: z.number(), since: At };
/** How long it was outside, and how far at the most. */
const excursion = { ...range, seconds: field.count, extremeC: z.number() };
const endpoint = once(() => z.object({ endpointId: field.text, changes: Changes }));
const asset = once(() => z.object({ assetId: field.text, bankId: field.text, door: field.text, changes: Changes }));
const stockUnit = once(() =>
  z.object({
    stockUnitId: field.text,
    sku: field.text,
    state: field.text,
    bankId: field.textOrNull,
    door: field.textOrNull,
    evidence: Evidence().optional(),
    changes: Changes,
  }),
);
const apiKey = once(() => z.object({ apiKeyId: field.text, changes: Changes }));

/** Badges that open the same; their numbers stand in no event. */
const badgeGroup = once(() => z.object({ badgeGroupId: field.text, group: field.text, changes: Changes }));

/** `policy`: the version that this event made, as decisions name it. */
const assignmentPolicy = once(() => z.object({ assignmentPolicyId: field.text, policy: field.text, changes: Changes }));

/** `siteId`: null where it is the tenant's. */
const workflowTerms = once(() => z.object({ workflowTermsId: field.text, siteId: field.textOrNull, changes: Changes }));

/** How a tenant shows itself to people. */
const branding = once(() => z.object({ brandingId: field.text, changes: Changes }));

/** What a tenant has people told of a kind of message, in a language and by a channel. */
const messageTemplate = once(() =>
  z.object({
    messageTemplateId: field.text,
    kind: field.text,
    locale: field.text,
    channel: field.text,
    changes: Changes,
  }),
);

/** What a person was to be told. `reason`: null where no channel took it, as `attempts` says. */
const message = once(() =>
  z.object({
    messageId: field.text,
    transactionId: field.text,
    bankId: field.text,
    livemode: field.yesNo,
    kind: field.text,
    to: field.text,
    credentialId: field.text,
    reason: field.textOrNull,
    attempts: z.array(z.object({ at: At, channel: field.text, outcome: field.text, error: field.textOrNull })),
    changes: Changes,
  }),
);

/** A file of transactions; `mode`: of the key that imports it. */
const imported = once(() => z.object({ importId: field.text, state: field.text, mode: field.text, changes: Changes }));

/** Exports that are made again and again; `mode`: of the key in whose name. */
const exportSchedule = once(() =>
  z.object({
    exportScheduleId: field.text,
    kind: field.text,
    every: field.text,
    mode: field.text,
    changes: Changes,
  }),
);

/** A file of a customer's order system, compared with what is recorded; `mode`: of the key that asked. */
const reconciliation = once(() =>
  z.object({
    reconciliationId: field.text,
    state: field.text,
    mode: field.text,
    changes: Changes,
  }),
);

/** Rows that are written into a file; `mode`: of the key that asked. */
const exported = once(() =>
  z.object({
    exportId: field.text,
    kind: field.text,
    state: field.text,
    mode: field.text,
    changes: Changes,
  }),
);

/** Something that is somebody's to set right. */
const incident = once(() =>
  z.object({
    incidentId: field.text,
    kind: field.text,
    severity: field.text,
    state: field.text,
    level: field.count,
    bankId: field.textOrNull,
    door: field.textOrNull,
    transactionId: field.textOrNull,
    livemode: field.yesNo,
    changes: Changes,
  }),
);

/** Every event there is: its type, and the shape of its `data`. Adding a field is allowed; renaming one is a new version. */
export const catalogue = onceEach({
  'transaction.created': transaction,
  /** It waits for a door, which `transaction.reserved` names once there is one. */
  'transaction.waitlisted': () => transaction().extend({ waitUntil: At }),
  /** `seen`: what the decision saw of the bank's compartments, for choosing again by another policy. */
  'transaction.reserved': () => transaction().extend({ seen: field.maybeText }),
  'transaction.updated': () => transaction().extend({ evidence: Evidence().optional() }),
  /** By a fact at the door; goods from stock lie there already. */
  'transaction.deposited': () => transaction().extend({ evidence: Evidence().optional() }),
  /** It became a part of something, or of something else; without `link`: of nothing any more. */
  'transaction.linked': transaction,
  'transaction.picked_up': byFact,
  /** By a fact at the door, or by hand: then with a reason. */
  'transaction.completed': () =>
    transaction().extend({
      evidence: Evidence().optional(),
      reason: field.maybeText,
      overstaySeconds: field.whole.optional(),
    }),
  /** Nothing was inside, or the item was carried there: then by a fact at the door. */
  'transaction.moved': () =>
    transaction().extend({
      fromDoor: field.text,
      reason: field.text,
      evidence: Evidence().optional(),
    }),
  /** Its item is to be carried from one door to another; until it was, nobody may pick it up. */
  'transaction.move_started': () => transaction().extend({ toDoor: field.text, reason: field.text, moveBy: At }),
  /** To yet another door; `fromDoor` is held for it no more. */
  'transaction.move_redirected': () =>
    transaction().extend({
      fromDoor: field.text,
      toDoor: field.text,
      reason: field.text,
      moveBy: At,
    }),
  /** Out of the old door, which is free, and in somebody's hands. */
  'transaction.taken_out': () => byFact().extend({ fromDoor: field.text, toDoor: field.text }),
  /** A door was opened for it and nothing was done, or it did not open; the move goes on. */
  'transaction.move_failed': () => byFact().extend({ reason: field.text }),
  /** Before anything was taken out. */
  'transaction.move_cancelled': () => transaction().extend({ toDoor: field.text, reason: field.text }),
  'transaction.started': byFact,
  /** What was lent is back. */
  'transaction.returned': byFact,
  'transaction.extended': transaction,
  'transaction.payment_confirmed': () => transaction().extend({ condition: field.text }),
  'transaction.confirmed': () => transaction().extend({ condition: field.text }),
  /** Asked for besides what was agreed. */
  'transaction.charged': () =>
    transaction().extend({ amountMinor: field.whole, currency: field.text, reason: field.text }),
  'transaction.refunded': () =>
    transaction().extend({ amountMinor: field.whole, currency: field.text, reason: field.text }),
  'transaction.disputed': () => transaction().extend({ reason: field.text }),
  'transaction.overdue': () => transaction().extend({ since: At }),
  'transaction.held': () => transaction().extend({ reason: field.text }),
  'transaction.hold_lifted': transaction,
  'transaction.expired': () =>
    transaction().extend({
      stage: z.enum(['reservation', 'deposit', 'pickup', 'use']),
      overstaySeconds: field.whole.optional(),
    }),
  'transaction.cancelled': () => transaction().extend({ reason: field.text }),
  'transaction.recall_started': () =>
    transaction().extend({
      cause: field.text,
      reason: field.maybeText,
      evidence: Evidence().optional(),
    }),
  /**
   * The controller of its bank was replaced, so what the old one knew opens nothing: a new credential (`by`) in place of
   * each. Values that people brought cannot be made anew and are revoked.
   */
  'transaction.credentials_reissued': () =>
    transaction().extend({
      reissued: z.array(z.object({ credentialId: field.text, by: field.text })),
      revoked: z.array(field.text),
    }),
  /** Taken out by staff, or given up while it was being carried: then it is with whoever carries it. */
  'transaction.recalled': () => transaction().extend({ evidence: Evidence().optional() }),
  'transaction.rejected': () => transaction().extend({ reason: field.text }),
  /** A bank did, in good faith, what the cloud had decided otherwise. Both sides are named; the physical one stands. */
  'transaction.conflicted': () => byFact().extend({ recorded: field.text, happened: field.text }),
  /** The compartment that it has has failed, and it could not be given another. */
  'transaction.compartment_failed': () => byFact().extend({ reason: field.text }),
  /** Behind its door it is too warm or too cold for longer than it may be; and that is over. */
  'transaction.excursion_began': () => byFact().extend(range),
  'transaction.excursion_ended': () => byFact().extend(excursion),
  'transaction.deposit_failed': () => byFact().extend({ reason: field.text }),
  'transaction.pickup_failed': () => byFact().extend({ reason: field.text }),
  /** Its label was read at the door: `right`, or `unchecked` where none was named. */
  'transaction.scanned': () => byFact().extend({ step: field.textOrNull, result: field.text }),
  /** Another label was read (`wrong`), or none where it had to be (`missed`): what was done stands, and is to be looked at. */
  'transaction.scan_failed': () => byFact().extend({ step: field.textOrNull, result: field.text }),
  /** `reason`: of staff who act outside the plan with it. */
  'credential.issued': () => transaction().extend({ credentialId: field.text, reason: field.maybeText }),
  'credential.revoked': () => transaction().extend({ credentialId: field.text }),
  'credential.superseded': () => transaction().extend({ credentialId: field.text, by: field.text }),
  /** Somebody else was given the right of `delegatedFrom`. */
  'credential.delegated': () =>
    transaction().extend({ credentialId: field.text, delegatedFrom: field.text, by: field.text }),
  'credential.taken_back': () =>
    transaction().extend({ credentialId: field.text, delegatedFrom: field.text, by: field.text }),
  /**
   * `next`: what the person was told to do. `limitAt`: where the reason is one of time, from when or until when it opens,
   * or until when the keypad is off.
   */
  'access.denied': () =>
    bank().extend({
      door: field.textOrNull,
      method: field.text,
      reason: field.text,
      next: field.text,
      limitAt: At.nullable(),
      transactionId: field.textOrNull,
      credentialId: field.textOrNull,
    }),
  /** Somebody who wants a door opened by phone did not show that they stand before it; the bank was not asked. */
  'access.phone_denied': () =>
    bank().extend({
      door: field.textOrNull,
      method: field.text,
      reason: field.text,
      next: field.text,
      transactionId: field.text,
      credentialId: field.text,
    }),
  'command.queued': () => command().extend({ reason: field.text, notAfter: At }),
  'command.sent': command,
  'command.acknowledged': command,
  'command.opened': command,
  'command.closed': command,
  'command.rejected': () => command().extend({ reason: field.text }),
  'command.failed': () => command().extend({ reason: field.text }),
  'command.timed_out': command,
  'command.superseded': command,
  'compartment.lock_jammed': compartment,
  'compartment.forced_open': compartment,
  'compartment.left_ajar': compartment,
  /** Pushed shut, and its lock does not catch. */
  'compartment.not_closing': compartment,
  /** What its sensor found inside is not what is believed to be there, and nothing that was done at the door explains it. */
  'compartment.contents_mismatched': () => compartment().extend({ expected: field.text, found: field.text }),
  'compartment.temperature_out_of_range': () => compartment().extend({ ...range, transactionId: field.textOrNull }),
  'compartment.temperature_in_range': () => compartment().extend({ ...excursion, transactionId: field.textOrNull }),
  /** By staff, or by itself because it failed. */
  'compartment.out_of_service': () => compartment().extend({ reason: field.text }),
  'compartment.returned_to_service': compartment,
  /** Somebody looked inside, and it is empty. */
  'compartment.cleared': compartment,
  'bank.registered': () => bank().extend({ name: field.text, doors: field.whole }),
  /** How it is set up now: its language, and by method how long it opens without the cloud; null where that is as usual. */
  'bank.updated': () =>
    bank().extend({
      locale: field.textOrNull,
      offlineSeconds: z.record(field.text, field.whole).nullable(),
    }),
  /** Its vendor is called at another host, or these doors hang on other locks. */
  'bank.vendor_updated': () => bank().extend({ host: field.text, doors: z.array(field.text) }),
  /** Its controller began anew. `generation`: of the key it holds, null if none. */
  'bank.booted': () => bank().extend({ generation: field.whole.nullable() }),
  /** It dropped entries for want of room, from and to inclusive. What its doors did then is not known. */
  'bank.journal_truncated': () => bank().extend({ journalId: field.text, from: field.whole, to: field.whole }),
  'bank.power_lost': bank,
  'bank.power_restored': bank,
  /** Somebody is at the controller itself. */
  'bank.tampered': bank,
  /** Its connection broke, and did not come back at once. `reason`: as AWS IoT gives it. */
  'bank.suspected_offline': () => bank().extend({ since: At, reason: field.text }),
  'bank.offline': () => bank().extend({ since: At, reason: field.text }),
  /** It is back, and has stayed. `was`: what it had been taken for; `drops`: how often its connection broke until then. */
  'bank.online': () =>
    bank().extend({
      was: field.text,
      since: At,
      offlineSince: At,
      seconds: field.count,
      drops: field.whole,
    }),
  /** A controller was let in, and may connect with this certificate and no other. */
  'bank.enrolled': () =>
    bank().extend({
      serialNumber: field.text,
      certificateId: field.text,
      claimId: field.text,
      changesGrants: field.yesNo,
    }),
  'bank.certificate_rotation_requested': () => bank().extend({ rotation: field.text, reason: field.text }),
  /** Handed out beside the one that the controller connects with. */
  'bank.certificate_issued': () => bank().extend({ rotation: field.text, certificateId: field.text }),
  /** The controller has connected with it; the old one is no longer valid. */
  'bank.certificate_rotated': () => bank().extend({ rotation: field.text, certificateId: field.text }),
  /** `certificateIds`: those that were known here; without an active one left the bank is out of reach. */
  'bank.certificate_revoked': () =>
    bank().extend({
      certificateIds: z.array(field.text),
      reason: field.text,
      lifecycle: field.text,
    }),
  /** What the old one knew opens nothing any more. `generation`: of the key that the new one is given. */
  'bank.controller_replaced': () =>
    bank().extend({
      serialNumber: field.text,
      replaces: field.textOrNull,
      generation: field.whole,
      reason: field.text,
      changesGrants: field.yesNo,
    }),
  'bank.decommissioned': () => bank().extend({ reason: field.text }),
  'import.created': imported,
  'import.uploaded': imported,
  /** Something is wrong with the file or its rows; nothing of it was created. */
  'import.rejected': imported,
  'import.started': imported,
  'import.completed': () =>
    imported().extend({
      counts: z.object({ created: field.whole, alreadyExists: field.whole, refused: field.whole }),
    }),
  /** It cannot go on; what was created until then stays. */
  'import.failed': () => imported().extend({ problem: field.text }),
  'export.created': exported,
  /** Its file can be fetched. */
  'export.completed': exported,
  /** There will be no file. */
  'export.failed': () => exported().extend({ problem: field.text }),
  /** Its file is in the bucket that it was to be pushed to, under this name. */
  'export.pushed': () => exported().extend({ destination: field.text, key: field.text }),
  /** Its file will not come into that bucket; it can be fetched all the same. */
  'export.push_failed': () => exported().extend({ destination: field.text, reason: field.text }),
  'export_schedule.created': exportSchedule,
  'export_schedule.updated': exportSchedule,
  /** It was due, and has made an export of the period that had ended. */
  'export_schedule.ran': () => exportSchedule().extend({ exportId: field.text, dueAt: field.moment }),
  'export_schedule.deleted': exportSchedule,
  'reconciliation.created': reconciliation,
  'reconciliation.uploaded': reconciliation,
  /** Something is wrong with the file; nothing was compared. */
  'reconciliation.rejected': () => reconciliation().extend({ problem: field.text }),
  /** Its result is in `changes`, and the list of differences can be fetched. */
  'reconciliation.completed': reconciliation,
  /** There will be no result. */
  'reconciliation.failed': () => reconciliation().extend({ problem: field.text }),
  'incident.opened': incident,
  /** By this event. */
  'incident.recurred': () => incident().extend({ eventId: field.text }),
  'incident.cause_ended': incident,
  'incident.acknowledged': incident,
  'incident.assigned': incident,
  'incident.noted': incident,
  'incident.resolved': incident,
  'incident.reopened': () => incident().extend({ reason: field.text }),
  'incident.closed': incident,
  /** `missed`: what nobody has done in time, `acknowledge` or `resolve`. */
  'incident.escalated': () => incident().extend({ missed: field.text, summary: field.text }),
  'asset.registered': asset,
  /** To another door of its bank, which is its own from now on. */
  'asset.moved': () => asset().extend({ fromDoor: field.text, reason: field.text }),
  'asset.retired': () => asset().extend({ reason: field.text }),
  'stock_unit.registered': stockUnit,
  'stock_unit.updated': stockUnit,
  /** It has a door, into which it is to be put. */
  'stock_unit.placed': stockUnit,
  /** It lies in its door, and can be sold. */
  'stock_unit.stocked': stockUnit,
  /** Its door was found empty, and nobody bought it. */
  'stock_unit.missing': stockUnit,
  'stock_unit.sold': () => stockUnit().extend({ transactionId: field.text }),
  'stock_unit.withdrawn': () => stockUnit().extend({ reason: field.text }),
  'site.created': () => z.object({ siteId: field.text, changes: Changes }),
  'site.updated': () => z.object({ siteId: field.text, changes: Changes }),
  'tenant.created': () => z.object({ tenantId: field.text, changes: Changes }),
  /** With it controllers of the tenant's banks may enrol. */
  'tenant.claim_issued': () =>
    z.object({ tenantId: field.text, claimId: field.text, name: field.text, changes: Changes }),
  'tenant.claim_revoked': () =>
    z.object({ tenantId: field.text, claimId: field.text, reason: field.text, changes: Changes }),
  'api_key.created': apiKey,
  'api_key.revoked': apiKey,
  'badge_group.replaced': badgeGroup,
  'assignment_policy.replaced': assignmentPolicy,
  /** Back to the rules of an older version; `changes.restores` says which. */
  'assignment_policy.restored': assignmentPolicy,
  /** What a tenant or a site says of workflows: deadlines, tolerance, conditions. */
  'workflow_terms.updated': workflowTerms,
  'branding.updated': branding,
  'message_template.created': messageTemplate,
  'message_template.updated': messageTemplate,
  /** People are told what we say again. */
  'message_template.removed': messageTemplate,
  /** Nobody was told, and nobody will be. */
  'message.failed': message,
  'webhook_endpoint.created': endpoint,
  'webhook_endpoint.updated': endpoint,
  /** What it is signed with from now on; the key before signs as well for a while. */
  'webhook_endpoint.secret_rotated': endpoint,
  'webhook_endpoint.pinged': endpoint,
  /** An example of a type was asked for. The endpoint is sent `sample` as the data of an event of that type, with `test`. */
  'webhook_endpoint.tried': () =>
    endpoint().extend({ eventType: field.text, sample: z.record(field.text, z.unknown()) }),
  /** What lies in the feed from one moment to another is sent to it again; `states`: only deliveries in these. */
  'webhook_endpoint.replay_started': () =>
    endpoint().extend({
      replayId: field.text,
      from: field.moment,
      to: field.moment,
      eventTypes: z.array(field.text),
      states: z.array(field.text),
    }),
  'webhook_endpoint.disabled': () => endpoint().extend({ reason: field.text }),
  'webhook_endpoint.enabled': endpoint,
  /** It gets nothing any more; what was on its way to it ends dead. */
  'webhook_endpoint.deleted': endpoint,
});

export type EventType = keyof typeof catalogue;
export type EventData<T extends EventType> = z.infer<(typeof catalogue)[T]>;
export const isEventType = (type: string): type is EventType => Object.hasOwn(catalogue, type);
export const eventTypes = Object.keys(catalogue).filter(isEventType);
