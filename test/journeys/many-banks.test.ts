import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { startBanks } from '../../device-sim/run.ts';
import { Made } from '../../local/api-client.ts';
import { bankIdentity } from '../../local/bank-identity.ts';
import { panel } from '../../local/panel.ts';
import { CompartmentView } from '../../shared/api/banks.ts';
import { caughtUp } from '../support/bank-memory.ts';
import { invariantsHold } from '../support/invariants.ts';
import { becomes, createParcel, deposit, doorOf, knownAtBank, pickUp } from '../support/parcel.ts';
import { type Bank, newTenant, ordinaryDoors, stack } from '../support/stack.ts';

/*
 * A street full of banks in one process. CI is content with 8; all 100 run with
 *   LATCHWORK_FULL=1 npm test -- test/journeys/many-banks.test.ts
 */
const full = process.env.LATCHWORK_FULL === '1';
const count = full ? 100 : 8;

/** People come one after the other, a few at a time; the machine is not to be proved, the banks are. */
const atOnce = 5;

const inTurns = async <Item, Result>(
  items: readonly Item[],
  what: (item: Item) => Promise<Result>,
): Promise<Result[]> => {
  const results: Result[] = [];
  const waiting = [...items.entries()];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) results[next[0]] = await what(next[1]);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return results;
};

let stop = async (): Promise<void> => undefined;
afterAll(() => stop());

describe(`${count} banks of 24 doors in one process`, { timeout: full ? 900_000 : 240_000 }, () => {
  it('come online, and each carries a parcel', async () => {
    const tenant = await newTenant();
    const layout = ordinaryDoors(24);
    const { id: siteId } = await tenant.api.post('/v1/sites', { name: 'A street', timeZone: 'Europe/Zurich' }, Made);
    const settings = await inTurns(
      Array.from({ length: count }, (_, nth) => `Bank ${nth + 1}`),
      async (name) => {
        const { id } = await tenant.api.post('/v1/banks', { siteId, name, layout, batteryBackedClock: false }, Made);
        return { id, name, doors: layout, ...(await bankIdentity(stack, stack.outputs, stack.stateDir, id)) };
      },
    );

    const running = await startBanks(
      { mqtt: stack.mqtt, stateDir: join(stack.stateDir, 'banks'), banks: settings },
      (line) => appendFileSync(join(stack.stateDir, 'simulated-banks.log'), `${line}\n`),
    );
    stop = () => running.stop();
    expect(running.banks).toHaveLength(count);
    await running.connected;
    const banks = running.banks.map(
      ({ id, controlUrl, stop: stopOne }): Bank => ({
        id,
        siteId,
        doors: layout,
        panel: panel(controlUrl),
        controlUrl,
        stop: stopOne,
      }),
    );
    await inTurns(banks, caughtUp);

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
    await inTurns(banks, caughtUp);
    for (const bank of banks) expect(await bank.panel.state()).toMatchObject({ online: true });
    await invariantsHold({ tenants: [tenant], banks, quiet: true });
  });
});
