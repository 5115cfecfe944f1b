import { describe, expect, it } from 'vitest';
import { caughtUp, comesBack, goesOffline, memoryOf } from '../support/bank-memory.ts';
import { invariantsHold } from '../support/invariants.ts';
import {
  becomes,
  createParcel,
  deposit,
  doorOf,
  knownAtBank,
  type Parcel,
  pickUp,
  pinFor,
  readParcel,
} from '../support/parcel.ts';
import { type Bank, type BankWish, eventually, newBank, newTenant, type Tenant } from '../support/stack.ts';

/*
 * A bank that loses its disk has forgotten which credentials were used, and nobody else at the door knows. Without a
 * contents sensor it does not even see that the compartment is taken.
 */

const unhurried = { timeout: 180_000 };
const blind = { contentsSensor: false };

const stage = async (wish: BankWish) => {
  const tenant = await newTenant();
  const bank = await newBank(tenant, wish);
  const quiet = () => invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
  return { tenant, bank, quiet };
};

const arranged = async (tenant: Tenant, bank: Bank): Promise<Parcel> => {
  const parcel = await createParcel(tenant, bank);
  await knownAtBank(tenant, parcel.id);
  return parcel;
};

const stored = async (tenant: Tenant, bank: Bank): Promise<Parcel> => {
  const parcel = await arranged(tenant, bank);
  await deposit(bank, parcel);
  await becomes(tenant, parcel.id, 'stored');
  // Or the bank would lose with the disk what it has not told yet.
  await caughtUp(bank);
  return parcel;
};

const openings = async (bank: Bank): Promise<number> => (await memoryOf(bank)).openings.length;

/** The bank has its key and a journal again, and goes by its grants. */
const goesByGrants = (bank: Bank): Promise<void> =>
  eventually(
    async () => {
      expect((await memoryOf(bank)).entries.map(({ type }) => type)).toContain('grants.applied');
      expect(await bank.panel.state()).toMatchObject({ keyGeneration: 1, journal: { unacknowledged: 0 } });
    },
    { what: 'the bank goes by its grants', within: 30_000 },
  );

describe.concurrent('a bank that has lost its disk', unhurried, () => {
  it.each([
    ['without a contents sensor', blind],
    ['with a contents sensor', {}],
  ])('%s never opens again for the courier, and opens for the recipient', async (_, hardware) => {
    const { tenant, bank, quiet } = await stage({ hardware });
    const parcel = await stored(tenant, bank);
    const { journalId } = await memoryOf(bank);

    await bank.panel.loseDisk();
    const refusals: unknown[] = [];
    // From the first moment on, until the keypad has had enough; what is entered before the bank knows the time costs nothing.
    for (let guesses = 0; guesses < 4; ) {
      const { granted, reason } = await bank.panel.enter(pinFor(parcel, 'deposit'));
      expect({ granted, openings: await openings(bank) }).toEqual({ granted: false, openings: 1 });
      refusals.push(reason);
      if (reason !== 'no_cloud_time') guesses += 1;
      if (guesses === 3) await goesByGrants(bank);
    }
    expect((await memoryOf(bank)).journalId).not.toBe(journalId);
    expect(refusals.at(-1)).toMatch(/credential/);

    await pickUp(bank, parcel);
    expect(await becomes(tenant, parcel.id, 'completed')).toMatchObject({ flags: [] });
    await quiet();
  });

  it('while it was offline opens by nothing that it is told, until the cloud has heard of its journal', async () => {
    const { tenant, bank, quiet } = await stage({ hardware: blind });
    const parcel = await stored(tenant, bank);
    await goesOffline(bank);
    await bank.panel.loseDisk();
    expect(await bank.panel.enter(pinFor(parcel, 'deposit'))).toMatchObject({ granted: false });
    await comesBack(bank);
    await goesByGrants(bank);
    expect(await bank.panel.enter(pinFor(parcel, 'deposit'))).toMatchObject({ granted: false });
    expect(await openings(bank)).toBe(1);
    await pickUp(bank, parcel);
    await becomes(tenant, parcel.id, 'completed');
    await quiet();
  });

  it('over a link that loses, repeats and reorders never opens again for the courier either', async () => {
    const { tenant, bank, quiet } = await stage({ hardware: blind });
    const parcel = await stored(tenant, bank);
    await bank.panel.link({ drop: 0.3, duplicate: 0.5, delayMs: 1_500 });
    await bank.panel.loseDisk();
    const other = await createParcel(tenant, bank);
    await eventually(
      async () => {
        const { entries } = await memoryOf(bank);
        expect(JSON.stringify(entries)).toContain(other.id);
        // Should its key have got lost, it asks for it again after a minute.
        expect(await bank.panel.state()).toMatchObject({ keyGeneration: 1 });
      },
      { what: 'the bank goes by its grants', within: 90_000 },
    );
    await bank.panel.link({ drop: 0, duplicate: 0, delayMs: 0 });
    expect(await bank.panel.enter(pinFor(parcel, 'deposit'))).toMatchObject({ granted: false });
    expect(await openings(bank)).toBe(1);
    await caughtUp(bank);
    await deposit(bank, other);
    await pickUp(bank, parcel);
    await becomes(tenant, parcel.id, 'completed');
    await becomes(tenant, other.id, 'stored');
    await quiet();
  });

  it('twice in a row is told twice what it forgot', async () => {
    const { tenant, bank, quiet } = await stage({ hardware: blind });
    const first = await stored(tenant, bank);
    await bank.panel.loseDisk();
    await goesByGrants(bank);
    const second = await stored(tenant, bank);
    await bank.panel.loseDisk();
    await goesByGrants(bank);
    for (const parcel of [first, second])
      expect(await bank.panel.enter(pinFor(parcel, 'deposit'))).toMatchObject({ granted: false });
    expect(await openings(bank)).toBe(2);
    for (const parcel of [first, second]) {
      await pickUp(bank, parcel);
      await becomes(tenant, parcel.id, 'completed');
    }
    await quiet();
  });

  it('with what it had not told yet leaves the deposit open, for the courier to do again', async () => {
    const { tenant, bank } = await stage({ hardware: blind });
    const parcel = await arranged(tenant, bank);
    await goesOffline(bank);
    await deposit(bank, parcel);
    await bank.panel.loseDisk();
    await comesBack(bank);
    await goesByGrants(bank);
    expect(await readParcel(tenant, parcel.id)).toMatchObject({ state: 'reserved', door: doorOf(parcel) });
    await deposit(bank, parcel);
    await becomes(tenant, parcel.id, 'stored');
    await pickUp(bank, parcel);
    await becomes(tenant, parcel.id, 'completed');
  });
});
