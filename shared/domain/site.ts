import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { InstantText } from './time.ts';

export const Tenant = z.object({
  id: field.text,
  name: field.text,
  createdAt: InstantText,
  version: field.positive,
  hash: field.text,
});
export type Tenant = z.infer<typeof Tenant>;

export const TimeZone = z
  .string()
  .max(64)
  .refine((zone) => {
    try {
      return Boolean(new Intl.DateTimeFormat('en', { timeZone: zone }));
    } catch {
      return false;
    }
  }, 'an IANA time zone, for example Europe/Zurich');

export const Site = z.object({
  id: field.text,
  tenant: field.text,
  name: field.text,
  timeZone: field.text,
  createdAt: InstantText,
  version: field.positive,
  hash: field.text,
});
export type Site = z.infer<typeof Site>;
