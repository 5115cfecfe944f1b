import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { InstantText } from './time.ts';

/** With what controllers of a tenant ask to be let in, before they have a certificate of their own. */
export const Claim = z.object({
  id: field.text,
  tenant: field.text,
  name: field.text,
  createdAt: InstantText,
  revokedAt: field.momentOrNull,
  version: field.positive,
});
export type Claim = z.infer<typeof Claim>;
