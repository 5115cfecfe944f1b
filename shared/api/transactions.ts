import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { AccessMethod, methods, Step } from '../device/access.ts';
import { Alternative } from '../domain/assignment.ts';
import { Credential } from '../domain/credential.ts';
import { Link } from '../domain/link.ts';
import { reservationReasons } from '../domain/refusal.ts';
import { Source } from '../domain/source.ts';
import { Sku } from '../domain/stock.ts';
import { ScanSteps } from '../domain/terms.ts';
import { InstantInput } from '../domain/time.ts';
import {
  ExternalId,
  ExternalIds,
  Item,
  Metadata,
  Party,
  Transaction,
  TransactionState,
  Waiting,
} from '../domain/transaction.ts';
import { Condition, Tolerance, Workflow, workflowOf } from '../domain/workflow.ts';
import type { Route } from './route.ts';
import { EventView, idParam, listOf, page, where } from './shapes.ts';

export const CredentialView = Credential.pick({
  id: true,
  step: true,
  method: true,
  state: true,
  notBefore: true,
  notAfter: true,
  uses: true,
  group: true,
  delegatedFrom: true,
  suspended: true,
})
  .extend({
    /** Whether the bank has applied it; until then the older state still rules there. */
    atBank: field.yesNo,
    /** Only in the answer of the call that issued it; never one that you have brought. */
    value: field.maybeText,
    /** With the value: the page of whoever has it. It is told again on request. */
    link: field.maybeText,
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
  useWithinSeconds: true,
  label: true,
})
  .extend({
    reservation: z.enum(['hard', 'soft']),
    credentials: z.array(CredentialView),
    waiting: Waiting.nullish(),
  })
  .meta({ id: 'Transaction' });
export type TransactionView = z.infer<typeof TransactionView>;

const Money = once(() =>
  z.strictObject({
    amountMinor: field.positive.max(1_000_000_000),
    currency: z.string().regex(/^[A-Z]{3}$/, 'ISO 4217'),
  }),
);
export const Reason = z.string().min(1).max(200);

const deadlines = once(() => ({
  reserveUntil: InstantInput().optional(),
  depositBy: InstantInput().optional(),
  pickupBy: InstantInput().optional(),
  useUntil: InstantInput().optional(),
}));

const Parties = once(() => z.strictObject({ depositor: Party.optional(), collector: Party.optional() }));

export const GroupName = once(() =>
  z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/, 'one to 32 small letters, digits, - or _, a letter first'),
);

/** How a credential is to prove a right. Times are within the deadlines of its step. */
export const AskedAccess = once(() =>
  z.strictObject({
    method: AccessMethod.exclude(['operator']).default('pin'),
    /** Of a badge, its number; of a barcode, what the label says. We keep a keyed hash of it, for one bank. */
    value: z
      .string()
      .min(6)
      .max(64)
      .regex(/^[\x21-\x7e]+$/, 'printable ASCII without spaces')
      .optional(),
    /** For a badge, in place of its number: every badge of that group will do. */
    group: GroupName().optional(),
    notBefore: InstantInput().optional(),
    notAfter: InstantInput().optional(),
  }),
);

/** For the document: what is the customer's own comes with its value, and nothing else does. */
export const valueOfItsOwn = where(
  {
    properties: { method: { enum: AccessMethod.options.filter((it) => methods[it].value === 'brought') } },
    required: ['method'],
  },
  {
    oneOf: [
      { required: ['value'], not: { required: ['group'] } },
      {
        required: ['group'],
        not: { required: ['value'] },
        properties: { method: { const: 'badge' satisfies AccessMethod } },
      },
    ],
  },
  { not: { anyOf: [{ required: ['value'] }, { required: ['group'] }] } },
);

export const CreateTransaction = once(() =>
  z.strictObject({
    workflow: Workflow,
    bankId: z.string().min(1).max(64),
    externalIds: ExternalIds.default({}),
    /** What it is a part of, with others that are read as one. */
    link: Link.optional(),
    source: Source.optional(),
    /** Of an asset or goods in stock they are known; everything else needs at least one. */
    items: z.array(Item).max(20).default([]),
    /** Of a loan: what is lent. */
    assetId: z.string().min(1).max(64).optional(),
    /** Of a sale: the goods in stock that are sold, or what kind; of a kind, what keeps shortest goes first. */
    stockUnitId: z.string().min(1).max(64).optional(),
    sku: Sku.optional(),
    recipient: Party.default({}),
    parties: Parties().default({}),
    /** What it costs: of a rental, for its time as first agreed. */
    payment: Money()
      .extend({ amountMinor: field.count.max(1_000_000_000) })
      .optional(),
    /** What must be confirmed before the receiver may open; left out, what is usual for the workflow. */
    conditions: z
      .array(Condition)
      .max(Condition.options.length)
      .refine((all) => new Set(all).size === all.length, 'each at most once')
      .meta({ uniqueItems: true })
      .optional(),
    /** For a rental: how long the door still opens after `useUntil`. */
    overstaySeconds: field.positive.max(604_800).optional(),
    deadlines: z.strictObject(deadlines()).default({}),
    metadata: Metadata.default({}),
    /** How people prove their right at a step, in place of its usual PIN; several for one step are as good as each other. */
    access: z
      .array(
        AskedAccess()
          .extend({ step: Step.exclude(['recall']), uses: field.positive.max(10_000).optional() })
          .meta(valueOfItsOwn),
      )
      .max(4)
      .optional(),
    /** How early and how late people are let in all the same; left out, what is usual for the workflow. */
    tolerance: z.strictObject(Tolerance.shape).optional(),
    /** What is put in has this label. At the steps named, the bank asks for it; elsewhere it is compared if it is scanned. */
    custody: z
      .strictObject({
        /** We keep a keyed hash of it, for one bank. */
        label: ExternalId,
        /** Left out: as the site or the tenant says of the workflow. */
        scanAt: ScanSteps.optional(),
      })
      .optional(),
    /** A soft one gives way to a hard request at a full bank until its first step has begun. */
    reservation: z.enum(['hard', 'soft']).default('hard'),
    /** If no compartment is free, wait for one until then instead of being refused. */
    waitUntil: InstantInput().optional(),
  }),
);
export type CreateTransaction = z.infer<ReturnType<typeof CreateTransaction>>;

const without = (...names: string[]) => ({ not: { anyOf: names.map((name) => ({ required: [name] })) } });
const about = (of: 'asset' | 'stock') => ({
  properties: { workflow: { enum: Workflow.options.filter((it) => workflowOf(it).of === of) } },
});
const aboutItems = {
  required: ['items'],
  properties: { items: { minItems: 1 } },
  ...without('assetId', 'stockUnitId', 'sku'),
};
const withItsOwnDoor = { items: { maxItems: 0 }, reservation: { const: 'hard' } };

/** The same with what belongs together, for the document: who gets that wrong is told by the field. */
const asked = once(() =>
  CreateTransaction().meta(
    where(
      about('asset'),
      { required: ['assetId'], properties: withItsOwnDoor, ...without('waitUntil', 'stockUnitId', 'sku') },
      where(
        about('stock'),
        {
          anyOf: [
            aboutItems,
            { required: ['stockUnitId'], properties: withItsOwnDoor, ...without('waitUntil', 'assetId', 'sku') },
            { required: ['sku'], properties: withItsOwnDoor, ...without('waitUntil', 'assetId', 'stockUnitId') },
          ],
        },
        aboutItems,
      ),
    ),
  ),
);

/** The body of a change. Systems that own transactions say of which version of their record they speak. */
export const said = <Shape extends z.core.$ZodShape>(shape: Shape) =>
  z.strictObject({ ...shape, source: Source.optional() });

const params = z.object({ transactionId: idParam });
export const base = { noun: 'transactions', params, response: () => TransactionView, etag: true } as const;

export const createTransaction = {
  id: 'create-transaction',
  noun: 'transactions',
  method: 'POST',
  path: '/v1/transactions',
  summary: 'Reserve a compartment and issue the credentials',
  permission: 'transactions:write',
  body: asked,
  status: 201,
  response: () => TransactionView,
  problems: ['reservation_refused', 'already_exists', 'conflict', 'not_owner', 'idempotency_key_reused'],
  etag: true,
} as const satisfies Route;

export const Precheck = once(() =>
  z
    .object({
      outcome: z.enum(['reserved', 'waitlisted', 'refused']),
      /** How many wait at this bank already. */
      ahead: field.count,
      /** The door it would get now; another one of the candidates when somebody is faster. */
      door: field.textOrNull,
      /** How many compartments would do. */
      candidates: field.count,
      /** The version of the assignment policy that says so. */
      policy: field.text,
      /** Why nothing is reserved, as a create would say it. */
      refusal: z.enum(reservationReasons).nullable(),
      /** In words. */
      reason: field.text,
      /** What would fit otherwise; empty where it fits. */
      alternatives: z.array(Alternative),
    })
    .meta({ id: 'Precheck' }),
);
export type Precheck = z.infer<ReturnType<typeof Precheck>>;

export const checkTransaction = {
  id: 'check-transaction',
  noun: 'transactions',
  method: 'POST',
  path: '/v1/transactions/check',
  summary: 'Say what a create with this body would do now, and why; books nothing',
  permission: 'transactions:read',
  body: asked,
  status: 200,
  response: Precheck,
  problems: ['not_owner'],
  asks: true,
} as const satisfies Route;

export const listTransactions = {
  id: 'list-transactions',
  noun: 'transactions',
  method: 'GET',
  path: '/v1/transactions',
  summary: 'Find transactions by what is known of them, the newest first',
  permission: 'transactions:read',
  query: once(() =>
    z
      .strictObject({
        orderId: z.string().min(1).max(128).optional(),
        /** Any external id of the transaction, by its system. */
        externalId: z
          .string()
          .regex(/^[a-z][a-z0-9_]{0,31}:[\x21-\x7e]{1,128}$/, '<system>:<id>')
          .optional(),
        /** The external id of one of its items. */
        itemId: z.string().min(1).max(128).optional(),
        /** A phone number, an e-mail address, or the beginning of one or more of the recipient's names. */
        recipient: z.string().min(1).max(254).optional(),
        bankId: z.string().min(1).max(64).optional(),
        /** Of that bank; also one that the transaction has left. */
        door: z.string().min(1).max(8).optional(),
        credentialId: idParam.optional(),
        /** The number of a badge that opens, or once opened, something of it. */
        badge: z.string().min(6).max(64).optional(),
        /** Sales of these goods in stock, those that came to nothing too. */
        stockUnitId: idParam.optional(),
        workflow: Workflow.optional(),
        state: TransactionState.optional(),
        /** Created at that moment or later. */
        from: InstantInput().optional(),
        /** Created before that moment. */
        to: InstantInput().optional(),
        ...page,
      })
      .refine(({ bankId, door }) => door === undefined || bankId !== undefined, {
        path: ['door'],
        error: 'needs bankId: every bank has a door of that name',
      })
      .refine(({ from, to }) => from === undefined || to === undefined || from < to, {
        path: ['to'],
        error: 'must be later than from',
      }),
  ),
  status: 200,
  response: once(() => listOf(TransactionView)),
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
  query: once(() => z.strictObject(page)),
  status: 200,
  response: once(() => listOf(EventView())),
  problems: [],
} as const satisfies Route;

export const changeProblems = [
  'invalid_transition',
  'not_owner',
  'stale_source',
  'precondition_failed',
  'idempotency_key_reused',
] as const;

export const action = { ...base, method: 'POST', permission: 'transactions:write', status: 200 } as const;

/** What a cancellation is answered that came before its create. */
export const KeptCancellationView = once(() =>
  z
    .object({
      id: field.text,
      state: z.literal('cancelled'),
      externalIds: z.record(field.text, field.text),
      kept: z.literal(true),
    })
    .meta({ id: 'KeptCancellation' }),
);

export const cancelTransaction = {
  ...action,
  response: once(() => z.union([TransactionView, KeptCancellationView()])),
  id: 'cancel-transaction',
  path: '/v1/transactions/{transactionId}/cancel',
  summary: 'Give the compartment up; what is already inside is recalled',
  body: once(() =>
    said({ reason: z.enum(['by_caller', 'by_recipient', 'by_staff', 'too_late']).default('by_caller') }),
  ),
  problems: changeProblems,
} as const satisfies Route;

export const extendTransaction = {
  ...action,
  id: 'extend-transaction',
  path: '/v1/transactions/{transactionId}/extend',
  summary: 'Give more time for the reservation, the deposit or the pickup',
  body: once(() =>
    said({ ...deadlines(), charge: Money().optional() })
      .refine(
        ({ charge: _, source: __, ...times }) => Object.values(times).some(Boolean),
        'name at least one of reserveUntil, depositBy, pickupBy, useUntil',
      )
      .meta({ anyOf: Object.keys(deadlines()).map((name) => ({ required: [name] })) }),
  ),
  problems: changeProblems,
} as const satisfies Route;

export const holdTransaction = {
  ...action,
  id: 'hold-transaction',
  path: '/v1/transactions/{transactionId}/hold',
  summary: 'Block the pickup until the hold is lifted',
  body: once(() => said({ reason: z.string().min(1).max(200) })),
  problems: changeProblems,
} as const satisfies Route;

export const liftHold = {
  ...action,
  id: 'lift-hold',
  path: '/v1/transactions/{transactionId}/lift-hold',
  summary: 'End a hold',
  body: once(() => said({ reason: z.string().min(1).max(200).optional() })),
  problems: changeProblems,
} as const satisfies Route;

export const updateTransaction = {
  ...base,
  id: 'update-transaction',
  method: 'PATCH',
  path: '/v1/transactions/{transactionId}',
  summary:
    'Change who it is for, what is noted of it, what it is a part of, or, before the item is inside, its measures',
  permission: 'transactions:write',
  status: 200,
  body: once(() =>
    said({
      recipient: Party.optional(),
      parties: Parties().optional(),
      metadata: Metadata.optional(),
      items: z.array(Item).min(1).max(20).optional(),
      /** What it is a part of; null takes it out. Also after its end, so that another can take its place. */
      link: Link.nullable().optional(),
    })
      .refine(
        ({ source: _, ...it }) => Object.values(it).some((value) => value !== undefined),
        'name at least one of recipient, parties, metadata, items, link',
      )
      .meta({ anyOf: ['recipient', 'parties', 'metadata', 'items', 'link'].map((name) => ({ required: [name] })) }),
  ),
  problems: [
    'invalid_transition',
    'not_owner',
    'stale_source',
    'conflict',
    'reservation_refused',
    'precondition_failed',
  ],
} as const satisfies Route;

export const moveTransaction = {
  ...action,
  id: 'move-transaction',
  path: '/v1/transactions/{transactionId}/move',
  summary: 'Have it in another compartment: at once, or carried there if it is inside already',
  body: once(() =>
    said({
      /** Where to; left out, the best that fits. */
      door: z.string().min(1).max(8).optional(),
      /** To a larger one than it has: at the door it turned out not to fit, whatever its measures say. */
      larger: field.yesNo.default(false),
      reason: Reason,
      /** If it is inside: until when it is to be carried there; left out, within the hour. */
      moveBy: InstantInput().optional(),
    }),
  ),
  problems: [...changeProblems, 'reservation_refused'],
} as const satisfies Route;

export const cancelMove = {
  ...action,
  id: 'cancel-move',
  path: '/v1/transactions/{transactionId}/cancel-move',
  summary: 'Leave it where it is, while nobody has taken it out yet',
  body: once(() => said({ reason: Reason })),
  problems: changeProblems,
} as const satisfies Route;

export const recallTransaction = {
  ...action,
  id: 'recall-transaction',
  path: '/v1/transactions/{transactionId}/recall',
  summary: 'Have staff take the item out; nobody else may open any more',
  body: once(() => said({ reason: Reason })),
  problems: changeProblems,
} as const satisfies Route;

export const completeTransaction = {
  ...action,
  id: 'complete-transaction',
  path: '/v1/transactions/{transactionId}/complete',
  summary: 'End it by hand: the renter is done, or it was handed over otherwise',
  body: once(() => said({ reason: Reason, charge: Money().optional() })),
  problems: changeProblems,
} as const satisfies Route;

export const confirmPayment = {
  ...action,
  id: 'confirm-payment',
  path: '/v1/transactions/{transactionId}/confirm-payment',
  summary: 'It is paid: the receiver may open',
  body: once(() => said({ reference: z.string().min(1).max(128).optional() })),
  problems: changeProblems,
} as const satisfies Route;

export const confirmTransaction = {
  ...action,
  id: 'confirm-transaction',
  path: '/v1/transactions/{transactionId}/confirm',
  summary: 'An approval, an identity or an age is confirmed: the receiver may open',
  body: once(() =>
    said({
      condition: Condition.exclude(['payment']),
      reference: z.string().min(1).max(128).optional(),
    }),
  ),
  problems: changeProblems,
} as const satisfies Route;

export const chargeTransaction = {
  ...action,
  id: 'charge-transaction',
  path: '/v1/transactions/{transactionId}/charge',
  summary: 'Record an amount that has to be paid besides, with who and why; also after the end',
  body: once(() => said({ ...Money().shape, reason: Reason })),
  problems: changeProblems,
} as const satisfies Route;

export const refundTransaction = {
  ...action,
  id: 'refund-transaction',
  path: '/v1/transactions/{transactionId}/refund',
  summary: 'Record that money was given back, with who and why',
  body: once(() => said({ amountMinor: field.positive.max(1_000_000_000), reason: Reason })),
  problems: changeProblems,
} as const satisfies Route;

export const disputeTransaction = {
  ...action,
  id: 'dispute-transaction',
  path: '/v1/transactions/{transactionId}/dispute',
  summary: 'Flag it: somebody says that it is not as recorded',
  body: once(() => said({ reason: Reason })),
  problems: changeProblems,
} as const satisfies Route;
