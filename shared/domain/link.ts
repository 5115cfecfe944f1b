import * as z from 'zod';

/** A hand-over: one leg after the other. An order: its parts lie behind several doors at the same time. */
export const LinkKind = z.enum(['handover', 'order']);
export type LinkKind = z.infer<typeof LinkKind>;

/** Of the caller's own choice, fit for a path. */
export const LinkId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'letters, digits and . _ -, at most 64');

/** All parts of one link are read at once. */
const partsMax = 20;
const Part = z.int().min(1).max(partsMax);

/**
 * What a transaction is a part of. Each part has a place of its own, and says how many there are to be: so nothing is
 * called complete before its last part exists, and there is no counter that two commits would meet at.
 */
export const Link = z
  .strictObject({ kind: LinkKind, id: LinkId, part: Part, of: Part.min(2) })
  .refine(({ part, of }) => part <= of, { path: ['part'], error: 'is more than of' });
export type Link = z.infer<typeof Link>;
