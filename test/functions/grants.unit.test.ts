import { describe, expect, it } from 'vitest';
import type { DoorGrants } from '#shared/device/shadow.ts';
import type { Bank } from '#shared/domain/bank.ts';
import { newCompartment } from '#shared/domain/compartment.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import type { Transaction } from '#shared/domain/transaction.ts';
import { keepConfig } from '#shared/outside/bank-config.ts';
import { type DoorNow, openGrants } from '#shared/outside/grants.ts';
import { keepTrue } from '#shared/outside/shadows.ts';
import { bankWrites } from '#shared/store/banks.ts';
import { compartmentWrite } from '#shared/store/commit.ts';
import { keys } from '#shared/store/rows.ts';
import type { Write } from '#shared/store/table.ts';
import { doorsReader } from '#shared/store/transactions.ts';
import { grantsReaction } from '../../functions/bus/grants.ts';
import { bankOf, doorOf, reserved, startedAt } from '../domain/cloud-and-bank.ts';
import { memoryShadows } from '../support/memory-shadows.ts';
import { memoryTable } from '../support/memory-table.ts';

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
    bankNow: async () => bank,
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

describe('what a bank is told by two calls at once', () => {
  it('is true when both have gone, though the second found nothing to change', async () => {
    const shadows = memoryShadows();
    let holder: Transaction | undefined = reserved('txn_1');
    const tell = (doorsNow: () => Promise<DoorNow[]>) =>
      openGrants({
        shadows,
        rootKeys: async () => rootKeys,
        clock: () => Date.parse('2026-03-02T09:30:00.000Z'),
        doorsNow,
        bankNow: async () => bank,
      })(bank, 'grants-0', 'changes');
    const look = async (): Promise<DoorNow[]> => [{ door: '1', compartment: undefined, transaction: holder }];
    let looks = 0;
    await tell(async () => {
      const seen = await look();
      looks += 1;
      if (looks === 1) {
        holder = undefined;
        await tell(look);
        expect(shadows.desired('grants-0')).toEqual({});
      }
      return seen;
    });
    expect(shadows.desired('grants-0')['1']).toBeUndefined();
  });

  it('is how it is set up now, and not what an older call has read', async () => {
    const shadows = memoryShadows();
    const named = (timeZone: string): Bank => ({ ...bank, config: { ...bank.config, timeZone } });
    let now = named('Europe/Zurich');
    let looks = 0;
    await keepConfig(
      shadows,
      bank.id,
      async () => {
        const seen = now;
        looks += 1;
        if (looks === 1) {
          now = named('Europe/Berlin');
          await keepConfig(shadows, bank.id, async () => now, rootKeys);
        }
        return seen;
      },
      rootKeys,
    );
    expect(shadows.desired('config').timeZone).toBe('Europe/Berlin');
  });

  it('gives up where there is no end of changes, so that its message comes again', async () => {
    const shadows = memoryShadows();
    let nth = 0;
    const restless = keepTrue(shadows, bank.id, 'grants-0', async () => {
      nth += 1;
      return { nth };
    });
    await expect(restless).rejects.toThrow('changes all the time');
  });
});

describe('a door and the transaction that holds it', () => {
  const moving: Transaction = {
    ...reserved('txn_1'),
    state: 'stored',
    move: {
      stage: 'planned',
      from: '1',
      to: '2',
      since: startedAt,
      moveBy: startedAt,
      reason: 'it sticks',
      by: { type: 'staff', id: 'x' },
    },
  };
  const rows = (transaction: Transaction, doors: string[]): Write[] => [
    {
      kind: 'other',
      expects: 'anything',
      put: { ...keys.transaction('ten_1', transaction.id), ...transaction, compartment: null },
    },
    ...['1', '2'].map((door): Write => {
      const heldBy = doors.includes(door) ? transaction.id : null;
      return compartmentWrite(bank.id, {
        before: newCompartment(door),
        after: { ...newCompartment(door), heldBy, version: 1 },
      });
    }),
  ];

  it('are seen as they were at one moment, also when a commit comes between the two looks', async () => {
    const table = memoryTable();
    await table.write(rows(moving, ['1', '2']).map((it) => ({ ...it, expects: 'anything' })));
    let isOver = false;
    const read = doorsReader({
      ...table,
      batchGet: async (...asked) => {
        // The move is over, and its door free.
        if (!isOver)
          await table.write(rows({ ...moving, move: null }, ['1']).map((it) => ({ ...it, expects: 'anything' })));
        isOver = true;
        return table.batchGet(...asked);
      },
    });
    const found = await read(bank, ['1', '2']);
    expect(found.map(({ transaction }) => transaction?.id)).toEqual(['txn_1', undefined]);
  });
});

describe('a transaction that goes to another door', () => {
  it('is taken from the old one first, so that its PIN never opens two', async () => {
    const large = bankOf(Array.from({ length: 10 }, (_, nth) => doorOf(String(nth + 1))));
    const moved: Transaction = { ...reserved('txn_1'), door: '10' };
    const table = memoryTable();
    await table.write([
      ...bankWrites(large),
      {
        kind: 'other',
        expects: 'anything',
        put: { ...keys.transaction('ten_1', moved.id), ...moved, compartment: null },
      },
      compartmentWrite(large.id, {
        before: newCompartment('10'),
        after: { ...newCompartment('10'), heldBy: moved.id, version: 1 },
      }),
    ]);
    const shadows = memoryShadows();
    await shadows.change(large.id, 'grants-0', () => ({
      rev: 1,
      '1': { transactionId: moved.id, version: 2, grants: [] },
    }));
    const written: string[] = [];
    shadows.onWrite = (name) => written.push(name);
    const react = grantsReaction({
      table,
      rootKeys: async () => rootKeys,
      newId: (it) => it,
      clock: Date.now,
      shadows,
    });
    await react({ tenant: 'ten_1', data: { bankId: large.id, door: '10', fromDoor: '1' } });
    expect(written).toEqual(['grants-0', 'grants-1']);
    expect(shadows.desired('grants-0')).not.toHaveProperty('1');
    expect(shadows.desired('grants-1')).toHaveProperty('10');
  });
});
