import * as z from 'zod';
import * as field from '../../events/fields.ts';
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
  'lock-boards:write',
  'assets:read',
  'assets:write',
  'stock:read',
  'stock:write',
  'incidents:read',
  'incidents:write',
  'exports:read',
  'exports:write',
  'exports:personal',
  'webhooks:read',
  'webhooks:write',
  'events:read',
  'api-keys:read',
  'api-keys:write',
]);
export type Scope = z.infer<typeof Scope>;

/** `test`: for the sandbox. It acts on simulated banks only, and sees no transaction that is about a real door. */
export const KeyMode = z.enum(['live', 'test']);
export type KeyMode = z.infer<typeof KeyMode>;

/** What a test key may do at most: nothing that reaches the live data of its tenant, webhooks and keys among them. */
export const testScopes: readonly Scope[] = [
  'transactions:read',
  'transactions:write',
  'commands:read',
  'commands:write',
  'banks:read',
  'lock-boards:write',
  'exports:read',
  'exports:write',
];

export const ApiKey = z.object({
  id: field.text,
  tenant: field.text,
  name: field.text,
  mode: KeyMode.default('live'),
  scopes: z.array(Scope),
  /** The system it speaks for, and no other; null: for the tenant itself. */
  system: ExternalSystem.nullable(),
  /** SHA-256 of the whole key, hex. The key itself is shown once. */
  keyHash: field.text,
  /** A limit of its own; null: what the stage gives. */
  requestsPerMinute: field.positive.nullable().default(null),
  createdAt: InstantText,
  revokedAt: field.momentOrNull,
  version: field.positive,
  hash: field.text,
});
export type ApiKey = z.infer<typeof ApiKey>;
