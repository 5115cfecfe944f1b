import * as z from 'zod';
import type { Envelope } from '#events/envelope.ts';
import * as field from '#events/fields.ts';
import { concerned, delegated, entitled, type Told, takenBack } from '#shared/domain/audience.ts';
import {
  type Channel,
  channelsOf,
  type Fact,
  Message,
  type MessageKind,
  newMessage,
  newReminder,
  sendMessageOf,
} from '#shared/domain/message.ts';
import { remindAt, reminderName, reminderOf } from '#shared/domain/reminder.ts';
import { type Instant, instant, later } from '#shared/domain/time.ts';
import { Transaction } from '#shared/domain/transaction.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import { madeAt } from '#shared/lambda/ids.ts';
import { liveTable } from '#shared/live.ts';
import { schedulesTo } from '#shared/live-schedules.ts';
import { liveChannels } from '#shared/live-sending.ts';
import type { Queue } from '#shared/outside/queues.ts';
import type { Schedules } from '#shared/outside/schedules.ts';
import { parseBank } from '#shared/store/banks.ts';
import { messageWrite } from '#shared/store/messages.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost, type Table } from '#shared/store/table.ts';

const Superseded = z.object({ by: field.text });
const About = z.object({ credentialId: field.text });

/**
 * Who is to be told of an event, as things are now. `again`: they may have been told the same before, and are once more.
 * `urgent`: somebody waits for it, at the bank or for what they asked for.
 */
type Heard = { again?: true; urgent?: true; audience: (event: Envelope, it: Transaction) => Told[] };

/** Only of what is so by now: of a reservation that has gone on meanwhile, whoever is told of that is told enough. */
const those =
  (...kinds: readonly MessageKind[]): Heard['audience'] =>
  (_, it) =>
    concerned(it).filter(({ kind }) => kinds.includes(kind));

/** The door or the PIN is another, if what they do there has not changed since. */
const anew: Heard = { again: true, audience: ({ data }, it) => (data.state === it.state ? concerned(it) : []) };

const heard: Record<string, Heard> = {
  'transaction.reserved': { urgent: true, audience: those('loan_ready', 'rental_ready', 'delegated') },
  'transaction.started': { again: true, urgent: true, audience: those('loan_runs') },
  'transaction.overdue': { again: true, audience: those('loan_overdue', 'rental_overdue') },
  'transaction.deposited': { audience: those('item_waits', 'delegated') },
  'transaction.moved': anew,
  'transaction.credentials_reissued': anew,
  // Somebody wants it sent again, so there is another PIN now.
  'credential.superseded': {
    urgent: true,
    audience: ({ data }, it) => {
      const { by } = Superseded.parse(data);
      return [...entitled(it), ...delegated(it)].filter(({ credential }) => credential.id === by);
    },
  },
  'credential.delegated': {
    urgent: true,
    audience: ({ data }, it) => {
      const { credentialId } = About.parse(data);
      return delegated(it).filter(({ credential }) => credential.id === credentialId);
    },
  },
  'credential.taken_back': { audience: ({ data }, it) => takenBack(it, About.parse(data).credentialId) },
};

/** What sets the deadline anew that people are reminded of, or lets it run on. */
const remindedAfter = new Set([
  'transaction.deposited',
  'transaction.started',
  'transaction.extended',
  'transaction.moved',
  'transaction.move_cancelled',
]);

export type MessagesDeps = {
  table: Table;
  /** Which channels this stage has. */
  isOn: Record<Channel, boolean>;
  /** Where messages wait, by channel. */
  sending: Record<Channel, Queue>;
  /** Wakes a sender later. */
  schedules: Pick<Schedules, 'send'>;
  /** Milliseconds since 1970. */
  clock: () => number;
};

/**
 * Writes down what people are to be told because of an event, and asks for it to be sent. Whoever can be reached by no
 * channel is told nothing: the webhooks tell their customer's system, which may know another way.
 */
export const planMessages = ({ table, sending, schedules, isOn, clock }: MessagesDeps) => {
  /** The message if it is still to be asked for: it is new, or an earlier call died before asking. */
  const toBeSent = async (message: Message): Promise<Message | null> => {
    try {
      await table.write([messageWrite(message, 'absent')]);
      return message;
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      const known = Message.parse(error.rows[0]?.current);
      return known.version === 1 ? known : null;
    }
  };

  /**
   * Once for each deadline, and as long as it is still to come. Here and not where deadlines are scheduled: each deposit and
   * start wakes this function anyway, and the queues that send lie in its stack.
   */
  const remind = async (it: Transaction, now: Instant): Promise<void> => {
    const reminder = reminderOf(it);
    const [told] = concerned(it);
    if (reminder === null || told === undefined || channelsOf(told.party, isOn).length === 0) return;
    const bankRow = await table.get(keys.bank(it.bankId));
    if (bankRow === undefined) return;
    const at = remindAt(reminder, parseBank(bankRow));
    if (at <= now) return;
    const message = await toBeSent(newReminder(it, told, reminder, at, now));
    if (message !== null)
      await schedules.send(reminderName(it, reminder), message.nextAttemptAt ?? at, sendMessageOf(message), now);
  };

  return async (event: Envelope): Promise<void> => {
    const row = heard[event.type];
    const isReminded = remindedAfter.has(event.type);
    if (row === undefined && !isReminded) return;
    const found = await table.get(keys.transaction(event.tenant, event.subject), true);
    if (found === undefined) return;
    const transaction = Transaction.parse(found);
    const now = instant(clock());
    /** The same whatever event tells of it, as far as it is the same fact. */
    const factOf = (told: Told, { again, urgent: isUrgent }: Heard): Fact => {
      const isSo: Instant = later(
        transaction.depositedAt ?? transaction.createdAt,
        instant(madeAt(told.credential.id)),
      );
      const urgent = isUrgent === true;
      return again
        ? { ...told, since: event.occurredAt, round: event.id, urgent }
        : { ...told, since: isSo, round: '', urgent };
    };
    const facts = row?.audience(event, transaction).map((told) => factOf(told, row)) ?? [];
    for (const fact of facts) {
      const [first] = channelsOf(fact.party, isOn);
      if (first === undefined) continue;
      const message = await toBeSent(newMessage(transaction, fact, now));
      if (message !== null) await sending[first].send(sendMessageOf(message));
    }
    if (isReminded) await remind(transaction, now);
  };
};

/** Reminders wait for the SMS queue: its function hands on what is to go another way. */
export const handler = reaction(() =>
  planMessages({ ...liveTable(), ...liveChannels(), schedules: schedulesTo('SMS') }),
);
