import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SigningHash } from '../../shared/store/signing-hash.ts';

const text = 'AWS4-HMAC-SHA256 and ünïcode';
const bytes = new TextEncoder().encode(text);
const key = Uint8Array.from({ length: 32 }, (_, nth) => nth);

describe('the hash that calls are signed with', () => {
  it.each([
    ['a text', text],
    ['bytes', bytes],
    ['a buffer of bytes', bytes.buffer],
  ])('is SHA-256 over %s', async (_, data) => {
    const hash = new SigningHash();
    hash.update(data);
    expect(Buffer.from(await hash.digest()).toString('hex')).toBe(createHash('sha256').update(text).digest('hex'));
  });

  it.each([
    ['a text', 'AWS4secret', 'AWS4secret'],
    ['bytes', key, key],
    ['a buffer of bytes', key.buffer, key],
  ])('is its HMAC where a key is given as %s', async (_, given, same) => {
    const hash = new SigningHash(given);
    hash.update(text);
    expect(Buffer.from(await hash.digest()).toString('hex')).toBe(
      createHmac('sha256', same).update(text).digest('hex'),
    );
  });

  it('begins anew when told so', async () => {
    const hash = new SigningHash(key);
    hash.update('something else');
    hash.reset();
    hash.update(text);
    expect(Buffer.from(await hash.digest())).toEqual(createHmac('sha256', key).update(text).digest());
  });
});
