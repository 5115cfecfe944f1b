import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { secretOf } from '#shared/domain/derived.ts';
import { webhookSecretText } from '#shared/domain/issued.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { signatureHeaders } from '#shared/domain/webhook-signature.ts';

describe('the signature of a webhook', () => {
  it('is the one of the Standard Webhooks specification', () => {
    // Its published example.
    const secret = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
    const body = '{"test": 2432232314}';
    const headers = signatureHeaders(secret, {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      body,
      now: '2021-02-25T17:35:30.500Z',
    });
    expect(headers).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614274530',
      'webhook-signature': new Webhook('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw').sign(
        'msg_p5jXN8AQM9LWM0D4loKWxJek',
        new Date(1614274530_000),
        body,
      ),
    });
  });

  it('verifies with the secret that its owner was shown', () => {
    const rootKeys = rootKeysFrom({ version: 3, key: 'k'.repeat(64), older: {} });
    const endpoint = { id: 'whe_1', nth: 1, keyVersion: 3 };
    const body = JSON.stringify({ type: 'transaction.created', data: { note: 'ä€😀' } });
    const headers = signatureHeaders(secretOf(rootKeys.of(3), 'webhook', endpoint.id, endpoint.nth), {
      id: 'evt_1',
      body,
      now: new Date().toISOString(),
    });
    const webhook = new Webhook(webhookSecretText(rootKeys, endpoint));
    expect(webhook.verify(body, headers)).toEqual(JSON.parse(body));
    expect(() => webhook.verify(`${body} `, headers)).toThrow();
  });
});
