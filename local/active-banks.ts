import * as z from 'zod';
import { apiClient } from './api-client.ts';
import { until } from './until.ts';

const Lifecycle = z.object({ lifecycle: z.string() });

type Wish = { apiUrl: string; tenants: readonly { apiKey: string; banks: readonly { id: string; name: string }[] }[] };

/** A bank takes part once the cloud has heard its controller: only then can compartments be reserved there. */
export async function banksTakePart({ apiUrl, tenants }: Wish): Promise<void> {
  const all = tenants.flatMap(({ apiKey, banks }) =>
    banks.map((bank) => ({ ...bank, api: apiClient(apiUrl, apiKey) })),
  );
  await Promise.all(
    all.map(({ id, name, api }) =>
      until(`${name} takes part`, async () => (await api.get(`/v1/banks/${id}`, Lifecycle)).lifecycle === 'active'),
    ),
  );
}
