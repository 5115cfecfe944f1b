import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { InstantText } from './time.ts';
import { EmailAddress, PhoneNumber } from './transaction.ts';

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

/** WGS 84, degrees. */
const Position = z.strictObject({ latitude: z.number().min(-90).max(90), longitude: z.number().min(-180).max(180) });

/** Whom people ask who stand before a bank and cannot go on. */
export const Support = z.strictObject({ phone: PhoneNumber.optional(), email: EmailAddress.optional() });

/** What the pickup page says of a site, beyond its name. */
export const whereabouts = {
  /** As it is written on a letter, on one line. */
  address: z.string().min(1).max(200),
  /** Where the map is opened; without it the map looks for the address. */
  position: Position,
  support: Support,
};

/** The same as callers give it: null takes it away. */
export const siteUpdate = {
  address: whereabouts.address.nullish(),
  position: whereabouts.position.nullish(),
  support: whereabouts.support.nullish(),
};

export const Site = z.object({
  ...siteUpdate,
  id: field.text,
  tenant: field.text,
  name: field.text,
  timeZone: field.text,
  createdAt: InstantText,
  version: field.positive,
  hash: field.text,
});
export type Site = z.infer<typeof Site>;
