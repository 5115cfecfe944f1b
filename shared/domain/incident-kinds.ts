import * as z from 'zod';
import type { EventType } from '../../events/catalogue.ts';
import type { Envelope } from '../../events/envelope.ts';
import type { Bank } from './bank.ts';
import type { Compartment } from './compartment.ts';
import type { Presence } from './connectivity.ts';
import type { Fault } from './faults.ts';
import type { Transaction } from './transaction.ts';
import type { WebhookEndpoint } from './webhook.ts';

const minute = 60;
const hour = 60 * minute;

type Urgency = {
  /** Somebody has to have taken it within so long. */
  acknowledgeWithinSeconds: number;
  /** It has to be resolved within so long, or by the deadline of the transaction that is concerned, if that is earlier. */
  resolveWithinSeconds: number;
  /** While what was missed is still missing, it is escalated again after so long. */
  escalateAgainAfterSeconds: number;
};

/** How bad it is, and so how long people have. */
export const severities = {
  critical: {
    acknowledgeWithinSeconds: 15 * minute,
    resolveWithinSeconds: 4 * hour,
    escalateAgainAfterSeconds: 30 * minute,
  },
  high: {
    acknowledgeWithinSeconds: hour,
    resolveWithinSeconds: 12 * hour,
    escalateAgainAfterSeconds: 2 * hour,
  },
  normal: {
    acknowledgeWithinSeconds: 8 * hour,
    resolveWithinSeconds: 72 * hour,
    escalateAgainAfterSeconds: 24 * hour,
  },
} as const satisfies Record<string, Urgency>;

const isSeverity = (it: string): it is keyof typeof severities => Object.hasOwn(severities, it);
export const Severity = z.enum(Object.keys(severities).filter(isSeverity));
export type Severity = z.infer<typeof Severity>;

/** Who has not been reached after so many escalations is not reached by another one. */
export const levelMax = 3;

/** What an incident is about, as it is now; null where there is none. */
export type Scene = {
  bank: Bank | null;
  presence: Presence | null;
  compartment: Compartment | null;
  transaction: Transaction | null;
  endpoint: WebhookEndpoint | null;
};

/** Nobody goes to a bank that is not there any more. */
const isInUse = ({ bank }: Scene): boolean => bank !== null && bank.lifecycle !== 'decommissioned';

/** A reason that staff gave is none of ours: what they say holds, whatever had failed before. */
const isOutFor = ({ compartment }: Scene, ...reasons: Fault[]): boolean =>
  reasons.some((it) => it === compartment?.outOfService);

/** What may go on behind an incident, and whether it does, whatever its events say. */
export const causes = {
  /** It has happened, and is over at once. */
  none: { says: 'it happened, and does not go on', holds: () => false },
  bankOffline: {
    says: 'the bank is offline',
    holds: (it) => isInUse(it) && it.presence?.connectivity === 'offline',
  },
  lockFailed: {
    says: 'the lock is jammed, or the compartment out of service for it',
    holds: (it) => isInUse(it) && (it.compartment?.lock === 'jammed' || isOutFor(it, 'lock_jammed', 'not_closing')),
  },
  outOfRange: {
    says: 'it is too warm or too cold inside, or the compartment is out of service for it',
    holds: (it) =>
      isInUse(it) && (it.compartment?.outsideSince !== undefined || isOutFor(it, 'temperature_out_of_range')),
  },
  moveOverdue: {
    says: 'the item is in somebody’s hands, longer than it should be',
    holds: ({ transaction }) =>
      transaction?.move?.stage === 'carrying' &&
      transaction.state === 'stored' &&
      transaction.flags.includes('overdue'),
  },
  endpointDisabled: {
    says: 'the endpoint is disabled',
    holds: ({ endpoint }) => endpoint?.state === 'disabled',
  },
} as const satisfies Record<string, { says: string; holds: (it: Scene) => boolean }>;
export type Cause = keyof typeof causes;

type KindOfIncident = {
  severity: Severity;
  /** By which event it is opened; null: by people alone. */
  opens: EventType | null;
  /** It is about the transaction that the event names, and not about the event’s own subject. */
  ofTransaction?: true;
  /** Not all events of that type are work for somebody. */
  where?: { says: string; holds: (data: Record<string, unknown>) => boolean };
  cause: Cause;
  /** After these its cause may be over; each is about the same subject as what opened it. */
  over: readonly EventType[];
  summary: string;
  todo: string;
};

/** What is work for somebody, and what that is. */
export const incidentKinds = {
  bank_offline: {
    ...{ severity: 'high', opens: 'bank.offline', cause: 'bankOffline', over: ['bank.online', 'bank.decommissioned'] },
    summary: 'A bank is offline.',
    todo: 'Call the site: power, network, controller. PINs that the bank knows go on working.',
  },
  bank_tampered: {
    ...{ severity: 'critical', opens: 'bank.tampered', cause: 'none', over: [] },
    summary: 'Somebody is at the controller of a bank.',
    todo: 'If it is none of your people, it may be a break-in: send somebody.',
  },
  journal_truncated: {
    ...{ severity: 'high', opens: 'bank.journal_truncated', cause: 'none', over: [] },
    summary: 'A bank had no room for its journal: what its doors did is not known.',
    todo: 'Compare what is inside with what is recorded there, door by door.',
  },
  lock_jammed: {
    ...{ severity: 'high', opens: 'compartment.lock_jammed' },
    ...{ cause: 'lockFailed', over: ['compartment.returned_to_service'] },
    summary: 'A lock did not open or close.',
    todo: 'Send somebody to the lock; an item may be locked in. Once it is mended, open it by a command: if it obeys, it is in service again.',
  },
  not_closing: {
    ...{ severity: 'critical', opens: 'compartment.not_closing' },
    ...{ cause: 'lockFailed', over: ['compartment.returned_to_service'] },
    summary: 'A door was pushed shut, and its lock does not catch.',
    todo: 'What is inside is open to everybody: take it out, and have the lock mended. Then open it by a command: if it obeys, it is in service again.',
  },
  forced_open: {
    ...{ severity: 'critical', opens: 'compartment.forced_open', cause: 'none', over: [] },
    summary: 'A door was opened without a credential or a command.',
    todo: 'Check what was inside, and have the lock and the neighbouring doors looked at. It may be a break-in.',
  },
  contents_mismatched: {
    ...{ severity: 'high', opens: 'compartment.contents_mismatched', cause: 'none', over: [] },
    summary: 'The sensor of a compartment says another thing than what should be inside.',
    todo: 'Have somebody look inside. An item may be gone, or left behind; or the sensor is broken.',
  },
  temperature: {
    ...{ severity: 'critical', opens: 'compartment.temperature_out_of_range' },
    ...{ cause: 'outOfRange', over: ['compartment.returned_to_service'] },
    summary: 'It is too warm or too cold in a compartment.',
    todo: 'Move what is inside to another compartment, or have it taken out. Return the compartment to service once you know why.',
  },
  conflict: {
    ...{ severity: 'normal', opens: 'transaction.conflicted', cause: 'none', over: [] },
    summary: 'A bank did what had been decided otherwise.',
    todo: 'What happened stands. Read its events, and ask at the site whether the item is where the transaction says.',
  },
  wrong_item: {
    ...{ severity: 'high', opens: 'transaction.scan_failed', cause: 'none', over: [] },
    summary: 'A label that was to be scanned at a door was another one, or was not scanned.',
    todo: 'What was done stands. Have it looked at whether the right item was put in or taken out.',
  },
  move_stopped: {
    ...{ severity: 'high', opens: 'transaction.overdue', cause: 'moveOverdue' },
    // What is late to come back is its lender’s business.
    where: { says: 'of a move', holds: ({ state }) => state === 'stored' },
    over: ['transaction.moved', 'transaction.recalled'],
    summary: 'A move has stopped half-way: the item is out of its old door, and not in the new one.',
    todo: 'The transaction says whose move it is. Have the item put in, or move it to another door that is free.',
  },
  reservation_lost: {
    ...{ severity: 'high', opens: 'transaction.rejected', cause: 'none', over: [] },
    // What was reserved softly may be taken back; its owner asked for it so.
    where: { says: 'unless it was reserved softly and taken back', holds: ({ reason }) => reason !== 'reclaimed' },
    summary: 'A reservation lost its compartment, and no other fits.',
    todo: 'Somebody comes with an item that has no place: tell its owner, and have the compartment looked at.',
  },
  nobody_told: {
    ...{ severity: 'high', opens: 'message.failed', ofTransaction: true, cause: 'none', over: [] },
    summary: 'Somebody was to be told something, and no channel reached them.',
    todo: 'Tell them in another way. The messages of the transaction say who it is and what went wrong: correct the address, and send the credential again.',
  },
  endpoint_disabled: {
    ...{ severity: 'normal', opens: 'webhook_endpoint.disabled', cause: 'endpointDisabled' },
    where: { says: 'unless its owner wanted it', holds: ({ reason }) => reason !== 'by_owner' },
    over: ['webhook_endpoint.enabled', 'webhook_endpoint.deleted'],
    summary: 'A webhook endpoint was disabled: it gets no events any more.',
    todo: 'Its list of deliveries shows how it answered. Mend it, enable it, and have what it missed sent again.',
  },
  export_not_pushed: {
    ...{ severity: 'normal', opens: 'export.push_failed', cause: 'none', over: [] },
    // Who revokes a key wants nothing pushed in its name.
    where: { says: 'unless its key was revoked', holds: ({ reason }) => reason !== 'key_gone' },
    summary: 'The file of an export could not be put into its bucket, and is not tried again.',
    todo: 'Fetch it from the export within its days. Have the policy, the account and the region of the bucket looked at.',
  },
  reported: {
    ...{ severity: 'normal', opens: null, cause: 'none', over: [] },
    summary: 'Somebody reported something.',
    todo: 'What was reported stands in its summary.',
  },
} as const satisfies Record<string, KindOfIncident>;

const isKind = (it: string): it is keyof typeof incidentKinds => Object.hasOwn(incidentKinds, it);
export const IncidentKind = z.enum(Object.keys(incidentKinds).filter(isKind));
export type IncidentKind = z.infer<typeof IncidentKind>;

export const incidentKindOf = (kind: IncidentKind): KindOfIncident => incidentKinds[kind];

/** The kind of incident that an event opens, or happens to once more. */
export const openedBy = ({ type, data }: Pick<Envelope, 'type' | 'data'>): IncidentKind | null =>
  IncidentKind.options.find((kind) => {
    const { opens, where } = incidentKindOf(kind);
    return opens === type && (where?.holds(data) ?? true);
  }) ?? null;

/** What an incident of that kind is about, as an event tells of it: of each there is one at a time. */
export const subjectOfIncident = (kind: IncidentKind, { subject, data }: Pick<Envelope, 'subject' | 'data'>): string =>
  incidentKindOf(kind).ofTransaction && typeof data.transactionId === 'string' ? data.transactionId : subject;

/** The kinds whose cause may be over after an event of that type. */
export const endedBy = (type: string): IncidentKind[] =>
  IncidentKind.options.filter((kind) => incidentKindOf(kind).over.some((it) => it === type));

/** Every event that opens an incident, or may end the cause of one. */
export const incidentEvents = (): EventType[] => [
  ...new Set(
    IncidentKind.options.map(incidentKindOf).flatMap(({ opens, over }) => [...(opens ? [opens] : []), ...over]),
  ),
];
