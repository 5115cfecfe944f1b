import { type Attachment, SESv2Client, SendEmailCommand } from '@aws-sdk/client-sesv2';
import { type Carried, carriedBy } from './carried.ts';

/** The same in plain text and in HTML, whose pictures lie beside it, by the names that it calls them by (`cid:`). */
export type EmailContent = {
  subject: string;
  text: string;
  html: string;
  pictures: readonly { name: string; png: Uint8Array }[];
};

export type Email = { send: (address: string, content: EmailContent) => Promise<Carried> };

/** What SES says of an address, and of all that we send. */
const answers = {
  refused: ['MessageRejected', 'BadRequestException'],
  unavailable: [
    ...['AccountSuspendedException', 'SendingPausedException', 'MailFromDomainNotVerifiedException'],
    ...['NotFoundException', 'AccessDeniedException', 'AccessDenied'],
  ],
} as const;

const utf8 = (Data: string) => ({ Data, Charset: 'UTF-8' });

const attachment = ({ name, png }: EmailContent['pictures'][number]): Attachment => ({
  RawContent: png,
  ContentType: 'image/png',
  FileName: `${name}.png`,
  ContentDisposition: 'INLINE',
  ContentId: name,
  ContentTransferEncoding: 'BASE64',
});

/** `from`: an address of the stage's identity. */
export const openEmail = (from: string, client = new SESv2Client()): Email => ({
  send: (address, { subject, text, html, pictures }) =>
    carriedBy(answers, () =>
      client.send(
        new SendEmailCommand({
          FromEmailAddress: from,
          Destination: { ToAddresses: [address] },
          Content: {
            Simple: {
              Subject: utf8(subject),
              Body: { Text: utf8(text), Html: utf8(html) },
              ...(pictures.length > 0 && { Attachments: pictures.map(attachment) }),
            },
          },
        }),
      ),
    ),
});
