import * as z from 'zod';
import { InstantText } from './time.ts';
import { ExternalId, Item, Metadata } from './transaction.ts';

/** Where it may be brought back to: to the door it was taken from, or at its bank to any that fits. */
export const ReturnsTo = z.enum(['own_door', 'any_door']);

/**
 * A thing that is lent again and again. It has a door of its own, which it keeps while it is lent, so that it can be
 * brought back with the network down. Where it is now is said by its door: whose that is, and what lies inside.
 */
export const Asset = z.object({
  id: z.string(),
  tenant: z.string(),
  name: z.string(),
  /** Its number in the system that owns it. */
  externalId: ExternalId.nullable(),
  /** Its measures: what its door must hold. */
  item: Item,
  metadata: Metadata,
  bankId: z.string(),
  siteId: z.string(),
  door: z.string(),
  returnsTo: ReturnsTo.default('own_door'),
  /** Why it is lent no more; its door is free. */
  retired: z.string().nullable(),
  createdAt: InstantText,
  version: z.int().positive(),
  hash: z.string(),
});
export type Asset = z.infer<typeof Asset>;
