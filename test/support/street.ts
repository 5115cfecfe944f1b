import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { startBanks } from '../../device-sim/run.ts';
import { Made } from '../../local/api-client.ts';
import { bankIdentity } from '../../local/bank-identity.ts';
import { panel } from '../../local/panel.ts';
import { type Bank, ordinaryDoors, stack, type Tenant } from './stack.ts';

/** People come one after the other, a few at a time; the machine is not to be proved, the banks are. */
const atOnce = 5;

export const inTurns = async <Item, Result>(
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

/** So many banks of one tenant in one process, connected. */
export const newStreet = async (
  tenant: Tenant,
  { banks: count, doors }: { banks: number; doors: number },
): Promise<{ banks: Bank[]; stop: () => Promise<void> }> => {
  const layout = ordinaryDoors(doors);
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
  await running.connected;
  const banks = running.banks.map(
    ({ id, controlUrl, stop }): Bank => ({ id, siteId, doors: layout, panel: panel(controlUrl), controlUrl, stop }),
  );
  return { banks, stop: () => running.stop() };
};
