import type { Envelope } from '../../events/envelope.ts';
import type { ExportKind } from './export.ts';
import type { Incident } from './incident.ts';
import type { Charge, Transaction } from './transaction.ts';
import type { Delivery } from './webhook.ts';

/** What a column holds, if anything. `json`: a structure, which a cell spells as JSON. */
export type ColumnType = 'text' | 'integer' | 'boolean' | 'moment' | 'json';

export type Column<Row> = {
  name: string;
  type: ColumnType;
  says: string;
  /** About a person: only in exports with `personalData`. */
  personal?: true;
  of: (row: Row) => unknown;
};

const column = <Row>(name: string, type: ColumnType, says: string, of: (row: Row) => unknown): Column<Row> => ({
  name,
  type,
  says,
  of,
});

const personal = <Row>(name: string, type: ColumnType, says: string, of: (row: Row) => unknown): Column<Row> => ({
  ...column(name, type, says, of),
  personal: true,
});

/** The currency of a transaction's amounts: of its payment, or of what came later where nothing was paid at first. */
const currencyOf = ({ payment, charges = [] }: Transaction): string | undefined =>
  payment?.currency ?? charges[0]?.currency;

/** What came later in that currency; null where nothing has an amount. */
const sumOf = (it: Transaction, counts: (kind: Charge['kind']) => boolean): number | null => {
  const currency = currencyOf(it);
  if (currency === undefined) return null;
  return (it.charges ?? [])
    .filter((charge) => counts(charge.kind) && charge.currency === currency)
    .reduce((sum, { amountMinor }) => sum + amountMinor, 0);
};

/** What a transaction costs, all in one currency; null where it has no amount. */
export const amountsOf = (it: Transaction) => ({
  paymentMinor: it.payment?.amountMinor ?? null,
  chargedMinor: sumOf(it, (kind) => kind !== 'refund'),
  refundedMinor: sumOf(it, (kind) => kind === 'refund'),
  currency: currencyOf(it) ?? null,
});

const transactions: readonly Column<Transaction>[] = [
  column('id', 'text', 'of the transaction', (it) => it.id),
  column('workflow', 'text', 'which of the six', (it) => it.workflow),
  column('state', 'text', 'when it was exported', (it) => it.state),
  column('version', 'integer', 'its events until then', (it) => it.version),
  column('flags', 'text', 'separated by spaces', (it) => it.flags.join(' ')),
  column('siteId', 'text', '', (it) => it.siteId),
  column('bankId', 'text', '', (it) => it.bankId),
  column('door', 'text', 'where it is, or was last', (it) => it.door),
  column('livemode', 'boolean', 'false at a simulated bank', (it) => it.livemode),
  column('orderId', 'text', '`externalIds.order`', (it) => it.externalIds.order),
  column('externalIds', 'json', 'all of them', (it) => it.externalIds),
  column('sourceSystem', 'text', 'which system owns it', (it) => it.source?.system),
  column('linkKind', 'text', 'what it is a part of', (it) => it.link?.kind),
  column('linkId', 'text', 'what it is a part of', (it) => it.link?.id),
  column('items', 'json', 'as they were told', (it) => it.items),
  personal('recipientName', 'text', 'the recipient', (it) => it.recipient.name),
  personal('recipientPhone', 'text', 'the recipient, E.164', (it) => it.recipient.phone),
  personal('recipientEmail', 'text', 'the recipient', (it) => it.recipient.email),
  column('paymentMinor', 'integer', 'asked at first, in the smallest unit', (it) => amountsOf(it).paymentMinor),
  column(
    'chargedMinor',
    'integer',
    'asked later: more time, overstay, surcharges; of `currency`',
    (it) => amountsOf(it).chargedMinor,
  ),
  column('refundedMinor', 'integer', 'given back, of `currency`', (it) => amountsOf(it).refundedMinor),
  column('currency', 'text', 'ISO 4217', (it) => amountsOf(it).currency),
  column('charges', 'json', 'each amount that came later, with its own currency', (it) => it.charges),
  column('reserveUntil', 'moment', 'deadline', (it) => it.deadlines.reserveUntil),
  column('depositBy', 'moment', 'deadline', (it) => it.deadlines.depositBy),
  column('pickupBy', 'moment', 'deadline', (it) => it.deadlines.pickupBy),
  column('useUntil', 'moment', 'deadline', (it) => it.deadlines.useUntil),
  column('createdAt', 'moment', '', (it) => it.createdAt),
  column('depositedAt', 'moment', '', (it) => it.depositedAt),
  column('pickedUpAt', 'moment', '', (it) => it.pickedUpAt),
  column('startedAt', 'moment', 'of a loan or a rental', (it) => it.startedAt),
  column('endedAt', 'moment', '', (it) => it.endedAt),
  column('updatedAt', 'moment', '', (it) => it.updatedAt),
  column('expiredStage', 'text', 'what was not done in time', (it) => it.expiredStage),
  column('cancelReason', 'text', '', (it) => it.cancelReason),
  column('recallCause', 'text', '', (it) => it.recallCause),
  column('rejectReason', 'text', '', (it) => it.rejectReason),
  column('metadata', 'json', 'as it was told', (it) => it.metadata),
];

const events: readonly Column<Envelope>[] = [
  column('id', 'text', 'of the event', (it) => it.id),
  column('type', 'text', '', (it) => it.type),
  column('subject', 'text', 'what it is about', (it) => it.subject),
  column('sequence', 'integer', 'among the events of its subject, without gaps', (it) => it.sequence),
  column('occurredAt', 'moment', 'when it happened; for what a bank did, by its clock', (it) => it.occurredAt),
  column('recordedAt', 'moment', 'when we learned of it', (it) => it.recordedAt),
  column('actorType', 'text', 'who caused it', (it) => it.actor.type),
  column('actorId', 'text', 'who caused it', (it) => it.actor.id),
  column(
    'livemode',
    'boolean',
    'false at a simulated bank; nothing where no bank is part of it',
    (it) => it.data.livemode,
  ),
  column('schema', 'integer', 'version of the type’s schema', (it) => it.schema),
  column('data', 'json', 'what changed; nothing about persons is in events', (it) => it.data),
  column('prevHash', 'text', 'hash of the event before, of the same subject', (it) => it.prevHash),
  column('hash', 'text', 'of this event: [what it is made of](finding-and-proving.md)', (it) => it.hash),
];

const deliveries: readonly Column<Delivery>[] = [
  column('id', 'text', 'of the delivery', (it) => it.id),
  column('endpointId', 'text', 'where it went', (it) => it.endpointId),
  column('eventId', 'text', '', (it) => it.eventId),
  column('eventType', 'text', '', (it) => it.eventType),
  column('subject', 'text', 'what the event is about', (it) => it.subject),
  column('sequence', 'integer', 'of the event among those of its subject', (it) => it.sequence),
  column('state', 'text', 'when it was exported', (it) => it.state),
  column('attempts', 'integer', 'how many', (it) => it.attempts.length),
  column('lastStatus', 'integer', 'HTTP status of the last attempt', (it) => it.attempts.at(-1)?.status),
  column(
    'lastError',
    'text',
    'why there was no answer, or how one began that was not 2xx',
    (it) => it.attempts.at(-1)?.error,
  ),
  column('lastDurationMs', 'integer', 'of the last attempt', (it) => it.attempts.at(-1)?.durationMs),
  column('resent', 'integer', 'how often somebody had it sent again', (it) => it.resent.length),
  column('createdAt', 'moment', '', (it) => it.createdAt),
  column('firstAttemptAt', 'moment', '', (it) => it.attempts[0]?.at),
  column('lastAttemptAt', 'moment', '', (it) => it.attempts.at(-1)?.at),
  column('nextAttemptAt', 'moment', 'while it waits for one', (it) => it.nextAttemptAt),
];

const incidents: readonly Column<Incident>[] = [
  column('id', 'text', 'of the incident', (it) => it.id),
  column('kind', 'text', '[what is behind it](incidents.md#what-opens-one)', (it) => it.kind),
  column('severity', 'text', '', (it) => it.severity),
  column('state', 'text', 'when it was exported', (it) => it.state),
  column('summary', 'text', '', (it) => it.summary),
  column('subject', 'text', 'whose events tell of it', (it) => it.subject),
  column('eventId', 'text', 'of the event that opened it', (it) => it.eventId),
  column('bankId', 'text', '', (it) => it.bankId),
  column('door', 'text', '', (it) => it.door),
  column('transactionId', 'text', 'that is concerned', (it) => it.transactionId),
  column('livemode', 'boolean', 'false at a simulated bank', (it) => it.livemode),
  column('owner', 'text', 'who has it, or is to have it', (it) => it.owner),
  column('occurrences', 'integer', 'how often it has happened', (it) => it.occurrences),
  column('lastAt', 'moment', 'when it happened last', (it) => it.lastAt),
  column('causeHolds', 'boolean', 'what is behind it goes on', (it) => it.causeHolds),
  column('causeOverAt', 'moment', 'since when it does not', (it) => it.causeOverAt),
  column('acknowledgeBy', 'moment', 'by when somebody has to have taken it', (it) => it.acknowledgeBy),
  column('resolveBy', 'moment', 'by when it has to be resolved', (it) => it.resolveBy),
  column('level', 'integer', 'how often it was escalated', (it) => it.level),
  column('escalatedAt', 'moment', 'when last', (it) => it.escalatedAt),
  column('steps', 'json', 'what was done about it, each with `at`, `by` and `text`', (it) => it.steps),
  column('resolution', 'text', 'how it was resolved', (it) => it.resolution),
  column('openedAt', 'moment', '', (it) => it.openedAt),
  column('acknowledgedAt', 'moment', '', (it) => it.acknowledgedAt),
  column('resolvedAt', 'moment', '', (it) => it.resolvedAt),
  column('closedAt', 'moment', '', (it) => it.closedAt),
];

/** A row of an export, whatever its kind: the value of each column, in their order; null where there is none. */
export type ExportRow = readonly unknown[];

/** The columns of an export, and how its rows are made. */
export const columnsOf = <Kind extends ExportKind>(kind: Kind, personalData: boolean) => {
  const all: readonly Column<Exported[Kind]>[] = exportColumns[kind];
  const columns = all.filter((it) => personalData || it.personal !== true);
  return { columns, rowOf: (it: Exported[Kind]): ExportRow => columns.map(({ of }) => of(it) ?? null) };
};

/** What rows of each kind are made of. */
export type Exported = { transactions: Transaction; events: Envelope; deliveries: Delivery; incidents: Incident };

/** Every column there is; docs/exports.md is made from it. New ones go behind the last of their kind. */
export const exportColumns: { [Kind in ExportKind]: readonly Column<Exported[Kind]>[] } = {
  transactions,
  events,
  deliveries,
  incidents,
};
