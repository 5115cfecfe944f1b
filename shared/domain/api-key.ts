import * as z from 'zod';
import { ExternalSystem } from './source.ts';
import { InstantText } from './time.ts';

/** What a key may do. Opening doors is apart from booking them: it acts on the physical world at once. */
export const Scope = z.enum([
  'transactions:read',
  'transactions:write',
  'commands:read',
  'commands:write',
  'banks:read',
  'banks:write',
  'assets:read',
  'assets:write',
  'webhooks:read',
  'webhooks:write',
  'api-keys:read',
  'api-keys:write',
]);
export type Scope = z.infer<typeof Scope>;

export const ApiKey = z.object({
  id: z.string(),
  tenant: z.string(),
  name: z.string(),
  scopes: z.array(Scope),
  /** The system it speaks for, and no other; null: for the tenant itself. */
  system: ExternalSystem.nullable(),
  /** SHA-256 of the whole key, hex. The key itself is shown once. */
  keyHash: z.string(),
  createdAt: InstantText,
  revokedAt: InstantText.nullable(),
  version: z.int().positive(),
  hash: z.string(),
});
export type ApiKey = z.infer<typeof ApiKey>;
