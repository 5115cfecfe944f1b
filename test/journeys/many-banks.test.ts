import { afterAll, describe, expect, it } from 'vitest';
import { CompartmentView } from '../../shared/api/banks.ts';
import { caughtUp } from '../support/bank-memory.ts';
import { invariantsHold } from '../support/invariants.ts';
import { becomes, createParcel, deposit, doorOf, knownAtBank, pickUp } from '../support/parcel.ts';
import { newTenant } from '../support/stack.ts';
import { inTurns, newStreet } from '../support/street.ts';

/*
 * A street full of banks in one process. CI is content with 8; all 100 run with
 *   LATCHWORK_FULL=1 npm test -- test/journeys/many-banks.test.ts
 */
const full = process.env.LATCHWORK_FULL === '1';
const count = full ? 100 : 8;
/** All of them boot at the same moment. */
const patience = full ? 180_000 : 30_000;

let stop = async (): Promise<void> => undefined;
afterAll(() => stop());

describe(`${count} banks of 24 doors in one process`, { timeout: full ? 900_000 : 240_000 }, () => {
  it('come online, and each carries a parcel', async () => {
    const tenant = await newTenant();
    const street = await newStreet(tenant, { banks: count, doors: 24 });
    ({ stop } = street);
    const { banks } = street;
    expect(banks).toHaveLength(count);
    await inTurns(banks, (bank) => caughtUp(bank, patience));

    await inTurns(banks, async (bank) => {
      const parcel = await createParcel(tenant, bank);
      await knownAtBank(tenant, parcel.id);
      await deposit(bank, parcel);
      await becomes(tenant, parcel.id, 'stored');
      await pickUp(bank, parcel);
      expect(await becomes(tenant, parcel.id, 'completed')).toMatchObject({ bankId: bank.id, flags: [] });
      const path = `/v1/banks/${bank.id}/compartments/${doorOf(parcel)}`;
      expect(await tenant.api.get(path, CompartmentView)).toMatchObject({ heldBy: null, availability: 'available' });
    });
    await inTurns(banks, (bank) => caughtUp(bank, patience));
    for (const bank of banks) expect(await bank.panel.state()).toMatchObject({ online: true });
    await invariantsHold({ tenants: [tenant], banks, quiet: true });
  });
});
