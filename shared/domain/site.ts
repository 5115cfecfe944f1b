import * as z from 'zod';
import { InstantText } from './time.ts';

export const Tenant = z.object({
  id: z.string(),
  name: z.string(),
  createdAt: InstantText,
  version: z.int().positive(),
  hash: z.string(),
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
  id: z.string(),
  tenant: z.string(),
  name: z.string(),
  timeZone: z.string(),
  createdAt: InstantText,
  version: z.int().positive(),
  hash: z.string(),
});
export type Site = z.infer<typeof Site>;
