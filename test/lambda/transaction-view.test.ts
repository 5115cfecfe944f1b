import { describe, expect, it } from 'vitest';
import { newCompartment } from '#shared/domain/compartment.ts';
import { create } from '#shared/domain/lifecycle.ts';
import type { Transaction } from '#shared/domain/transaction.ts';
import { transactionView } from '#shared/lambda/transaction-view.ts';
import type { Applied } from '#shared/store/transactions.ts';
import { chosen, freshFor, minutes, parcelInput, startedAt } from '../domain/cloud-and-bank.ts';

const decision = create(parcelInput('txn_1'), newCompartment('1'), 6, chosen, freshFor('txn_1'), startedAt);
const parcel = decision.transaction.after;
const changed = parcel.version + 3;
const moving: Transaction = {
  ...parcel,
  version: changed,
  move: {
    stage: 'planned',
    from: '1',
    to: '9',
    reason: 'jammed',
    by: { type: 'system', id: 'test' },
    since: startedAt,
    moveBy: minutes(60),
  },
  credentials: parcel.credentials.map((it) => ({ ...it, sinceVersion: changed })),
};
const carried: Transaction = {
  ...moving,
  door: '9',
  ...(moving.move && { move: { ...moving.move, stage: 'carrying' } }),
};
const moved: Transaction = { ...moving, door: '9', move: null };

const old = { version: parcel.version, gone: false, doors: ['1'] };
const left = { ...old, gone: true, doors: [] };
const oldDoor = { version: changed, gone: false, doors: ['1'] };
const newDoor = { version: changed, gone: false, doors: ['9'] };

const known = (transaction: Transaction, shadows: Applied['shadows'] | null): boolean[] =>
  transactionView({ transaction, applied: shadows && { version: 1, shadows } }).credentials.map((it) => it.atBank);
const all = (it: boolean) => parcel.credentials.map(() => it);

describe('a credential is at its bank', () => {
  it.each<[string, Transaction, Applied['shadows'] | null, boolean]>([
    ['not before the bank has told of anything', parcel, null, false],
    ['once its door has the version that it is of', parcel, { 0: old }, true],
    ['not while one of the two doors of a move is behind', moving, { 0: old, 1: newDoor }, false],
    ['not while one of the two doors of a move has nothing', moving, { 0: oldDoor }, false],
    ['once both doors of a move have it', moving, { 0: oldDoor, 1: newDoor }, true],
    ['once both have it that lie in one shadow', moving, { 0: { ...oldDoor, doors: ['1', '9'] } }, true],
    ['whatever the door still has that its bank let it be taken out of', carried, { 0: old, 1: newDoor }, true],
    [
      'not before the door has it to which it is carried',
      carried,
      { 0: oldDoor, 1: { ...newDoor, version: 1 } },
      false,
    ],
    ['not while the old door still goes by what was before', moved, { 0: old, 1: newDoor }, false],
    ['once the old door has let go and the new one has it', moved, { 0: left, 1: newDoor }, true],
    ['not when all have let go of what is alive', moved, { 0: left, 1: { ...newDoor, gone: true } }, false],
    ['when all have let go of what has ended', { ...moved, state: 'cancelled' }, { 0: left, 1: { ...left } }, true],
    ['not when one door still has what has ended', { ...moved, state: 'cancelled' }, { 0: left, 1: old }, false],
  ])('%s', (_, transaction, shadows, expected) => {
    expect(known(transaction, shadows)).toEqual(all(expected));
  });
});
