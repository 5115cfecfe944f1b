import { describe, expect, it } from 'vitest';
import { type Bank, BankLifecycle } from '#shared/domain/bank.ts';
import { type Compartment, newCompartment } from '#shared/domain/compartment.ts';
import {
  byHand,
  decommission,
  inTheWay,
  replaceController,
  revokeCertificates,
  rotate,
} from '#shared/domain/controller.ts';
import { rekey } from '#shared/domain/rekeying.ts';
import { bankOf, doorOf, freshFor, reserved, startedAt } from './cloud-and-bank.ts';

const of = (more: Partial<Bank> = {}) => {
  const bank = bankOf([doorOf('1'), doorOf('2')], more);
  return { bank, controller: { ...byHand(bank), serialNumber: 'LW-1', version: 1 } };
};
const possible = (act: () => unknown): boolean => {
  try {
    act();
    return true;
  } catch {
    return false;
  }
};

describe('what can be done to the controller of a bank', () => {
  it.each(BankLifecycle.options.map((lifecycle) => [lifecycle] as const))('while it is %s', (lifecycle) => {
    const it = of({ lifecycle });
    expect({
      rotate: possible(() => rotate(it, 'rot_1', startedAt)),
      revoke: possible(() => revokeCertificates(it, undefined)),
      replace: possible(() => replaceController(it, 'LW-2', 1)),
      decommission: possible(() => decommission(it, [])),
    }).toEqual({
      rotate: lifecycle === 'active',
      revoke: lifecycle !== 'decommissioned',
      replace: lifecycle !== 'decommissioned',
      decommission: lifecycle !== 'decommissioned',
    });
  });
});

describe('a bank', () => {
  const door = (more: Partial<Compartment>): Compartment => ({ ...newCompartment('1'), ...more });

  it.each([
    ['somebody counts on a door', { heldBy: 'txn_1' }],
    ['an asset has its place there', { heldBy: 'ast_1' }],
    ['something is inside that nobody knows of', { contents: 'filled' }],
    ['nobody knows what was left', { uncleared: true }],
  ] as const)('does not end while %s', (_, more) => {
    expect(() => decommission(of(), [door(more)])).toThrow(/doors are in use: 1/);
  });

  it('ends when it is empty, also where a door is out of service or has no sensor', () => {
    const left = [
      door({}),
      door({ outOfService: 'hinge' }),
      door({ contents: 'unknown' }),
      door({ doorState: 'open' }),
    ];
    expect(inTheWay(left)).toEqual([]);
    expect(decommission(of(), left).bank.lifecycle).toBe('decommissioned');
  });

  it('names the first doors that are in the way, and how many there are besides', () => {
    const many = Array.from({ length: 14 }, (_it, nth) => door({ door: String(nth + 1), contents: 'filled' }));
    expect(() => decommission(of(), many)).toThrow(/^doors are in use: 1 \(.*10 \(something is inside\) and 4 more$/);
  });
});

describe('credentials of a bank whose controller was replaced', () => {
  const next = { generation: 2, keyVersion: 1 };

  it('are made anew, each with the window it had', () => {
    const before = reserved();
    const decided = rekey(before, next, { credentialIds: ['crd_1', 'crd_2'], keyVersion: 1 });
    const { credentials, bankKey } = decided?.transaction.after ?? before;
    expect(bankKey).toEqual(next);
    expect(credentials.map(({ id, step, state, locked }) => [id, step, state, locked])).toEqual([
      [before.credentials[0]?.id, 'deposit', 'superseded', false],
      [before.credentials[1]?.id, 'pickup', 'superseded', false],
      ['crd_1', 'deposit', 'active', true],
      ['crd_2', 'pickup', 'issued', true],
    ]);
    expect(credentials[2]).toMatchObject({ notAfter: before.credentials[0]?.notAfter });
    expect(decided?.locks.take.map(({ id }) => id)).toEqual(['crd_1', 'crd_2']);
    expect(decided?.locks.drop.map(({ id }) => id)).toEqual(before.credentials.map(({ id }) => id));
    expect(decided?.transaction.emissions).toMatchObject([
      { type: 'transaction.credentials_reissued', data: { reissued: [{ by: 'crd_1' }, { by: 'crd_2' }], revoked: [] } },
    ]);
  });

  it('that people brought themselves end, and a right that was handed on with one goes back', () => {
    const before = reserved();
    const [deposit, pickup] = before.credentials;
    if (!deposit || !pickup) throw new Error('a parcel has two credentials');
    const badge = { ...pickup, id: 'crd_badge', method: 'badge' as const, verifier: 'v', delegatedFrom: pickup.id };
    const handedOn = {
      ...before,
      credentials: [deposit, { ...pickup, suspended: true as const }, badge],
      delegates: { crd_badge: { name: 'Bea' } },
    };
    const decided = rekey(handedOn, next, { credentialIds: ['crd_1', 'crd_2', 'crd_3'], keyVersion: 1 });
    const after = decided?.transaction.after.credentials ?? [];
    expect(after.find(({ id }) => id === 'crd_badge')).toMatchObject({ state: 'revoked', locked: false });
    expect(after.find(({ id }) => id === 'crd_2')).not.toHaveProperty('suspended');
  });

  it('that were handed on together stay so under their new ids', () => {
    const before = reserved();
    const [deposit, pickup] = before.credentials;
    if (!deposit || !pickup) throw new Error('a parcel has two credentials');
    const qr = { ...pickup, id: 'crd_qr', method: 'qr' as const, suspended: true as const, suspendedWith: pickup.id };
    const theirs = { ...pickup, id: 'crd_bea', delegatedFrom: pickup.id };
    const handedOn = {
      ...before,
      credentials: [deposit, { ...pickup, suspended: true as const }, qr, theirs],
      delegates: { crd_bea: { name: 'Bea' } },
    };
    const decided = rekey(handedOn, next, { credentialIds: ['crd_1', 'crd_2', 'crd_3', 'crd_4'], keyVersion: 1 });
    expect(decided?.transaction.after.credentials.slice(-3)).toMatchObject([
      { id: 'crd_2', suspended: true },
      { id: 'crd_3', suspended: true, suspendedWith: 'crd_2' },
      { id: 'crd_4', delegatedFrom: 'crd_2' },
    ]);
  });

  it('are as they are once that was done', () => {
    const once = rekey(reserved(), next, freshFor('txn_1'))?.transaction.after;
    expect(once && rekey(once, next, freshFor('txn_2'))).toBeNull();
  });
});
