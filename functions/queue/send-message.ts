import { stillTrue, type Told, toldUntil } from '#shared/domain/audience.ts';
import type { Bank } from '#shared/domain/bank.ts';
import { credentialValue } from '#shared/domain/derived.ts';
import {
  afterAttempt,
  type Channel,
  channelsOf,
  Message,
  type MessageAttempt,
  putOff,
  SendMessage,
  sendMessageOf,
  suppressed,
} from '#shared/domain/message.ts';
import { codeText, filledIn, languageOf, momentText, texts } from '#shared/domain/message-text.ts';
import { waitsUntil } from '#shared/domain/quiet-hours.ts';
import type { RootKeys } from '#shared/domain/root-key.ts';
import { smsParts } from '#shared/domain/sms-parts.ts';
import { epochMs, type Instant, instant } from '#shared/domain/time.ts';
import { Transaction } from '#shared/domain/transaction.ts';
import { parseWaits } from '#shared/domain/waits.ts';
import { consumer } from '#shared/lambda/consumer.ts';
import { env } from '#shared/lambda/env.ts';
import { log } from '#shared/lambda/log.ts';
import { live } from '#shared/live.ts';
import { type Email, openEmail } from '#shared/outside/email.ts';
import { openQueue, type Queue } from '#shared/outside/queues.ts';
import { openSms, type Sms } from '#shared/outside/sms.ts';
import { parseBank } from '#shared/store/banks.ts';
import { messageWrite, openSmsBudget, type SmsBudget } from '#shared/store/messages.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost, type Table } from '#shared/store/table.ts';

export type SendMessageDeps = {
  table: Table;
  rootKeys: () => Promise<RootKeys>;
  sms: Sms;
  /** Null where the stage sends no e-mail. */
  email: Email | null;
  budget: SmsBudget;
  /** Where messages wait for their next attempt. */
  sending: Queue;
  /** Seconds before each further attempt. */
  waits: readonly number[];
  /** Milliseconds since 1970. */
  clock: () => number;
};

type Words = { sms: string; subject: string; text: string };

const isSettled = ({ state }: Message): boolean => state === 'sent' || state === 'dead' || state === 'suppressed';

/**
 * One attempt at telling somebody something, by each channel that has to be given up on the way. What is no longer true is
 * not sent. That they were told is written after they were: a crash between the two repeats an SMS, which annoys, where the
 * other order would lose one, and leave somebody before a door without a PIN.
 */
export const sendMessage = (deps: SendMessageDeps) => {
  const { table, sending } = deps;
  const clock = (): Instant => instant(deps.clock());
  const isOn = { sms: true, email: deps.email !== null };

  /**
   * The attempt that it waits for. What is further off than a queue can wait comes back from it several times: that costs
   * less than the client of the scheduler would at each cold start.
   */
  const sendLater = async (it: Message): Promise<void> => {
    if (it.nextAttemptAt === null) return;
    await sending.send(sendMessageOf(it), (epochMs(it.nextAttemptAt) - epochMs(clock())) / 1000);
  };

  /** The PIN is made here and goes nowhere but to the channel. */
  const wordsFor = async (it: Transaction, bank: Bank, told: Told): Promise<Words> => {
    const { kind, party, credential } = told;
    const language = languageOf(party.locale);
    const value = credentialValue(await deps.rootKeys(), { bankId: bank.id, transactionId: it.id }, credential);
    const variables = {
      place: bank.name,
      door: it.door ?? '',
      code: codeText(language, credential.method, value ?? ''),
      until: momentText(language, toldUntil(it, told), bank.config.timeZone),
    };
    const { sms, subject, email } = texts[kind][language];
    return {
      sms: filledIn(sms, variables),
      subject: filledIn(subject, variables),
      text: filledIn(email, variables),
    };
  };

  /** Counted before it is sent; what SNS has not taken is not counted. */
  const bySms = async (tenant: string, phone: string, text: string) => {
    const parts = smsParts(text);
    const { taken, usedPercent: smsUsedPercent } = await deps.budget.take(tenant, parts, clock());
    if (!taken) return { outcome: 'over_limit' as const, error: null, smsUsedPercent };
    const carried = await deps.sms.send(phone, text);
    if (carried.outcome !== 'sent') await deps.budget.giveBack(tenant, parts, clock());
    return { ...carried, smsUsedPercent };
  };

  const byEmail = async (address: string, { subject, text }: Words) => {
    if (deps.email === null) throw new Error('this stage sends no e-mail');
    return deps.email.send(address, { subject, text });
  };

  /** By one channel after the other, until one takes it or is to be tried again later. */
  const attempted = async (message: Message, channels: readonly Channel[], { party }: Told, words: Words) => {
    let after = message;
    for (const [nth, channel] of channels.entries()) {
      const { tenant, id: messageId, transactionId } = message;
      const { outcome, error, ...used } =
        channel === 'sms' ? await bySms(tenant, party.phone ?? '', words.sms) : await byEmail(party.email ?? '', words);
      const attempt: MessageAttempt = { at: clock(), channel, outcome, error };
      log.info('message', { messageId, transactionId, tenant, channel, outcome, error, ...used });
      after = afterAttempt(after, attempt, { others: channels.slice(nth + 1), waits: deps.waits });
      if (isSettled(after) || (after.nextAttemptAt ?? '') > attempt.at) break;
    }
    return after;
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
    if (message.version !== asked.version) {
      // The attempt was made. If this is what it was made for, its function may have died before the next step.
      return redelivered ? sendLater(message) : undefined;
    }
    if (message.nextAttemptAt !== null && message.nextAttemptAt > clock()) return sendLater(message);

    const transaction = transactionRow && Transaction.parse(transactionRow);
    const told = transaction ? stillTrue(transaction, message) : null;
    const open = told === null ? [] : channelsOf(told.party, isOn).filter((it) => !message.exhausted.includes(it));
    const decide = async (): Promise<Message> => {
      if (!transaction || told === null || bankRow === undefined) return suppressed(message, 'no_longer_true');
      if (open.length === 0) return suppressed(message, 'no_address');
      const bank = parseBank(bankRow);
      const until = waitsUntil(message, toldUntil(transaction, told), bank, clock());
      if (until !== null) return putOff(message, until);
      // A reminder goes to whoever may open now.
      const addressed = { ...message, to: told.to, credentialId: told.credential.id };
      return attempted(addressed, open, told, await wordsFor(transaction, bank, told));
    };
    const after = { ...(await decide()), version: message.version + 1 };
    try {
      await table.write([messageWrite(after, { version: message.version })]);
    } catch (error) {
      // The same came twice at once, and the other call goes on from here.
      if (error instanceof Lost) return;
      throw error;
    }
    if (after.state === 'dead') log.warn('nobody could be told', { messageId, transactionId, tenant, deadMessages: 1 });
    await sendLater(after);
  };
};

export const handler = consumer(SendMessage, () => {
  const { table, ...rest } = live();
  const from = process.env.EMAIL_FROM;
  const handle = sendMessage({
    ...rest,
    table,
    sms: openSms(),
    email: from === undefined ? null : openEmail(from),
    budget: openSmsBudget(table, Number(env('SMS_PER_DAY'))),
    sending: openQueue(env('SENDING_QUEUE_URL')),
    waits: parseWaits(env('MESSAGE_WAITS_SECONDS')),
  });
  return (message, { attributes }) => handle(message, { redelivered: Number(attributes.ApproximateReceiveCount) > 1 });
});
