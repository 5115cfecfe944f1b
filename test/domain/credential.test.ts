import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { doorsPerBankMax } from '#shared/domain/bank.ts';
import { type Credential, livePinsPerDoor, pinDigitsFor } from '#shared/domain/credential.ts';
import { bankKeyOf, pinOf, verifiersAt } from '#shared/domain/derived.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { reserved } from './cloud-and-bank.ts';

const rootKeys = rootKeysFrom({ version: 2, key: 'n'.repeat(32), older: { 1: 'o'.repeat(32) } });
const [courier] = reserved().credentials;
if (!courier) throw new Error('a parcel has credentials');
const credential: Credential = courier;

describe('the length of a PIN', () => {
  it.each([
    [1, 6],
    [25, 6],
    [26, 7],
    [120, 7],
    [250, 7],
    [251, 8],
    [2_500, 8],
    [2_501, null],
  ])('for %i doors and 20 guesses a day is %s', (doors, digits) => {
    expect(pinDigitsFor(doors, 20)).toBe(digits);
  });

  it('makes guessing all day open some door less than once in 1,000 days, a given one less than once in 10,000', () => {
    const doors = fc.integer({ min: 1, max: doorsPerBankMax });
    const guesses = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(doors, guesses, (count, perDay) => {
        const digits = pinDigitsFor(count, perDay);
        if (digits === null) throw new Error('too many doors for any PIN');
        const pins = 10 ** digits;
        expect((count * livePinsPerDoor * perDay) / pins).toBeLessThanOrEqual(1 / 1_000);
        expect((livePinsPerDoor * perDay) / pins).toBeLessThan(1 / 10_000 + Number.EPSILON);
      }),
    );
  });

  it('is the shortest that keeps this', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2_500 }), (doors) => {
        const digits = pinDigitsFor(doors, 20) ?? 0;
        if (digits > 6) expect(doors * livePinsPerDoor * 20).toBeGreaterThan(10 ** (digits - 4));
      }),
    );
  });
});

describe('a PIN', () => {
  const pin = (more: Partial<Credential> = {}) => pinOf(rootKeys.of(1), { ...credential, ...more });

  it.each([6, 7, 8])('of %i digits has that many, leading zeros included', (digits) => {
    const pins = Array.from({ length: 500 }, (_, attempt) => pin({ attempt, digits }));
    for (const it of pins) expect(it).toMatch(new RegExp(`^[0-9]{${digits}}$`));
    expect(pins.some((it) => it.startsWith('0'))).toBe(true);
  });

  it('is the same whenever it is asked for, and another for every credential, attempt and key', () => {
    expect(pin()).toBe(pin());
    const others = [pin(), pin({ id: 'crd_other' }), pin({ attempt: 1 }), pinOf(rootKeys.of(2), credential)];
    expect(new Set(others).size).toBe(4);
  });

  it('is no more likely to be one than another', () => {
    const pins = Array.from({ length: 10_000 }, (_, attempt) => pin({ attempt }));
    for (let place = 0; place < 6; place += 1) {
      const seen = Map.groupBy(pins, (it) => it.charAt(place));
      expect(seen.size).toBe(10);
      // A thousand each, give or take 150: five standard deviations of a fair digit.
      for (const it of seen.values()) expect(Math.abs(it.length - 1_000)).toBeLessThan(150);
    }
  });
});

describe('a verifier', () => {
  const bank = { bankId: 'bnk_1', bankKey: { generation: 1, keyVersion: 1 } };
  const verifier = (at = bank, it: Credential = credential) => verifiersAt(rootKeys, at)(it);

  it('is 128 bits, and shows nothing of the PIN', () => {
    expect(Buffer.from(verifier(), 'base64url')).toHaveLength(16);
    expect(verifier()).not.toContain(pinOf(rootKeys.of(1), credential));
  });

  it('is another at every bank, and for every controller of a bank', () => {
    const generation = { ...bank, bankKey: { generation: 2, keyVersion: 1 } };
    const keyVersion = { ...bank, bankKey: { generation: 1, keyVersion: 2 } };
    const all = [verifier(), verifier({ ...bank, bankId: 'bnk_2' }), verifier(generation), verifier(keyVersion)];
    expect(new Set(all).size).toBe(4);
  });

  it('stays the same for the same PIN, so that two equal PINs of a bank meet at one lock', () => {
    expect(verifier()).toBe(verifier());
    expect(bankKeyOf(rootKeys, 'bnk_1', bank.bankKey)).toHaveLength(32);
  });

  it('cannot be made with a key that is gone', () => {
    expect(() => verifier({ ...bank, bankKey: { generation: 1, keyVersion: 3 } })).toThrow('no key of version 3');
  });
});
