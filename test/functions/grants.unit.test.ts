import { describe, expect, it } from 'vitest';
import type { DoorGrants } from '#shared/device/shadow.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import type { Transaction } from '#shared/domain/transaction.ts';
import { openGrants } from '#shared/outside/grants.ts';
import { bankOf, doorOf, reserved } from '../domain/cloud-and-bank.ts';
import { memoryShadows } from '../support/memory-shadows.ts';

const rootKeys = rootKeysFrom({ version: 1, key: 'a'.repeat(32), older: {} });
const bank = bankOf([doorOf('1')]);

/** A bank whose only door is now this transaction's, then the next one's, told of each. */
const toldOf = async (...holders: (Transaction | undefined)[]): Promise<DoorGrants> => {
  const shadows = memoryShadows();
  let transaction: Transaction | undefined;
  const show = openGrants({
    shadows,
    rootKeys: async () => rootKeys,
    clock: () => Date.parse('2026-03-02T09:30:00.000Z'),
    doorsNow: async () => [{ door: '1', compartment: undefined, transaction }],
  });
  for (transaction of holders) await show(bank, 'grants-0', 'changes');
  return shadows.desired('grants-0')['1'] as DoorGrants;
};

describe('what a bank is told of a door', () => {
  const plain = reserved('txn_2');
  const labelled: Transaction = { ...reserved('txn_1'), label: 'verifier-of-a-label', scanAt: 'deposit,pickup' };

  it('names the label of what is put in, and where it has to be scanned', async () => {
    expect(await toldOf(labelled)).toMatchObject({ transactionId: 'txn_1', label: expect.any(String) });
  });

  it('is of the transaction that has it now alone, also where nobody saw it empty in between', async () => {
    const told = await toldOf(labelled, plain);
    expect(told).toEqual(await toldOf(plain));
    expect(told).not.toHaveProperty('label');
  });

  it('is nothing once nobody has it', async () => {
    expect(await toldOf(labelled, undefined)).toBeUndefined();
  });
});
