import { describe, expect, it } from 'vitest';
import { hasPickupPage, pickupLink, pickupTag, pickupToken, readPickupToken } from '#shared/domain/pickup-link.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';

const rootKeys = rootKeysFrom({ version: 2, key: 'n'.repeat(64), older: { 1: 'o'.repeat(64) } });
const place = { tenant: 'ten_01KJQ4VAA1C3E5G7J9M1P3R5T7', transactionId: 'txn_01KJQ4VBB1C3E5G7J9M1P3R5T7' };
const credential = { id: 'crd_01KJQ4VCC1C3E5G7J9M1P3R5T7', keyVersion: 2 };
const token = pickupToken(rootKeys, place, credential);

describe('the link of whoever holds a credential', () => {
  it('names the transaction and the credential, and is the same each time', () => {
    expect(readPickupToken(rootKeys, token)).toEqual({ ...place, tag: pickupTag(credential.id) });
    expect(pickupToken(rootKeys, place, credential)).toBe(token);
    expect(token).toHaveLength(79);
    expect(pickupLink(rootKeys, 'https://api.example', place, credential)).toBe(`https://api.example/p/${token}`);
  });

  it('holds for whoever has it as long as the root key of its version is there', () => {
    const older = pickupToken(rootKeys, place, { ...credential, keyVersion: 1 });
    expect(readPickupToken(rootKeys, older)).toMatchObject(place);
    expect(readPickupToken(rootKeysFrom({ version: 2, key: 'n'.repeat(64), older: {} }), older)).toBeNull();
    expect(readPickupToken(rootKeysFrom({ version: 2, key: 'x'.repeat(64), older: {} }), token)).toBeNull();
  });

  it('leads nowhere when a single letter of it is another', () => {
    for (let nth = 0; nth < token.length; nth += 1) {
      const letter = token[nth] === 'A' ? '7' : 'A';
      const other = `${token.slice(0, nth)}${letter}${token.slice(nth + 1)}`;
      // The last letter holds bits that stand for nothing; whoever changes those has the same link.
      if (Buffer.from(other.slice(52), 'base64url').equals(Buffer.from(token.slice(52), 'base64url'))) continue;
      expect([nth, readPickupToken(rootKeys, other)]).toEqual([nth, null]);
    }
    for (const other of ['', token.slice(1), `${token}A`, 'openapi.json', token.toLowerCase()])
      expect(readPickupToken(rootKeys, other)).toBeNull();
  });

  it('is for those who come for something, not for staff who act by their codes alone', () => {
    expect(hasPickupPage({ step: 'pickup', method: 'badge' })).toBe(true);
    expect(hasPickupPage({ step: 'pickup', method: 'operator' })).toBe(false);
    for (const step of ['recall', 'take_out', 'put_in'] as const)
      expect(hasPickupPage({ step, method: 'pin' })).toBe(false);
  });
});
