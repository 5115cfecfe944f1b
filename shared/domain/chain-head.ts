import * as z from 'zod';
import * as field from '../../events/fields.ts';

/** Head of the audit chain of something whose own row changes without events: a bank, a compartment. */
export const ChainHead = z.object({
  tenant: field.text,
  bankId: field.text,
  siteId: field.text,
  door: field.textOrNull,
  version: field.count,
  hash: field.text,
});
export type ChainHead = z.infer<typeof ChainHead>;
