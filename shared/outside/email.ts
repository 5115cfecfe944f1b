import { SESv2Client, SendEmailCommand } from '@aws-sdk/client-sesv2';
import { type Carried, carriedBy } from './carried.ts';

export type Email = { send: (address: string, content: { subject: string; text: string }) => Promise<Carried> };

/** What SES says of an address, and of all that we send. */
const answers = {
  refused: ['MessageRejected', 'BadRequestException'],
  unavailable: [
    ...['AccountSuspendedException', 'SendingPausedException', 'MailFromDomainNotVerifiedException'],
    ...['NotFoundException', 'AccessDeniedException', 'AccessDenied'],
  ],
} as const;

const utf8 = (Data: string) => ({ Data, Charset: 'UTF-8' });

/** `from`: an address of the stage's identity. */
export const openEmail = (from: string, client = new SESv2Client()): Email => ({
  send: (address, { subject, text }) =>
    carriedBy(answers, () =>
      client.send(
        new SendEmailCommand({
          FromEmailAddress: from,
          Destination: { ToAddresses: [address] },
          Content: { Simple: { Subject: utf8(subject), Body: { Text: utf8(text) } } },
        }),
      ),
    ),
});
