import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { SESv2Client } from '@aws-sdk/client-sesv2';
import { SNSClient } from '@aws-sdk/client-sns';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { openEmail } from '#shared/outside/email.ts';
import { openSms } from '#shared/outside/sms.ts';

/** What was sent to it. */
const asked: string[] = [];

type Answer = { status: number; headers: Record<string, string>; body: string };

/** What comes of a message when AWS answers so; once, without the client's own attempts. */
const sentTo = async (answer: Answer, send: (endpoint: string) => Promise<unknown>): Promise<unknown> => {
  const server = createServer(async (request, response) => {
    asked.push(await text(request));
    response.writeHead(answer.status, answer.headers).end(answer.body);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return send(`http://127.0.0.1:${port}`).finally(() => {
    server.closeAllConnections();
    server.close();
  });
};

const options = (endpoint: string) => ({
  endpoint,
  region: 'eu-central-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  maxAttempts: 1,
});
const bySms = (endpoint: string) => openSms(new SNSClient(options(endpoint))).send('+41791234567', 'a text', null);
const byEmail = (endpoint: string) =>
  openEmail('us@latchwork.example', new SESv2Client(options(endpoint))).send('ada@example.com', {
    subject: 'a subject',
    text: 'a text',
    html: '<p>a text</p>',
    pictures: [],
  });

const snsSays = (status: number, code: string): Answer => ({
  status,
  headers: { 'content-type': 'text/xml' },
  body: `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>${code}</Code><Message>+41791234567</Message></Error><RequestId>1</RequestId></ErrorResponse>`,
});
const sesSays = (status: number, code: string): Answer => ({
  status,
  headers: { 'content-type': 'application/json', 'x-amzn-errortype': code },
  body: JSON.stringify({ message: 'ada@example.com' }),
});

it.each([
  [400, 'InvalidParameter', 'refused', 'InvalidParameterException'],
  [400, 'OptedOut', 'refused', 'OptedOutException'],
  [403, 'AuthorizationError', 'unavailable', 'AuthorizationErrorException'],
  [429, 'Throttled', 'failed', 'ThrottledException'],
  [500, 'InternalError', 'failed', 'InternalErrorException'],
])('an SMS that SNS answers with %s %s is %s, and the number stands nowhere', async (status, code, outcome, error) => {
  expect(await sentTo(snsSays(status, code), bySms)).toEqual({ outcome, error });
});

it.each([
  [400, 'MessageRejected', 'refused'],
  [400, 'BadRequestException', 'refused'],
  [400, 'SendingPausedException', 'unavailable'],
  [400, 'MailFromDomainNotVerifiedException', 'unavailable'],
  [403, 'AccessDeniedException', 'unavailable'],
  [429, 'TooManyRequestsException', 'failed'],
])('an e-mail that SES answers with %s %s is %s, and the address stands nowhere', async (status, error, outcome) => {
  expect(await sentTo(sesSays(status, error), byEmail)).toEqual({ outcome, error });
});

it('what is taken is sent, and who cannot be reached may be later', async () => {
  const taken = { status: 200, headers: { 'content-type': 'application/json' }, body: '{"MessageId":"1"}' };
  expect(await sentTo(taken, byEmail)).toEqual({ outcome: 'sent', error: null });
  expect(await bySms('http://127.0.0.1:1')).toMatchObject({ outcome: 'failed' });
});

it('an SMS names whom it is from, where the tenant has said so', async () => {
  const ok = snsSays(500, 'InternalError');
  const from = (senderId: string | null) => (endpoint: string) =>
    openSms(new SNSClient(options(endpoint))).send('+41791234567', 'a text', senderId);
  const sentAs = async (senderId: string | null) => {
    await sentTo(ok, from(senderId));
    return [...new URLSearchParams(asked.at(-1)).values()];
  };
  expect(await sentAs('Harbour')).toEqual(expect.arrayContaining(['AWS.SNS.SMS.SenderID', 'Harbour']));
  expect(await sentAs(null)).not.toContain('AWS.SNS.SMS.SenderID');
});

it('an e-mail has its text twice, and its pictures beside it', async () => {
  const Asked = z.object({
    Content: z.object({ Simple: z.looseObject({ Body: z.unknown(), Attachments: z.unknown() }) }),
  });
  const png = Buffer.from('a picture');
  const content = { subject: 's', text: 'a text', html: '<img src="cid:qr">', pictures: [{ name: 'qr', png }] };
  await sentTo(sesSays(400, 'MessageRejected'), (endpoint) =>
    openEmail('us@latchwork.example', new SESv2Client(options(endpoint))).send('ada@example.com', content),
  );
  const { Simple } = Asked.parse(JSON.parse(asked.at(-1) ?? '')).Content;
  expect(Simple.Body).toMatchObject({ Text: { Data: 'a text' }, Html: { Data: '<img src="cid:qr">' } });
  expect(Simple.Attachments).toMatchObject([
    { ContentId: 'qr', ContentDisposition: 'INLINE', ContentType: 'image/png', RawContent: png.toString('base64') },
  ]);
});
