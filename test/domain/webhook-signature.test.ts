import { createPublicKey, verify } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { runInNewContext } from 'node:vm';
import { Webhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { describe, expect, it } from 'vitest';
import { secretOf, webhookPublicKeyOf, webhookSignerOf } from '#shared/domain/derived.ts';
import { webhookSecretText } from '#shared/domain/issued.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { signatureHeaders } from '#shared/domain/webhook-signature.ts';

/** Libraries that no one here wrote, each with its own code. */
const libraries = [
  ['standardwebhooks', Webhook],
  ['svix', SvixWebhook],
] as const;

describe('the signature of a webhook', () => {
  it('is the one of the Standard Webhooks specification', () => {
    // Its published example.
    const secret = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
    const body = '{"test": 2432232314}';
    const headers = signatureHeaders([secret], {
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

  it.each(libraries)('verifies by %s with the secret that its owner was shown', (_, Library) => {
    const rootKeys = rootKeysFrom({ version: 3, key: 'k'.repeat(64), older: {} });
    const endpoint = { id: 'whe_1', nth: 1, keyVersion: 3 };
    const body = JSON.stringify({ type: 'transaction.created', data: { note: 'ä€😀' } });
    const headers = signatureHeaders([secretOf(rootKeys.of(3), 'webhook', endpoint.id, endpoint.nth)], {
      id: 'evt_1',
      body,
      now: new Date().toISOString(),
    });
    const webhook = new Library(webhookSecretText(rootKeys, endpoint));
    expect(webhook.verify(body, headers)).toEqual(JSON.parse(body));
    expect(() => webhook.verify(`${body} `, headers)).toThrow();
  });

  it('verifies as docs/webhooks.md says where it is an Ed25519 one', async () => {
    const document = await readFile(new URL('../../docs/webhooks.md', import.meta.url), 'utf8');
    const [, example = ''] =
      /```js\nimport \{ createPublicKey, verify \} from 'node:crypto';\n(.*?)```/s.exec(document) ?? [];
    const isOurs: (publicKey: string, headers: object, rawBody: string) => boolean = runInNewContext(
      `${example}; isOurs`,
      { createPublicKey, verify, Buffer },
    );
    const rootKeys = rootKeysFrom({ version: 3, key: 'k'.repeat(64), older: {} });
    const [one, other] = [2, 3].map((nth) => webhookPublicKeyOf(rootKeys.of(3), 'whe_1', nth));
    const signers = [
      webhookSignerOf(rootKeys, 'whe_1', { keyVersion: 3, nth: 2, scheme: 'ed25519' }),
      webhookSignerOf(rootKeys, 'whe_1', { keyVersion: 3, nth: 1, scheme: 'hmac' }),
    ];
    const body = JSON.stringify({ note: 'ä€😀' });
    const at = (now: Date) => signatureHeaders(signers, { id: 'evt_1', body, now: now.toISOString() });
    const headers = at(new Date());
    expect(isOurs(one ?? '', headers, body)).toBe(true);
    expect(isOurs(other ?? '', headers, body)).toBe(false);
    expect(isOurs(one ?? '', headers, `${body} `)).toBe(false);
    expect(isOurs(one ?? '', at(new Date(Date.now() - 600_000)), body)).toBe(false);
  });

  it('is an Ed25519 one where its owner wants that, which the public key verifies', () => {
    const rootKeys = rootKeysFrom({ version: 3, key: 'k'.repeat(64), older: {} });
    const signer = webhookSignerOf(rootKeys, 'whe_1', { keyVersion: 3, nth: 2, scheme: 'ed25519' });
    const now = '2026-03-01T12:00:00.000Z';
    const headers = signatureHeaders([signer], { id: 'evt_1', body: '{}', now });
    const [version, signature = ''] = headers['webhook-signature'].split(',');
    const raw = Buffer.from(webhookPublicKeyOf(rootKeys.of(3), 'whe_1', 2).replace(/^whpk_/, ''), 'base64');
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' });
    const told = (text: string) => verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64'));
    expect(version).toBe('v1a');
    expect(told(`evt_1.${headers['webhook-timestamp']}.{}`)).toBe(true);
    expect(told(`evt_1.${headers['webhook-timestamp']}.{ }`)).toBe(false);
    expect(webhookPublicKeyOf(rootKeys.of(3), 'whe_1', 1)).not.toBe(webhookPublicKeyOf(rootKeys.of(3), 'whe_1', 2));
  });

  it.each(libraries)(
    'are two while a secret is changed, and each verifies by %s for who knows only one',
    (_, Library) => {
      const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
      const keys = [1, 0].map((nth) => ({ keyVersion: 1, nth, scheme: 'hmac' as const }));
      const now = new Date().toISOString();
      const signers = keys.map((key) => webhookSignerOf(rootKeys, 'whe_1', key));
      const headers = signatureHeaders(signers, { id: 'evt_1', body: '{}', now });
      for (const key of keys)
        expect(new Library(webhookSecretText(rootKeys, { id: 'whe_1', ...key })).verify('{}', headers)).toEqual({});
      const third = webhookSecretText(rootKeys, { id: 'whe_1', keyVersion: 1, nth: 2 });
      expect(() => new Library(third).verify('{}', headers)).toThrow();
    },
  );

  it.each(libraries)('verifies by %s beside an Ed25519 one, while a secret gives way to a public key', (_, Library) => {
    const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
    const before = { keyVersion: 1, nth: 0, scheme: 'hmac' as const };
    const signers = [{ keyVersion: 1, nth: 1, scheme: 'ed25519' as const }, before].map((key) =>
      webhookSignerOf(rootKeys, 'whe_1', key),
    );
    const headers = signatureHeaders(signers, { id: 'evt_1', body: '{}', now: new Date().toISOString() });
    expect(headers['webhook-signature']).toMatch(/^v1a,\S+ v1,\S+$/);
    const secret = webhookSecretText(rootKeys, { id: 'whe_1', ...before });
    expect(new Library(secret).verify('{}', headers)).toEqual({});
  });
});
