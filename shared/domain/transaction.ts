import * as z from 'zod';
import { Actor } from '../../events/envelope.ts';
import * as field from '../../events/fields.ts';
import { BankKey, ThermalClass } from './bank.ts';
import { Compartment } from './compartment.ts';
import { Access, Credential } from './credential.ts';
import { Link } from './link.ts';
import { ExternalSystem, Source } from './source.ts';
import { InstantText } from './time.ts';
import { Condition, Tolerance, Workflow } from './workflow.ts';

export const TransactionState = z.enum([
  'created',
  'reserved',
  'stored',
  'in_use',
  'recall_due',
  'completed',
  'cancelled',
  'expired',
  'recalled',
  'rejected',
]);
export type TransactionState = z.infer<typeof TransactionState>;

export const ends = ['completed', 'cancelled', 'expired', 'recalled', 'rejected'] as const;
export const hasEnded = (state: TransactionState): boolean => (ends as readonly string[]).includes(state);

export const Flag = z.enum([
  'held',
  'payment_pending',
  'overdue',
  'late',
  'disputed',
  'moving',
  'compartment_faulty',
  'thermal_excursion',
]);
export type Flag = z.infer<typeof Flag>;

export const RecallCause = z.enum(['pickup_deadline', 'cancelled', 'recalled', 'late_deposit']);
export type RecallCause = z.infer<typeof RecallCause>;

/** Printable, so that it can be searched for, shown and put in a URL. */
export const ExternalId = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[\x21-\x7e]+$/, 'printable ASCII without spaces');
export const ExternalIds = z
  .record(ExternalSystem, ExternalId)
  .refine((ids) => Object.keys(ids).length <= 5, 'at most 5')
  .meta({ maxProperties: 5 });

const Millimetres = field.positive.max(10_000);

export const Item = z.strictObject({
  externalId: ExternalId.optional(),
  description: z.string().max(200).optional(),
  lengthMm: Millimetres,
  widthMm: Millimetres,
  heightMm: Millimetres,
  massG: field.positive.max(1_000_000).optional(),
  thermalClass: ThermalClass.default('ambient'),
});
export type Item = z.infer<typeof Item>;

/** RFC 5321: no mail server takes more before the @. What is no address at all is told only that. */
export const EmailAddress = z
  .email({ abort: true })
  .max(254)
  .regex(/^[^@]{1,64}@/, 'at most 64 characters before the @')
  .refine((it) => !/[@.]-|-(\.|$)/.test(it.slice(it.indexOf('@'))), 'no part of its host begins or ends with a hyphen')
  .meta({ format: 'email' });

export const PhoneNumber = z.string().regex(/^\+[1-9][0-9]{6,14}$/, 'E.164, for example +41791234567');

/** A person, as far as they must be told something. */
export const Party = z.strictObject({
  name: z.string().max(120).optional(),
  phone: PhoneNumber.optional(),
  email: EmailAddress.optional(),
  locale: z
    .string()
    .regex(/^[a-z]{2}(-[A-Z]{2})?$/, 'a BCP 47 tag, for example de or de-CH')
    .optional(),
});
export type Party = z.infer<typeof Party>;

export const Metadata = z
  .record(z.string().min(1).max(40), z.string().max(500))
  .refine((it) => Object.keys(it).length <= 20, 'at most 20 entries')
  .meta({ maxProperties: 20 });

/** Those that its workflow has. */
export const Deadlines = z.object({
  reserveUntil: InstantText,
  depositBy: field.maybeMoment,
  pickupBy: field.maybeMoment,
  useUntil: field.maybeMoment,
});
export type Deadlines = z.infer<typeof Deadlines>;

const Money = { amountMinor: field.whole, currency: field.text };

/** Something to be confirmed before the receiver may open; `met` once it was. */
export const Precondition = z.object({
  condition: Condition,
  met: z.object({ at: InstantText, by: field.text, reference: field.maybeText }).optional(),
});
export type Precondition = z.infer<typeof Precondition>;

/** An amount that came later: more time, overstay, whatever else has to be paid, or given back. */
export const Charge = z.object({
  kind: z.enum(['extension', 'overstay', 'surcharge', 'refund']),
  ...Money,
  reason: field.maybeText,
  at: InstantText,
  by: field.text,
});
export type Charge = z.infer<typeof Charge>;

/**
 * An item on its way from one door to another. `planned`: it lies behind the old door, and the transaction has both.
 * `carrying`: it is in somebody's hands, and the transaction has the new one only.
 */
export const Move = z.object({
  stage: z.enum(['planned', 'carrying']),
  from: field.text,
  to: field.text,
  reason: field.text,
  /** Whose it is to bring it to an end. */
  by: Actor,
  since: InstantText,
  /** Until then it is to be done: what was not begun is called off, what was is `overdue`. */
  moveBy: InstantText,
});
export type Move = z.infer<typeof Move>;

/** Until when it waits for a door, and which deadlines it was asked with. */
export const Waiting = z.object({ until: InstantText, asked: Deadlines.partial() });
export type Waiting = z.infer<typeof Waiting>;

/** The business object. Its version is the sequence of its newest event: version 2 means two events. */
export const Transaction = z.object({
  id: field.text,
  tenant: field.text,
  workflow: Workflow,
  state: TransactionState,
  version: field.positive,
  /** Hash of the newest event: the head of its audit chain. */
  hash: field.text,
  siteId: field.text,
  bankId: field.text,
  /** Of the bank when its PINs were locked: their verifiers depend on it. */
  bankKey: BankKey,
  /** The compartment's door; null once a rejected transaction has none. It stays after the end, as where it was. */
  door: field.textOrNull,
  /** What is lent: it has the door before and after. */
  assetId: field.maybeText,
  /** What is sold out of stock: it has the door before, and again if it is not collected. */
  stockUnitId: field.maybeText,
  /** False at a simulated bank: no real door, no real goods. */
  livemode: field.yesNo.default(true),
  externalIds: z.record(field.text, field.text),
  /** What it is a part of; null once it was taken out, left out if it never was one. */
  link: Link.nullish(),
  /** The system that owns it, and the version of its record that was applied last. */
  source: Source.nullable(),
  items: z.array(Item),
  recipient: Party,
  parties: z.object({ depositor: Party.optional(), collector: Party.optional() }),
  /** Random; with it personal data is committed to in events, as a hash that can outlive the data. */
  salt: field.text,
  payment: z.object(Money).nullable(),
  /** Left out where nothing has to be confirmed. */
  preconditions: z.array(Precondition).optional(),
  charges: z.array(Charge).optional(),
  metadata: Metadata,
  deadlines: Deadlines,
  /** It gives way to a hard one when the bank is full and its first step has not begun. Left out: hard. */
  reservation: z.literal('soft').optional(),
  /** While it waits for a door: until when, and with which deadlines. Null once it has one; left out if it never waited. */
  waiting: Waiting.extend({ access: z.array(Access).optional() }).nullish(),
  /** Seconds from the deposit to `pickupBy`; null when the caller named the moment. */
  pickupWithinSeconds: field.positive.nullable(),
  /** Seconds from the start to `useUntil`; only where there is one, and the caller did not name the moment. */
  useWithinSeconds: field.positive.nullish(),
  /** How early and how late people are let in all the same, and so by how much later its deadlines end; left out: not at all. */
  tolerance: Tolerance.optional(),
  /** What is kept of the label of what is put in: its verifier at its bank. */
  label: field.maybeText,
  /** The steps at which it has to be scanned, one or both of `deposit,pickup`; left out, it is only compared where it is. */
  scanAt: field.maybeText,
  /** So long before the end of its pickup or use people are reminded of it, 0: never; left out: as its workflow says. */
  remindBeforeSeconds: field.count.optional(),
  /** Who was handed a right, by the credential they were given; those taken back as well. */
  delegates: z.record(field.text, Party).optional(),
  /** How long the renter may still open after `useUntil`. */
  overstaySeconds: field.positive.optional(),
  /** Counts the changes of its deadlines; part of every schedule's name. */
  deadlineRev: field.count,
  flags: z.array(Flag),
  holdReason: field.textOrNull,
  credentials: z.array(Credential),
  depositStartedAt: field.momentOrNull,
  depositedAt: field.momentOrNull,
  pickedUpAt: field.momentOrNull,
  /** When its use began. */
  startedAt: field.maybeMoment,
  endedAt: field.momentOrNull,
  expiredStage: z.enum(['reservation', 'deposit', 'pickup', 'use']).nullable(),
  cancelReason: field.textOrNull,
  recallCause: RecallCause.nullable(),
  rejectReason: field.textOrNull,
  /** While its item is brought to another door. Null once it was; left out if it never was. */
  move: Move.nullish(),
  /** How its compartment was chosen. */
  assignment: z.object({ policy: field.text, candidates: field.whole, reason: field.text }),
  createdAt: InstantText,
  updatedAt: InstantText,
});
export type Transaction = z.infer<typeof Transaction>;

/**
 * What its row holds besides: the compartment as this transaction's last commit left it, so that a change needs one read,
 * and while a move is planned that of the new door.
 */
export const StoredTransaction = Transaction.extend({
  compartment: Compartment.nullable(),
  target: Compartment.nullish(),
});
export type StoredTransaction = z.infer<typeof StoredTransaction>;
