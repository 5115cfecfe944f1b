import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { OfflineSeconds } from '../device/config.ts';
import { Terms } from './terms.ts';
import { InstantText } from './time.ts';

const LocalTime = once(() => z.string().regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$/, 'a time of day, for example 21:00'));

/**
 * When people are not to be disturbed, on the clocks of the site: from the first up to the second, past midnight where that
 * is the earlier. `none`: at no time, whatever the tenant says.
 */
export const QuietHours = once(() =>
  z.union([
    z.literal('none'),
    z
      .strictObject({ from: LocalTime(), to: LocalTime() })
      .refine(({ from, to }) => from !== to, 'from and to are the same'),
  ]),
);
export type QuietHours = z.infer<ReturnType<typeof QuietHours>>;

/** What a tenant (`siteId` null) or one of its sites says of workflows, and of its banks. */
export const WorkflowTerms = z.object({
  id: field.text,
  tenant: field.text,
  siteId: field.textOrNull,
  workflows: Terms(),
  /** For how long banks open without the cloud, by method; what is left out is as the next wider one says. */
  offlineSeconds: OfflineSeconds.default({}),
  /** When people are not to be disturbed; null: as the next wider one says. */
  quietHours: QuietHours().nullable().default(null),
  updatedAt: InstantText.nullable(),
  version: field.count,
  hash: field.text,
});
export type WorkflowTerms = z.infer<typeof WorkflowTerms>;

/** Of whom they are: a site, or `tenant`. There is one of each, so their ids follow from that. */
export const termsIdOf = (tenant: string, siteId: string | null): string => `wft_${(siteId ?? tenant).slice(4)}`;

/** Where nothing was ever said. */
export const unsaid = (tenant: string, siteId: string | null): WorkflowTerms => ({
  id: termsIdOf(tenant, siteId),
  tenant,
  siteId,
  workflows: {},
  offlineSeconds: {},
  quietHours: null,
  updatedAt: null,
  version: 0,
  hash: '',
});
