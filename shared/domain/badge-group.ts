import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { sameVerifier, verifierOf } from '../device/verifier.ts';
import type { RootKeys } from './root-key.ts';
import { seal, unseal } from './sealed.ts';
import { InstantText } from './time.ts';

/** Badges whose holders may do the same: whoever shows one of them opens what is granted to the group. */
export const BadgeGroup = z.object({
  id: field.text,
  tenant: field.text,
  /** Unique in its tenant; what transactions name. */
  group: field.text,
  /** How many badges it has. */
  badges: field.count,
  /** Their numbers, so that they can be held against what a bank asks about; readable with a root key only. */
  sealed: field.text,
  changedAt: InstantText,
  version: field.positive,
  hash: field.text,
});
export type BadgeGroup = z.infer<typeof BadgeGroup>;

const purposeOf = (tenant: string): string => `badge-group:${tenant}`;

export const sealed = (rootKeys: RootKeys, tenant: string, numbers: readonly string[]): string =>
  seal(rootKeys, purposeOf(tenant), JSON.stringify(numbers));

const Numbers = z.array(field.text);

const unsealed = (rootKeys: RootKeys, { tenant, sealed: all }: Pick<BadgeGroup, 'tenant' | 'sealed'>): string[] =>
  Numbers.parse(JSON.parse(unseal(rootKeys, purposeOf(tenant), all)));

/** Whether one of its badges has that verifier at the bank of this key. */
export const hasBadge = (rootKeys: RootKeys, group: BadgeGroup, bankKey: Buffer, verifier: string): boolean =>
  unsealed(rootKeys, group)
    .map((number) => sameVerifier(verifierOf(bankKey, 'badge', number), verifier))
    .some((isSame) => isSame);
