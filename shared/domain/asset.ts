import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { InstantText } from './time.ts';
import { ExternalId, Item, Metadata } from './transaction.ts';

/** Where it may be brought back to: to the door it was taken from, or at its bank to any that fits. */
export const ReturnsTo = z.enum(['own_door', 'any_door']);

/**
 * A thing that is lent again and again. It has a door of its own, which it keeps while it is lent, so that it can be
 * brought back with the network down. Where it is now is said by its door: whose that is, and what lies inside.
 */
export const Asset = z.object({
  id: field.text,
  tenant: field.text,
  name: field.text,
  /** Its number in the system that owns it. */
  externalId: ExternalId.nullable(),
  /** Its measures: what its door must hold. */
  item: Item,
  metadata: Metadata,
  bankId: field.text,
  siteId: field.text,
  door: field.text,
  returnsTo: ReturnsTo.default('own_door'),
  /** Why it is lent no more; its door is free. */
  retired: field.textOrNull,
  createdAt: InstantText,
  version: field.positive,
  hash: field.text,
});
export type Asset = z.infer<typeof Asset>;
