import { SendMessage } from '#shared/domain/message.ts';
import { consumer } from '#shared/lambda/consumer.ts';
import { type Carry, sendMessage } from '#shared/lambda/send-message.ts';
import { liveSending } from '#shared/live-sending.ts';
import { type Email, openEmail } from '#shared/outside/email.ts';
import { emailOf } from '#shared/page/email.ts';

/** `email`: null where the stage sends none, and so has nobody whose turn that would be. */
export const carryByEmail =
  (email: Email | null): Carry =>
  async ({ party }, said) => {
    if (email === null) throw new Error('this stage sends no e-mail');
    return email.send(party.email ?? '', emailOf(said));
  };

export const handler = consumer(SendMessage, () => {
  const from = process.env.EMAIL_FROM;
  const handle = sendMessage('email', carryByEmail(from === undefined ? null : openEmail(from)), liveSending());
  return (message, { attributes }) => handle(message, { redelivered: Number(attributes.ApproximateReceiveCount) > 1 });
});
