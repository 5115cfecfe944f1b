import * as z from 'zod';
import { Actor } from '../../events/envelope.ts';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { AssignmentRules, TenantPolicy } from '../domain/assignment-policy.ts';
import { reservationReasons } from '../domain/refusal.ts';
import type { Route } from './route.ts';
import { idParam, listOf, page } from './shapes.ts';

export const AssignmentPolicyView = TenantPolicy()
  .omit({ tenant: true, hash: true, version: true })
  .extend({
    /** Counts from 1, which is the built-in one. */
    version: field.positive,
    /** What decisions name: `<name>/<version>`. */
    policy: field.text,
    /** Null for the built-in one, which nobody has made. */
    changedAt: TenantPolicy().shape.changedAt.nullable(),
    by: Actor.nullable(),
  })
  .meta({ id: 'AssignmentPolicy' });
export type AssignmentPolicyView = z.infer<typeof AssignmentPolicyView>;

const Choice = z.object({ door: field.textOrNull, candidates: field.whole, reason: field.text });

export const AssignmentReplay = z
  .object({
    /** The policy asked about. */
    policy: field.text,
    data: z.array(
      z.object({
        transactionId: field.text,
        bankId: field.text,
        decidedAt: field.text,
        chosen: Choice.extend({ policy: field.text }),
        wouldBe: Choice.extend({ refusal: z.enum(reservationReasons).nullable() }),
        /** Whether it would be another compartment. */
        differs: field.yesNo,
      }),
    ),
    /** Those that no decision can be told of: not yours, from before decisions were kept, or still waiting. */
    unknown: z.array(field.text),
  })
  .meta({ id: 'AssignmentReplay' });
export type AssignmentReplay = z.infer<typeof AssignmentReplay>;

/** A number from 1 on; to read, also `current`. */
const params = z.object({ version: idParam });

const base = { noun: 'assignment-policies', response: () => AssignmentPolicyView } as const;

export const listAssignmentPolicies = {
  ...base,
  id: 'list-assignment-policies',
  method: 'GET',
  path: '/v1/assignment-policies',
  summary: 'List the versions of how compartments are chosen, newest first',
  permission: 'banks:read',
  query: once(() => z.strictObject(page)),
  status: 200,
  response: once(() => listOf(AssignmentPolicyView)),
  problems: [],
} as const satisfies Route;

export const getAssignmentPolicy = {
  ...base,
  id: 'get-assignment-policy',
  method: 'GET',
  path: '/v1/assignment-policies/{version}',
  summary: 'Read how compartments are chosen, now (`current`) or in an older version',
  permission: 'banks:read',
  params,
  status: 200,
  problems: [],
  etag: true,
} as const satisfies Route;

export const putAssignmentPolicy = {
  ...base,
  id: 'replace-assignment-policy',
  method: 'POST',
  path: '/v1/assignment-policies',
  summary: 'Choose compartments by other rules from now on; a new version',
  permission: 'banks:write',
  body: once(() =>
    z.strictObject({
      ...AssignmentRules.shape,
      name: z
        .string()
        .regex(/^[a-z][a-z0-9-]{0,31}$/, 'lower-case letters, digits and -, at most 32')
        .default('best-fit'),
    }),
  ),
  status: 201,
  problems: ['precondition_failed', 'conflict', 'idempotency_key_reused'],
  etag: true,
} as const satisfies Route;

export const restoreAssignmentPolicy = {
  ...base,
  id: 'restore-assignment-policy',
  method: 'POST',
  path: '/v1/assignment-policies/{version}/restore',
  summary: 'Choose compartments as an older version did; a new version with its rules',
  permission: 'banks:write',
  params,
  body: once(() => z.strictObject({})),
  status: 200,
  problems: ['precondition_failed', 'conflict', 'idempotency_key_reused'],
  etag: true,
} as const satisfies Route;

export const replayAssignments = {
  ...base,
  id: 'replay-assignments',
  method: 'POST',
  path: '/v1/assignment-policies/replay',
  summary: 'Say which compartments another policy would have chosen for past requests, from what was seen then',
  permission: 'transactions:read',
  body: once(() =>
    z
      .strictObject({
        transactionIds: z.array(z.string().min(1).max(64)).min(1).max(50),
        /** A version there is, or rules to be tried. */
        version: field.positive.optional(),
        rules: z.strictObject(AssignmentRules.shape).optional(),
      })
      .refine((it) => (it.version === undefined) !== (it.rules === undefined), 'name either version or rules')
      .meta({ oneOf: [{ required: ['version'] }, { required: ['rules'] }] }),
  ),
  status: 200,
  response: () => AssignmentReplay,
  problems: [],
  asks: true,
} as const satisfies Route;
