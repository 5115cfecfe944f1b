import { randomInt, randomUUID } from 'node:crypto';
import * as z from 'zod';
import { stack } from './stack.ts';

export const aPhone = (): string => `+4179${String(randomInt(10_000_000)).padStart(7, '0')}`;

const Sent = z.object({ sms_messages: z.record(z.string(), z.array(z.object({ Message: z.string() }))) });

/** What a phone has received, as the local engine remembers it. */
export const smsTo = async (phone: string): Promise<string[]> => {
  const url = `${stack.awsEndpointUrl}/_ministack/sns/sms-messages?phoneNumber=${encodeURIComponent(phone)}`;
  const { sms_messages } = Sent.parse(await (await fetch(url)).json());
  return (sms_messages[phone] ?? []).map((it) => it.Message);
};

export const anEmail = (): string => `p-${randomUUID()}@people.example`;

const Mailed = z.object({
  messages: z.record(
    z.string(),
    z.array(
      z.object({
        Source: z.string(),
        To: z.array(z.string()),
        Subject: z.string(),
        BodyText: z.string(),
        BodyHtml: z.string(),
      }),
    ),
  ),
});

/** What somebody has received by e-mail, likewise. */
export const emailsTo = async (
  address: string,
): Promise<{ from: string; subject: string; text: string; html: string }[]> => {
  const { messages } = Mailed.parse(await (await fetch(`${stack.awsEndpointUrl}/_ministack/ses/messages`)).json());
  return Object.values(messages)
    .flat()
    .filter(({ To }) => To.includes(address))
    .map(({ Source, Subject, BodyText, BodyHtml }) => ({
      from: Source,
      subject: Subject,
      text: BodyText,
      html: BodyHtml,
    }));
};
