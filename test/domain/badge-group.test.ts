import { describe, expect, it } from 'vitest';
import { verifierOf } from '#shared/device/verifier.ts';
import { type BadgeGroup, hasBadge, sealed } from '#shared/domain/badge-group.ts';
import { groupValue } from '#shared/domain/derived.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { startedAt } from './cloud-and-bank.ts';

const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
const later = rootKeysFrom({ version: 2, key: 'l'.repeat(64), older: { 1: 'k'.repeat(64) } });
const bankKey = Buffer.alloc(32, 7);
const numbers = ['B-700123', 'B-700124'];
const couriers: BadgeGroup = {
  id: 'bdg_1',
  tenant: 'ten_1',
  group: 'couriers',
  badges: 2,
  sealed: sealed(rootKeys, 'ten_1', numbers),
  changedAt: startedAt,
  version: 1,
  hash: '',
};
const at = (number: string, key = bankKey): string => verifierOf(key, 'badge', number);

describe('a group of badges', () => {
  it('is known by each of them at any bank, and by no other', () => {
    for (const number of numbers) expect(hasBadge(rootKeys, couriers, bankKey, at(number))).toBe(true);
    expect(hasBadge(rootKeys, couriers, bankKey, at('B-700125'))).toBe(false);
    expect(hasBadge(rootKeys, couriers, Buffer.alloc(32, 8), at('B-700123'))).toBe(false);
    expect(hasBadge(rootKeys, { ...couriers, sealed: sealed(rootKeys, 'ten_1', []) }, bankKey, at('B-700123'))).toBe(
      false,
    );
  });

  it('shows no number in what is kept, is the same when it is written again, and outlives a change of the root key', () => {
    for (const number of numbers) {
      expect(couriers.sealed).not.toContain(number);
      expect(Buffer.from(couriers.sealed.split('.')[1] ?? '', 'base64url').toString('latin1')).not.toContain(number);
    }
    expect(sealed(rootKeys, 'ten_1', numbers)).toBe(couriers.sealed);
    expect(hasBadge(later, couriers, bankKey, at('B-700123'))).toBe(true);
  });

  it('cannot be read as another tenant’s, nor with a letter changed', () => {
    expect(() => hasBadge(rootKeys, { ...couriers, tenant: 'ten_2' }, bankKey, at('B-700123'))).toThrow();
    const spoilt = couriers.sealed.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A'));
    expect(() => hasBadge(rootKeys, { ...couriers, sealed: spoilt }, bankKey, at('B-700123'))).toThrow();
  });

  it('has a right that nobody can put on a card', () => {
    expect(groupValue(rootKeys, 'ten_1', 'couriers')).toMatch(/^[\w-]{43}$/);
    const values = [
      groupValue(rootKeys, 'ten_1', 'couriers'),
      groupValue(rootKeys, 'ten_2', 'couriers'),
      groupValue(rootKeys, 'ten_1', 'cleaners'),
      groupValue(later, 'ten_1', 'couriers'),
    ];
    expect(new Set(values).size).toBe(4);
    expect(groupValue(later, 'ten_1', 'couriers', 1)).toBe(values[0]);
  });
});
