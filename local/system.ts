import * as z from 'zod';
import { Endpoint } from './endpoint.ts';

/** `.local/system.json` while a local system is up: the contract for scripts and integrators' tests. */
export const System = Endpoint.extend({
  apiUrl: z.string(),
  /** At least two, for isolation. */
  tenants: z.array(z.object({ id: z.string(), name: z.string(), apiKey: z.string(), siteId: z.string() })).min(2),
  /** Simulated and connected; `doors` are the labels. */
  banks: z.array(
    z.object({
      id: z.string(),
      tenantId: z.string(),
      name: z.string(),
      doors: z.array(z.string()),
      controlUrl: z.string(),
    }),
  ),
  /** Receives the first tenant's events. */
  webhookReceiver: z.object({ url: z.string(), secret: z.string(), receivedUrl: z.string() }),
  /** Pages to read of the API and its events. */
  referenceUrl: z.string(),
  outputs: z.record(z.string(), z.string()),
  startedAt: z.string(),
});
export type System = z.infer<typeof System>;
