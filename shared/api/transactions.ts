import * as z from 'zod';
import { Envelope } from '../../events/envelope.ts';
import { Credential } from '../domain/credential.ts';
import { InstantInput } from '../domain/time.ts';
import { ExternalIds, ExternalSystem, Item, Metadata, Party, Transaction } from '../domain/transaction.ts';
import { Workflow } from '../domain/workflow.ts';
import type { Route } from './route.ts';
import { idParam, listOf, page } from './shapes.ts';

export const CredentialView = Credential.pick({
  id: true,
  step: true,
  method: true,
  state: true,
  notBefore: true,
  notAfter: true,
})
  .extend({
    /** Whether the bank has applied it; until then the older state still rules there. */
    atBank: z.boolean(),
    /** Only in the answer of the call that issued it. */
    value: z.string().optional(),
  })
  .meta({ id: 'Credential' });
export type CredentialView = z.infer<typeof CredentialView>;

export const TransactionView = Transaction.omit({
  tenant: true,
  hash: true,
  salt: true,
  bankKey: true,
  credentials: true,
  deadlineRev: true,
  pickupWithinSeconds: true,
})
  .extend({ credentials: z.array(CredentialView) })
  .meta({ id: 'Transaction' });
export type TransactionView = z.infer<typeof TransactionView>;

export const CreateTransaction = z.strictObject({
  workflow: Workflow,
  bankId: z.string().min(1).max(64),
  externalIds: ExternalIds.default({}),
  source: z.strictObject({ system: ExternalSystem, version: z.int().nonnegative() }).optional(),
  items: z.array(Item).min(1).max(20),
  recipient: Party.default({}),
  parties: z.strictObject({ depositor: Party.optional(), collector: Party.optional() }).default({}),
  payment: z
    .strictObject({ amountMinor: z.int().nonnegative(), currency: z.string().regex(/^[A-Z]{3}$/, 'ISO 4217') })
    .optional(),
  deadlines: z
    .strictObject({
      reserveUntil: InstantInput.optional(),
      depositBy: InstantInput.optional(),
      pickupBy: InstantInput.optional(),
    })
    .default({}),
  metadata: Metadata.default({}),
});
export type CreateTransaction = z.infer<typeof CreateTransaction>;

const params = z.object({ transactionId: idParam });
const base = { noun: 'transactions', params, response: TransactionView, etag: true } as const;

export const createTransaction = {
  id: 'create-transaction',
  noun: 'transactions',
  method: 'POST',
  path: '/v1/transactions',
  summary: 'Reserve a compartment and issue the credentials',
  permission: 'transactions:write',
  body: CreateTransaction,
  status: 201,
  response: TransactionView,
  problems: ['reservation_refused', 'already_exists', 'idempotency_key_reused'],
  etag: true,
} as const satisfies Route;

export const listTransactions = {
  id: 'list-transactions',
  noun: 'transactions',
  method: 'GET',
  path: '/v1/transactions',
  summary: 'Find transactions by an order id of yours',
  permission: 'transactions:read',
  query: z.strictObject({ orderId: z.string().min(1).max(128), ...page }),
  status: 200,
  response: listOf(TransactionView),
  problems: [],
} as const satisfies Route;

export const getTransaction = {
  ...base,
  id: 'get-transaction',
  method: 'GET',
  path: '/v1/transactions/{transactionId}',
  summary: 'Read a transaction',
  permission: 'transactions:read',
  status: 200,
  problems: [],
} as const satisfies Route;

export const listTransactionEvents = {
  id: 'list-transaction-events',
  noun: 'transactions',
  method: 'GET',
  path: '/v1/transactions/{transactionId}/events',
  summary: 'Read what happened to a transaction, in order',
  permission: 'transactions:read',
  params,
  query: z.strictObject(page),
  status: 200,
  response: listOf(Envelope.meta({ id: 'Event' })),
  problems: [],
} as const satisfies Route;

const action = { ...base, method: 'POST', permission: 'transactions:write', status: 200 } as const;

export const cancelTransaction = {
  ...action,
  id: 'cancel-transaction',
  path: '/v1/transactions/{transactionId}/cancel',
  summary: 'Give the compartment up; what is already inside is recalled',
  body: z.strictObject({ reason: z.enum(['by_caller', 'by_recipient', 'by_staff', 'too_late']).default('by_caller') }),
  problems: ['invalid_transition', 'precondition_failed', 'idempotency_key_reused'],
} as const satisfies Route;

export const extendTransaction = {
  ...action,
  id: 'extend-transaction',
  path: '/v1/transactions/{transactionId}/extend',
  summary: 'Give more time for the reservation, the deposit or the pickup',
  body: z
    .strictObject({
      reserveUntil: InstantInput.optional(),
      depositBy: InstantInput.optional(),
      pickupBy: InstantInput.optional(),
    })
    .refine((it) => Object.values(it).some(Boolean), 'name at least one of reserveUntil, depositBy, pickupBy'),
  problems: ['invalid_transition', 'precondition_failed', 'idempotency_key_reused'],
} as const satisfies Route;

export const holdTransaction = {
  ...action,
  id: 'hold-transaction',
  path: '/v1/transactions/{transactionId}/hold',
  summary: 'Block the pickup until the hold is lifted',
  body: z.strictObject({ reason: z.string().min(1).max(200) }),
  problems: ['invalid_transition', 'precondition_failed', 'idempotency_key_reused'],
} as const satisfies Route;

export const liftHold = {
  ...action,
  id: 'lift-hold',
  path: '/v1/transactions/{transactionId}/lift-hold',
  summary: 'End a hold',
  body: z.strictObject({ reason: z.string().min(1).max(200).optional() }),
  problems: ['invalid_transition', 'precondition_failed', 'idempotency_key_reused'],
} as const satisfies Route;

export const resendCredential = {
  ...action,
  id: 'resend-credential',
  path: '/v1/transactions/{transactionId}/credentials/{credentialId}/resend',
  params: z.object({ transactionId: idParam, credentialId: idParam }),
  summary: 'Issue a credential anew; the old one is superseded',
  body: z.strictObject({}),
  problems: ['invalid_transition', 'precondition_failed', 'idempotency_key_reused'],
} as const satisfies Route;
