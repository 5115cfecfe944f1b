import { stillTrue, type Told, toldUntil } from '../domain/audience.ts';
import type { Bank } from '../domain/bank.ts';
import type { Branding } from '../domain/branding.ts';
import { credentialValue } from '../domain/derived.ts';
import {
  afterAttempt,
  type Channel,
  channelsOf,
  hasFailed,
  Message,
  type MessageAttempt,
  type Outcome,
  putOff,
  type SendMessage,
  sendMessageOf,
  suppressed,
} from '../domain/message.ts';
import { type ChosenText, localesFor, textFor } from '../domain/message-template.ts';
import { codeText, isTyped, languageOf, momentText, type Variables } from '../domain/message-text.ts';
import { hasPickupPage, type PickupPlace, pickupLink } from '../domain/pickup-link.ts';
import { waitsUntil } from '../domain/quiet-hours.ts';
import type { RootKeys } from '../domain/root-key.ts';
import { epochMs, type Instant, instant } from '../domain/time.ts';
import { type Party, Transaction } from '../domain/transaction.ts';
import type { Queue } from '../outside/queues.ts';
import { parseBank } from '../store/banks.ts';
import { failureWrites, messageWrite } from '../store/messages.ts';
import { keys } from '../store/rows.ts';
import { Lost, type Table } from '../store/table.ts';
import type { Telling } from '../store/telling.ts';
import { log } from './log.ts';

/** What somebody is told, before its channel gives it a form. */
export type Said = {
  text: ChosenText;
  variables: Variables;
  branding: Branding;
  /** What the picture of a QR code says, for whoever opens with one. */
  qr: string | null;
};

/** What became of it; with what else its line in the log says. */
export type Sent = { outcome: Outcome; error: string | null; [said: string]: unknown };

export type SendMessageDeps = {
  table: Table;
  rootKeys: () => Promise<RootKeys>;
  telling: Telling;
  /** Of the API, for links. */
  publicUrl: string;
  /** Which channels this stage has. */
  isOn: Record<Channel, boolean>;
  /** Where messages wait for their next attempt, by the channel of that. */
  sending: Record<Channel, Queue>;
  /** Seconds before each further attempt. */
  waits: readonly number[];
  newId: (prefix: string) => string;
  /** Milliseconds since 1970. */
  clock: () => number;
};

/** Sends by the one channel that a function has. `now`: the moment of the attempt. */
export type Carry = (to: { tenant: string; party: Party }, said: Said, now: Instant) => Promise<Sent>;

const isSettled = ({ state }: Message): boolean => state === 'sent' || state === 'dead' || state === 'suppressed';

/**
 * One attempt at telling somebody something, if the turn is this channel's; else it is handed to the channel whose turn it
 * is. What is no longer true is not sent. That they were told is written after they were: a crash between the two repeats an
 * SMS, which annoys, where the other order would lose one, and leave somebody before a door without a PIN.
 */
export const sendMessage = (channel: Channel, carry: Carry, deps: SendMessageDeps) => {
  const { table, sending, isOn, newId } = deps;
  const clock = (): Instant => instant(deps.clock());

  /**
   * The attempt that it waits for. What is further off than a queue can wait comes back from it several times: that costs
   * less than the client of the scheduler would at each cold start.
   */
  const sendLater = async (it: Message, by: Channel): Promise<void> => {
    if (it.nextAttemptAt === null) return;
    await sending[by].send(sendMessageOf(it), (epochMs(it.nextAttemptAt) - epochMs(clock())) / 1000);
  };

  /** The PIN is made here and goes nowhere but to the channel. */
  const saidOf = async (it: Transaction, bank: Bank, told: Told): Promise<Said> => {
    const { kind, party, credential } = told;
    const [rootKeys, { branding, templates, site }] = await Promise.all([
      deps.rootKeys(),
      deps.telling(it.tenant, it.siteId),
    ]);
    const text = textFor(templates, { kind, channel }, localesFor(party.locale, branding.locale));
    const value = credentialValue(rootKeys, { bankId: bank.id, transactionId: it.id }, credential) ?? '';
    const code = codeText(languageOf(text.locale), credential.method, value);
    const place: PickupPlace = { tenant: it.tenant, transactionId: it.id };
    const { phone, email } = site?.support ?? branding.support ?? {};
    return {
      text,
      branding,
      qr: credential.method === 'qr' && kind !== 'taken_back' ? value : null,
      variables: {
        place: bank.name,
        door: it.door ?? '',
        code,
        pin: isTyped(credential.method) ? value : code,
        until: momentText(text.locale, toldUntil(it, told), bank.config.timeZone),
        link: hasPickupPage(credential) ? pickupLink(rootKeys, deps.publicUrl, place, credential) : '',
        brand: branding.name ?? bank.name,
        support: phone ?? email ?? '',
      },
    };
  };

  return async (asked: SendMessage, { redelivered }: { redelivered: boolean }): Promise<void> => {
    const { tenant, transactionId, bankId, messageId } = asked;
    const [row, transactionRow, bankRow] = await table.batchGet(
      [keys.message(tenant, transactionId, messageId), keys.transaction(tenant, transactionId), keys.bank(bankId)],
      true,
    );
    if (row === undefined) return log.warn('message is forgotten', { messageId, transactionId });
    const message = Message.parse(row);
    if (isSettled(message)) return;

    const transaction = transactionRow && Transaction.parse(transactionRow);
    const told = transaction ? stillTrue(transaction, message) : null;
    const open = told === null ? [] : channelsOf(told.party, isOn).filter((it) => !message.exhausted.includes(it));
    const [turn = channel, ...others] = open;
    if (message.version !== asked.version) {
      // The attempt was made. If this is what it was made for, its function may have died before the next step.
      return redelivered ? sendLater(message, turn) : undefined;
    }
    const isEarly = message.nextAttemptAt !== null && message.nextAttemptAt > clock();
    if (isEarly || turn !== channel) return sendLater(message, turn);

    const decide = async (): Promise<Message> => {
      if (!transaction || told === null || bankRow === undefined) return suppressed(message, 'no_longer_true');
      if (open.length === 0) return suppressed(message, 'no_address');
      const bank = parseBank(bankRow);
      const until = waitsUntil(message, toldUntil(transaction, told), bank, clock());
      if (until !== null) return putOff(message, until);
      // A reminder goes to whoever may open now.
      const addressed = { ...message, to: told.to, credentialId: told.credential.id };
      const said = await saidOf(transaction, bank, told);
      const { outcome, error, ...more } = await carry({ tenant, party: told.party }, said, clock());
      const attempt: MessageAttempt = { at: clock(), channel, outcome, error };
      log.info('message', { messageId, transactionId, tenant, channel, outcome, error, ...more });
      return afterAttempt(addressed, attempt, { others, waits: deps.waits });
    };
    const after = { ...(await decide()), version: message.version + 1 };
    try {
      const expects = { version: message.version };
      const now = clock();
      await table.write(
        hasFailed(after) ? failureWrites(after, expects, { now, newId }) : [messageWrite(after, expects)],
      );
    } catch (error) {
      // The same came twice at once, and the other call goes on from here.
      if (error instanceof Lost) return;
      throw error;
    }
    if (after.state === 'dead') log.warn('nobody could be told', { messageId, transactionId, tenant, deadMessages: 1 });
    await sendLater(after, open.find((it) => !after.exhausted.includes(it)) ?? channel);
  };
};
