import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { AccessMethod, Step } from '../device/access.ts';
import { BadgeGroup } from '../domain/badge-group.ts';
import { InstantText } from '../domain/time.ts';
import { Party } from '../domain/transaction.ts';
import type { Route } from './route.ts';
import { idParam, listOf, page, where } from './shapes.ts';
import { AskedAccess, action, changeProblems, GroupName, Reason, said, valueOfItsOwn } from './transactions.ts';

const credential = {
  ...action,
  noun: 'credentials',
  params: z.object({ transactionId: idParam, credentialId: idParam }),
  problems: changeProblems,
} as const;

export const issueCredential = {
  ...action,
  noun: 'credentials',
  id: 'issue-credential',
  path: '/v1/transactions/{transactionId}/credentials',
  summary: 'Issue another credential for a step, or a code with which staff act outside the plan',
  body: once(() =>
    said({
      ...AskedAccess().shape,
      step: Step,
      method: AccessMethod.default('pin'),
      uses: field.positive.max(10_000).optional(),
      /** Why staff have to act outside the plan: of an operator code, and kept. */
      reason: Reason.optional(),
    }).meta(
      where(
        { properties: { method: { const: 'operator' } }, required: ['method'] },
        { required: ['reason'], not: { anyOf: [{ required: ['value'] }, { required: ['group'] }] } },
        { not: { required: ['reason'] }, allOf: [valueOfItsOwn] },
      ),
    ),
  ),
  problems: changeProblems,
} as const satisfies Route;

export const revokeCredential = {
  ...credential,
  id: 'revoke-credential',
  path: '/v1/transactions/{transactionId}/credentials/{credentialId}/revoke',
  summary: 'Take a credential back; the transaction goes on',
  body: once(() => said({})),
} as const satisfies Route;

export const resendCredential = {
  ...credential,
  id: 'resend-credential',
  path: '/v1/transactions/{transactionId}/credentials/{credentialId}/resend',
  summary: 'Issue a credential anew; the old one is superseded',
  body: once(() => said({})),
} as const satisfies Route;

/** On whose behalf; the caller itself is the actor of the event. */
const by = z.enum(['by_recipient', 'by_caller', 'by_staff']).default('by_recipient');

export const delegateCredential = {
  ...credential,
  id: 'delegate-credential',
  path: '/v1/transactions/{transactionId}/credentials/{credentialId}/delegate',
  summary: 'Hand the right of a credential to somebody else, who gets one of their own',
  body: once(() =>
    said({
      ...AskedAccess().shape,
      /** They are told by SMS once the item waits, if there is a phone number. */
      to: Party,
      /** Whoever hands it on may still open as well. */
      keepsOwn: field.yesNo.default(false),
      by,
    }).meta(valueOfItsOwn),
  ),
} as const satisfies Route;

export const takeBackCredential = {
  ...credential,
  id: 'take-back-credential',
  path: '/v1/transactions/{transactionId}/credentials/{credentialId}/take-back',
  summary: 'End the right that somebody else was handed; whoever handed it on has it again',
  body: once(() => said({ by })),
} as const satisfies Route;

export const AppToken = z
  .object({
    credentialId: field.text,
    /** To be shown to the bank's reader, for one opening. */
    value: field.text,
    /** Draw the next one before. */
    expiresAt: InstantText,
  })
  .meta({ id: 'AppToken' });

/** It needs the right to write: whoever has a token opens a door. */
export const getAppToken = {
  id: 'get-app-token',
  noun: 'credentials',
  method: 'GET',
  path: '/v1/transactions/{transactionId}/credentials/{credentialId}/token',
  summary: 'Draw the token that an app shows to the bank now',
  permission: 'transactions:write',
  params: credential.params,
  status: 200,
  response: () => AppToken,
  problems: ['invalid_transition'],
} as const satisfies Route;

export const PickupLink = z
  .object({
    credentialId: field.text,
    /** The same each time; whoever has it may do what its holder may. */
    link: field.text,
  })
  .meta({ id: 'PickupLink' });

/** It needs the right to write, as a token does. */
export const getPickupLink = {
  id: 'get-pickup-link',
  noun: 'credentials',
  method: 'GET',
  path: '/v1/transactions/{transactionId}/credentials/{credentialId}/link',
  summary: 'Read the link to the pickup page of whoever has a credential',
  permission: 'transactions:write',
  params: credential.params,
  status: 200,
  response: () => PickupLink,
  problems: ['invalid_transition'],
} as const satisfies Route;

export const BadgeGroupView = BadgeGroup.omit({ tenant: true, sealed: true, hash: true }).meta({ id: 'BadgeGroup' });
export type BadgeGroupView = z.infer<typeof BadgeGroupView>;

export const replaceBadgeGroup = {
  id: 'replace-badge-group',
  noun: 'credentials',
  method: 'POST',
  path: '/v1/badge-groups',
  summary: 'Say which badges a group has; whoever shows one of them opens what is granted to the group',
  permission: 'transactions:write',
  body: once(() =>
    z.strictObject({
      group: GroupName(),
      /** Their numbers, all of them: others are no longer of the group. Stored encrypted, and not shown again. */
      badges: z
        .array(
          z
            .string()
            .min(6)
            .max(64)
            .regex(/^[\x21-\x7e]+$/, 'printable ASCII without spaces'),
        )
        .max(500)
        .refine((all) => new Set(all).size === all.length, 'each at most once')
        .meta({ uniqueItems: true }),
    }),
  ),
  status: 200,
  response: () => BadgeGroupView,
  problems: ['precondition_failed', 'conflict', 'idempotency_key_reused'],
  etag: true,
} as const satisfies Route;

export const listBadgeGroups = {
  id: 'list-badge-groups',
  noun: 'credentials',
  method: 'GET',
  path: '/v1/badge-groups',
  summary: 'List the groups of badges, and how many badges each has',
  permission: 'transactions:read',
  query: once(() => z.strictObject(page)),
  status: 200,
  response: once(() => listOf(BadgeGroupView)),
  problems: [],
} as const satisfies Route;
