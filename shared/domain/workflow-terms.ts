import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { OfflineSeconds } from '../device/config.ts';
import { QuietHours } from './quiet-hours.ts';
import { Terms } from './terms.ts';
import { InstantText } from './time.ts';

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
