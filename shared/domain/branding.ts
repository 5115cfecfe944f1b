import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { Support } from './site.ts';
import { InstantText } from './time.ts';

/** A colour as CSS writes it in six digits. */
export const Color = z.string().regex(/^#[0-9a-f]{6}$/i, 'a colour in six hexadecimal digits, for example #0b6b4a');

/** A language that people are told things in, or one as a country speaks it. */
export const Locale = z.string().regex(/^[a-z]{2}(-[A-Z]{2})?$/, 'a BCP 47 tag, for example de or de-CH');

/** Letters that people read. */
export const onOneLine = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((it) => it.trim() !== '' && !/\p{Cc}/u.test(it), 'words on one line, without control characters');

const LogoUrl = z
  .string()
  .max(500)
  // Its host stands in the policy of a page, whose other words it must not spell.
  .regex(
    /^https:\/\/[A-Za-z0-9.-]+(:[0-9]{1,5})?\/(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*$/,
    'an address that begins with https://, a host and a /, with anything but letters, digits and marks percent-encoded',
  )
  .refine((it) => URL.canParse(it), 'an address')
  .meta({ format: 'uri' });

/** What a tenant says of itself; what is null it has not said. */
export const brandingFields = {
  /** By which people know the tenant; without it they are told the name of the bank. */
  name: onOneLine(60).nullable(),
  /** Behind the name, in white or black letters, whichever is read better. */
  color: Color.nullable(),
  /** A picture on a server of the tenant: in e-mails, and on the pickup page. */
  logoUrl: LogoUrl.nullable(),
  /** Whom people may ask where their site names nobody. */
  support: Support.nullable(),
  /** Whom an SMS is from, in countries that allow it (SNS: `AWS.SNS.SMS.SenderID`). */
  smsSenderId: z
    .string()
    .regex(/^(?=.*[A-Za-z])[A-Za-z0-9]{1,11}$/, '1 to 11 letters and digits, at least one a letter')
    .nullable(),
  /** For people whose own language has no text. */
  locale: Locale.nullable(),
};

export const Branding = z.object({
  ...brandingFields,
  id: field.text,
  tenant: field.text,
  updatedAt: InstantText.nullable(),
  version: field.count,
  hash: field.text,
});
export type Branding = z.infer<typeof Branding>;

/** Where nothing was ever said. There is one for each tenant, so its id follows from the tenant's. */
export const unbranded = (tenant: string): Branding => ({
  id: `brd_${tenant.slice(4)}`,
  tenant,
  name: null,
  color: null,
  logoUrl: null,
  support: null,
  smsSenderId: null,
  locale: null,
  updatedAt: null,
  version: 0,
  hash: '',
});

/** Relative luminance as WCAG 2.2 defines it. */
const luminance = (color: string): number => {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return share <= 0.040_45 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};

/** Contrast of two colours as WCAG 2.2 defines it, from 1 to 21. */
export const contrast = (one: string, other: string): number => {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
};

/** Letters on a colour. One of the two always has the 4.5 that WCAG asks for: the worst grey has 4.58 to both. */
export const inkOn = (color: string): '#ffffff' | '#000000' =>
  contrast(color, '#ffffff') >= contrast(color, '#000000') ? '#ffffff' : '#000000';
