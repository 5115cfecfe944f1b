import * as z from 'zod';
import * as field from '../../events/fields.ts';
import type { Told } from './audience.ts';
import { derivedId } from './derived-id.ts';
import type { Reminder } from './reminder.ts';
import { epochMs, type Instant, InstantText, plusSeconds } from './time.ts';
import type { Party, Transaction } from './transaction.ts';

/** In the order in which they are tried: an SMS is read at once, an e-mail reaches people whose phone does not. */
export const Channel = z.enum(['sms', 'email']);
export type Channel = z.infer<typeof Channel>;

export const MessageKind = z.enum([
  'item_waits',
  'pickup_due',
  'loan_ready',
  'loan_runs',
  'loan_due',
  'loan_overdue',
  'rental_ready',
  'rental_runs',
  'rental_ending',
  'rental_overdue',
  'delegated',
  'taken_back',
]);
export type MessageKind = z.infer<typeof MessageKind>;

/**
 * `pending`: not tried yet · `retrying`: a channel failed, it is tried again at `nextAttemptAt` · `waiting`: it may be sent
 * then, and `reason` says what for · `sent` · `dead`: no channel takes it · `suppressed`: `reason` says why it is not sent.
 */
export const MessageState = z.enum(['pending', 'retrying', 'waiting', 'sent', 'dead', 'suppressed']);
export type MessageState = z.infer<typeof MessageState>;

/**
 * `sent`: the channel has taken it · `refused`: it never takes one for this address · `unavailable`: it takes none of ours,
 * until somebody changes that · `failed`: it may take it later · `over_limit`: the tenant has used up its SMS of the day.
 */
export const Outcome = z.enum(['sent', 'refused', 'unavailable', 'failed', 'over_limit']);
export type Outcome = z.infer<typeof Outcome>;

export const MessageAttempt = z.object({
  at: InstantText,
  channel: Channel,
  outcome: Outcome,
  /** The channel's name for what went wrong; its text may hold an address. */
  error: field.textOrNull,
});
export type MessageAttempt = z.infer<typeof MessageAttempt>;

/** Something that a person is told. Neither the text nor a PIN nor an address: those are looked up when it is sent. */
export const Message = z.object({
  id: field.text,
  tenant: field.text,
  transactionId: field.text,
  bankId: field.text,
  /** As its transaction is. */
  livemode: field.yesNo,
  kind: MessageKind,
  to: z.enum(['recipient', 'collector', 'delegate']),
  /** What they open with. */
  credentialId: field.text,
  state: MessageState,
  reason: z.enum(['no_longer_true', 'no_address', 'sms_limit', 'quiet_hours', 'not_due']).nullable(),
  /** Somebody waits for it: it is sent in quiet hours as well. */
  urgent: field.yesNo.default(false),
  /** Of a reminder the deadline that it is about. */
  remindsOf: field.momentOrNull.default(null),
  /** Which one took it. */
  channel: Channel.nullable(),
  attempts: z.array(MessageAttempt),
  /** Channels that are not tried any more. */
  exhausted: z.array(Channel),
  nextAttemptAt: field.momentOrNull,
  createdAt: InstantText,
  version: field.positive,
});
export type Message = z.infer<typeof Message>;

/** It was still true, nobody was told of it, and nobody will be. */
export const hasFailed = ({ state, reason }: Message): boolean => state === 'dead' || reason === 'no_address';

/** What lies in the queue of a channel: make the next attempt of this message. */
export const SendMessage = z.object({
  tenant: field.text,
  transactionId: field.text,
  bankId: field.text,
  messageId: field.text,
  /** Of the message when this was sent. Once it is another, the attempt meant here was made. */
  version: field.positive,
});
export type SendMessage = z.infer<typeof SendMessage>;

export const sendMessageOf = ({ tenant, transactionId, bankId, id, version }: Message): SendMessage => ({
  tenant,
  transactionId,
  bankId,
  messageId: id,
  version,
});

/** Seconds it is kept: longer than any queue, dead-letter queues included, can bring its event again. */
export const messageKeptSeconds = 30 * 86_400;

/**
 * A fact and whom it is told to. `round`: the event that makes the same fact worth telling once more; else empty. `urgent`:
 * somebody waits to be told.
 */
export type Fact = Told & { since: Instant; round: string; urgent: boolean };

/** Messages sort by the time of their facts. */
const idFrom = (since: Instant, fact: readonly string[]): string =>
  derivedId('msg', epochMs(since), JSON.stringify(fact));

/** From the fact alone, however many events tell of it. */
export const messageIdOf = (transactionId: string, { kind, credential, since, round }: Fact): string =>
  idFrom(since, [transactionId, kind, credential.id, round]);

/** One for each deadline, whoever may open by then and with what. */
export const reminderIdOf = (transactionId: string, { kind, by, at }: Reminder): string =>
  idFrom(at, [transactionId, kind, by]);

export const newMessage = (it: Transaction, fact: Fact, now: Instant): Message => ({
  id: messageIdOf(it.id, fact),
  tenant: it.tenant,
  transactionId: it.id,
  bankId: it.bankId,
  livemode: it.livemode,
  kind: fact.kind,
  to: fact.to,
  credentialId: fact.credential.id,
  state: 'pending',
  reason: null,
  urgent: fact.urgent,
  remindsOf: null,
  channel: null,
  attempts: [],
  exhausted: [],
  nextAttemptAt: now,
  createdAt: now,
  version: 1,
});

/** A reminder, written down when its deadline is set, to be sent at `at`. Whom it goes to is looked up then. */
export const newReminder = (it: Transaction, told: Told, reminder: Reminder, at: Instant, now: Instant): Message => ({
  ...newMessage(it, { ...told, kind: reminder.kind, since: reminder.at, round: reminder.by, urgent: false }, now),
  id: reminderIdOf(it.id, reminder),
  state: 'waiting',
  reason: 'not_due',
  remindsOf: reminder.by,
  nextAttemptAt: at,
});

/** By which somebody can be told. */
export const channelsOf = ({ phone, email }: Party, isOn: Record<Channel, boolean>): Channel[] =>
  Channel.options.filter((it) => isOn[it] && (it === 'sms' ? phone : email) !== undefined);

/** The channel that is tried next, as far as the message tells: it hands the message on where the person has no address. */
export const turnOf = ({ exhausted }: Message): Channel =>
  Channel.options.find((it) => !exhausted.includes(it)) ?? 'sms';

/** So often a channel is tried again while there is another that has not been. */
const retriesBeforeOther = 2;

/** The next day of those that SMS are counted by. */
const nextDay = (now: Instant): Instant => `${plusSeconds(now, 86_400).slice(0, 10)}T00:00:00.000Z`;

/**
 * A message after an attempt, but for its version. `others`: the channels behind this one that have not been given up.
 * `waits`: seconds before each further attempt at the last channel; of those before it the first two.
 */
export const afterAttempt = (
  it: Message,
  attempt: MessageAttempt,
  { others, waits }: { others: readonly Channel[]; waits: readonly number[] },
): Message => {
  const { at, channel, outcome } = attempt;
  const after = { ...it, attempts: [...it.attempts, attempt], reason: null };
  if (outcome === 'sent') return { ...after, state: 'sent', channel, nextAttemptAt: null };
  const isLast = others.length === 0;
  if (outcome === 'over_limit' && isLast)
    return { ...after, state: 'waiting', reason: 'sms_limit', nextAttemptAt: nextDay(at) };
  const tried = after.attempts.filter(
    (each) => each.channel === channel && (each.outcome === 'failed' || each.outcome === 'unavailable'),
  ).length;
  const wait = (isLast ? waits : waits.slice(0, retriesBeforeOther))[tried - 1];
  const isTriedAgain = outcome === 'failed' || (outcome === 'unavailable' && isLast);
  if (isTriedAgain && wait !== undefined) return { ...after, state: 'retrying', nextAttemptAt: plusSeconds(at, wait) };
  const exhausted = [...after.exhausted, channel];
  return isLast
    ? { ...after, exhausted, state: 'dead', nextAttemptAt: null }
    : { ...after, exhausted, state: 'retrying', nextAttemptAt: at };
};

/** It waits for the end of the quiet hours. */
export const putOff = (it: Message, until: Instant): Message => ({
  ...it,
  state: 'waiting',
  reason: 'quiet_hours',
  nextAttemptAt: until,
});

export const suppressed = (it: Message, reason: 'no_longer_true' | 'no_address'): Message => ({
  ...it,
  state: 'suppressed',
  reason,
  nextAttemptAt: null,
});
