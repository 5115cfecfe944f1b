import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { inboxesOf } from '../../local/inboxes.ts';
import { summary } from '../../local/summary.ts';
import type { System } from '../../local/system.ts';

const atEnd: (() => void)[] = [];
afterEach(() => {
  for (const step of atEnd.splice(0)) step();
});

/** An engine that answers as JSON at these paths, and with an error in XML elsewhere, as S3 does. */
const engineWith = async (...paths: string[]): Promise<System> => {
  const server = createServer(({ url = '' }, response) => {
    const isThere = paths.includes(url);
    response
      .writeHead(isThere ? 200 : 404, { 'content-type': isThere ? 'application/json' : 'application/xml' })
      .end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd.push(() => server.close());
  return {
    awsEndpointUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'eu-central-1',
    accountId: '000000000000',
    mqtt: { host: '127.0.0.1', port: 8883, caFile: '' },
    apiUrl: 'http://127.0.0.1:1',
    tenants: [],
    banks: [],
    webhookReceiver: { url: '', secret: '', receivedUrl: '' },
    referenceUrl: '',
    outputs: {},
    startedAt: '',
  };
};

const said = async (system: System): Promise<string> => summary(system, await inboxesOf(system), '1 s');

it('names the inboxes of an engine that has them', async () => {
  const system = await engineWith('/_ministack/sns/sms-messages', '/_ministack/ses/messages');
  const text = await said(system);
  expect(text).toMatch(/SMS that were sent +http:\S+\/_ministack\/sns\/sms-messages\n/);
  expect(text).toMatch(/E-mail that was sent +http:\S+\/_ministack\/ses\/messages\n/);
});

it('names none of an engine that somebody brings and that has none', async () => {
  const text = await said(await engineWith());
  expect(text).not.toMatch(/SMS|E-mail|_ministack/);
  expect(text).toContain('MQTT over TLS');
});
