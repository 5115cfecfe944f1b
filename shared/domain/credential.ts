import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { AccessMethod, Step } from '../device/access.ts';
import { InstantText } from './time.ts';

/**
 * `issued`: its step has not begun · `active`: opens now · `used`, `expired`, `revoked`, `superseded`: dead.
 * Extending brings `expired` back to `active`; nothing else comes back.
 */
export const CredentialState = z.enum(['issued', 'active', 'used', 'expired', 'revoked', 'superseded']);
export type CredentialState = z.infer<typeof CredentialState>;

/**
 * What a credential is for. Whoever carries an item from one door to another has two: one takes it out, as staff do, the
 * other puts it in, as a depositor does; banks know them by that.
 */
export const CredentialStep = z.enum([...Step.options, 'take_out', 'put_in']);
export type CredentialStep = z.infer<typeof CredentialStep>;

/** As what a bank knows it. */
export const stepAtDoor = {
  deposit: 'deposit',
  pickup: 'pickup',
  use: 'use',
  recall: 'recall',
  take_out: 'recall',
  put_in: 'deposit',
} as const satisfies Record<CredentialStep, Step>;

export const ofCarrier = ({ step }: Pick<Credential, 'step'>): boolean => step === 'take_out' || step === 'put_in';

/** What a caller asks of a credential. Of a value that they bring only the verifier comes this far. */
export const Access = z.object({
  step: Step,
  method: AccessMethod,
  verifier: field.maybeText,
  /** Of a badge: what it is found by again, a blind index of its tenant. */
  index: field.maybeText,
  /** Any badge of that group, in place of a single one. */
  group: field.maybeText,
  notBefore: field.maybeMoment,
  /** It ends then, however long the deadlines run. */
  notAfter: field.maybeMoment,
  uses: field.positive.optional(),
});
export type Access = z.infer<typeof Access>;

/** The right of a person to open a door. Its value is derived from these fields, or the caller's own; it is stored nowhere. */
export const Credential = z.object({
  id: field.text,
  step: CredentialStep,
  method: AccessMethod,
  state: CredentialState,
  notBefore: InstantText,
  notAfter: InstantText,
  /** An end of its own: it follows the deadlines no further than that. */
  until: field.maybeMoment,
  /** How often its step may be done with it, where that is neither once nor as often as one likes. */
  uses: field.positive.optional(),
  /** Of a value that the caller has brought: all that is kept of it, and of a badge what it is found by again. */
  verifier: field.maybeText,
  index: field.maybeText,
  /** Every badge of that group proves it. */
  group: field.maybeText,
  /** The credential whose right somebody else has been given here. */
  delegatedFrom: field.maybeText,
  /** Somebody else has its right for now. */
  suspended: z.literal(true).optional(),
  /** It was suspended because its holder handed on the right of this other one, and comes back with that. */
  suspendedWith: field.maybeText,
  /** Length of the PINs of its bank. */
  digits: z.int().min(6).max(8),
  /** Raised until the PIN is unique among the live ones of its bank. */
  attempt: field.count,
  /** Version of the root key its value is derived with; that key outlives it. */
  keyVersion: field.positive,
  /** Its value is known at its bank, and a PIN nobody else's: until the transaction ends, or it is revoked or superseded. */
  locked: field.yesNo,
  /** Version of the transaction that last changed what the bank must know of it. */
  sinceVersion: field.count,
});
export type Credential = z.infer<typeof Credential>;

/** Without what is kept of a value that a person brought: it names them wherever they show it, and is nobody else's to know. */
export const withoutBrought = <It extends Pick<Access, 'verifier' | 'index'>>({
  verifier: _,
  index: __,
  ...it
}: It): Omit<It, 'verifier' | 'index'> => it;

export const liveCredential = (credential: Credential): boolean =>
  credential.state === 'issued' || credential.state === 'active';

export const holdsLock = (credential: Credential): boolean => credential.locked;

/** These credentials, with the locks of some of them gone. */
export const unlocked = (credentials: Credential[], dropped: Credential[]): Credential[] =>
  credentials.map((it) => (dropped.some((gone) => gone.id === it.id) ? { ...it, locked: false } : it));

/**
 * PINs that can open something at one door at a time: the courier's and the recipient's, or staff's or a delegate's in
 * their place.
 */
export const livePinsPerDoor = 2;

/** Credentials that can open something at one door at a time: the grants for which a shadow has room (design.md section 5). */
export const liveCredentialsMost = 4;

/** An operator's code is typed like a PIN, but long enough to add nothing to what guessing may hope for. */
export const operatorDigits = 10;

/**
 * PIN length for a bank: 6 to 8 digits, so that doors × PINs per door × guesses per day ≤ 10^(digits − 3), a chance
 * below 1 in 1,000 of opening some door by guessing all day. Returns null when even 8 digits are too few.
 */
export const pinDigitsFor = (doors: number, guessesPerDay: number): number | null =>
  [6, 7, 8].find((digits) => doors * livePinsPerDoor * guessesPerDay <= 10 ** (digits - 3)) ?? null;
