import * as z from 'zod';
import * as field from '../../events/fields.ts';

export const ExternalSystem = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,31}$/, 'lower-case letters, digits and _, at most 32');

/** Which system says so, and which version of its own record it says it of. */
export const Source = z.strictObject({ system: ExternalSystem, version: field.count });
export type Source = z.infer<typeof Source>;
