import { SendMessage } from '#shared/domain/message.ts';
import { smsText } from '#shared/domain/message-text.ts';
import { smsParts } from '#shared/domain/sms-parts.ts';
import { consumer } from '#shared/lambda/consumer.ts';
import { env } from '#shared/lambda/env.ts';
import { type Carry, sendMessage } from '#shared/lambda/send-message.ts';
import { liveSending } from '#shared/live-sending.ts';
import { openSms, type Sms } from '#shared/outside/sms.ts';
import { openSmsBudget, type SmsBudget } from '#shared/store/messages.ts';

/** Counted before it is sent; what SNS has not taken is not counted. */
export const carryBySms =
  (sms: Sms, budget: SmsBudget): Carry =>
  async ({ tenant, party }, { text: { text, brief }, variables, branding }, now) => {
    const words = smsText(text, brief, variables);
    const parts = smsParts(words);
    const { taken, usedPercent: smsUsedPercent } = await budget.take(tenant, parts, now);
    if (!taken) return { outcome: 'over_limit', error: null, smsUsedPercent };
    const carried = await sms.send(party.phone ?? '', words, branding.smsSenderId);
    if (carried.outcome !== 'sent') await budget.giveBack(tenant, parts, now);
    return { ...carried, smsUsedPercent };
  };

export const handler = consumer(SendMessage, () => {
  const deps = liveSending();
  const budget = openSmsBudget(deps.table, Number(env('SMS_PER_DAY')));
  const handle = sendMessage('sms', carryBySms(openSms(), budget), deps);
  return (message, { attributes }) => handle(message, { redelivered: Number(attributes.ApproximateReceiveCount) > 1 });
});
