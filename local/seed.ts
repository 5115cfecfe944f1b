import { join } from 'node:path';
import * as z from 'zod';
import { apiClient, Made } from './api-client.ts';
import { createTenant, NewTenant } from './create-tenant.ts';
import { type LayoutDoor, largeBank, smallBank } from './demo-layouts.ts';
import type { Endpoint } from './endpoint.ts';
import { type Once, once } from './once.ts';

export type SeededBank = { id: string; name: string; layout: readonly LayoutDoor[] };
export type SeededTenant = { id: string; name: string; apiKey: string; siteId: string; banks: SeededBank[] };
export type Seeded = {
  /** The first one owns the webhook endpoint. */
  tenants: [SeededTenant, SeededTenant];
  webhookSecret: string;
};

export type SeedGround = {
  endpoint: Endpoint;
  outputs: Record<string, string>;
  apiUrl: string;
  dir: string;
  receiverUrl: string;
};

const Endpointed = Made.extend({ secret: z.string() });

/** Two tenants, so that their isolation can be tried: all of it over the public API, but for the tenants themselves. */
export async function seed(ground: SeedGround): Promise<Seeded> {
  const memory = once(join(ground.dir, 'seed.json'));
  const first = await tenant(ground, memory, 'Harbour Parcels', 'Europe/Zurich', {
    'Harbour Hall': smallBank,
    'Harbour Market': largeBank,
  });
  const second = await tenant(ground, memory, 'Campus Tools', 'Europe/Vienna', { 'Campus Workshop': smallBank });
  const webhook = await memory.make(`webhook endpoint ${ground.receiverUrl}`, Endpointed, () =>
    apiClient(ground.apiUrl, first.apiKey).post(
      '/v1/webhook-endpoints',
      { url: ground.receiverUrl, description: 'The local receiver' },
      Endpointed,
    ),
  );
  return { tenants: [first, second], webhookSecret: webhook.secret };
}

async function tenant(
  ground: SeedGround,
  memory: Once,
  name: string,
  timeZone: string,
  banks: Record<string, readonly LayoutDoor[]>,
): Promise<SeededTenant> {
  const make = () => createTenant(ground.endpoint, ground.outputs, name);
  let made = await memory.make(`tenant ${name}`, NewTenant, make);
  const answer = await apiClient(ground.apiUrl, made.apiKey).request('GET', '/v1/sites');
  if (answer.status === 401) {
    // The engine was killed before it could save what we remember; all of it is made again.
    memory.forget();
    made = await memory.make(`tenant ${name}`, NewTenant, make);
  }
  const api = apiClient(ground.apiUrl, made.apiKey);
  const site = await memory.make(`site of ${name}`, Made, () =>
    api.post('/v1/sites', { name: `${name}, main site`, timeZone }, Made),
  );
  const seeded: SeededBank[] = [];
  for (const [bankName, layout] of Object.entries(banks)) {
    const bank = await memory.make(`bank ${bankName}`, Made, () =>
      api.post('/v1/banks', { siteId: site.id, name: bankName, layout, simulated: true }, Made),
    );
    seeded.push({ id: bank.id, name: bankName, layout });
  }
  return { id: made.tenantId, name, apiKey: made.apiKey, siteId: site.id, banks: seeded };
}
