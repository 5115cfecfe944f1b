import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import * as z from 'zod';
import { type LockBoardSettings, startLockBoardCloud } from '../../device-sim/lock-board/cloud.ts';
import { Made } from '../../local/api-client.ts';
import { type Panel, panel } from '../../local/panel.ts';
import { eventually, ordinaryDoors, stack, type Tenant } from './stack.ts';

const Registered = Made.extend({ secret: z.string() });
const Key = z.object({ key: z.string() });
const Opened = z.object({
  openings: z.array(z.object({ door: z.string(), at: z.number(), ref: z.string().nullable() })),
});

export type LockBoardBank = {
  id: string;
  panel: Panel;
  /** Faults of the vendor's cloud, and a snapshot of all doors. */
  fault: (change: Record<string, number | boolean>) => Promise<void>;
  snapshot: () => Promise<void>;
  /** As the boards saw it: by which unlock call, or null by force. */
  openings: () => Promise<z.infer<typeof Opened>['openings']>;
};

/** Two boards of so many locks each, as vendors number them. */
export const locksFor = (count: number): LockBoardSettings['locks'] =>
  Object.fromEntries(
    Array.from({ length: count }, (_, nth) => [
      String(nth + 1),
      { board: nth % 2 === 0 ? '0A' : '0B', lock: (0x1e + nth).toString(16).toUpperCase() },
    ]),
  );

/** Registers a bank that a simulated vendor's cloud drives, with a key of its own, and waits until it takes part. */
export async function newLockBoardBank(
  tenant: Tenant,
  { doors = 3, contentsSensor = true }: { doors?: number; contentsSensor?: boolean } = {},
): Promise<LockBoardBank> {
  const locks = locksFor(doors);
  const cloud = await startLockBoardCloud({ locks, contentsSensor }, (line) =>
    appendFileSync(join(stack.stateDir, 'lock-boards.log'), `${line}\n`),
  );
  afterAll(() => cloud.stop());
  const site = await tenant.api.post('/v1/sites', { name: 'Test site', timeZone: 'Europe/Zurich' }, Made);
  const { id, secret } = await tenant.api.post(
    '/v1/banks',
    {
      siteId: site.id,
      name: 'Bank of a vendor',
      layout: ordinaryDoors(doors),
      simulated: true,
      vendor: { kind: 'lock_board', url: cloud.unlockUrl, locks },
    },
    Registered,
  );
  const { key } = await tenant.api.post('/v1/api-keys', { name: 'vendor', scopes: ['lock-boards:write'] }, Key);
  cloud.serve({ url: `${stack.apiUrl}/v1/banks/${id}/callbacks`, apiKey: key, secret });
  await eventually(
    async () => {
      const { lifecycle } = await tenant.api.get(`/v1/banks/${id}`, z.object({ lifecycle: z.string() }));
      if (lifecycle !== 'active') throw new Error(`it is ${lifecycle}`);
    },
    { what: `the bank ${id} takes part` },
  );
  const post = async (path: string, body: unknown): Promise<void> => {
    const answer = await fetch(`${cloud.controlUrl}${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`the vendor's cloud refused ${path}: ${await answer.text()}`);
  };
  return {
    id,
    panel: panel(cloud.controlUrl),
    fault: (change) => post('/link', change),
    snapshot: () => post('/snapshot', {}),
    openings: async () => Opened.parse(await (await fetch(`${cloud.controlUrl}/openings`)).json()).openings,
  };
}
