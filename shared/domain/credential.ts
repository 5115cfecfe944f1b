import { createHmac, type KeyObject } from 'node:crypto';
import * as z from 'zod';
import { AccessMethod, Step } from '../device/shadow.ts';
import { verifierOf } from '../device/verifier.ts';
import type { BankKey } from './bank.ts';
import type { RootKeys } from './root-key.ts';
import { InstantText } from './time.ts';

/**
 * `issued`: its step has not begun · `active`: opens now · `used`, `expired`, `revoked`, `superseded`: dead.
 * Extending brings `expired` back to `active`; nothing else comes back.
 */
export const CredentialState = z.enum(['issued', 'active', 'used', 'expired', 'revoked', 'superseded']);
export type CredentialState = z.infer<typeof CredentialState>;

/** The right of a person to open a door. Its value is derived from these fields, and stored nowhere. */
export const Credential = z.object({
  id: z.string(),
  step: Step,
  method: AccessMethod,
  state: CredentialState,
  notBefore: InstantText,
  notAfter: InstantText,
  digits: z.int().min(6).max(8),
  /** Raised until the PIN is unique among the live ones of its bank. */
  attempt: z.int().nonnegative(),
  /** Version of the root key its value is derived with; that key outlives it. */
  keyVersion: z.int().positive(),
  /** Its PIN is reserved at its bank: until the transaction ends, or it is revoked or superseded. */
  locked: z.boolean(),
  /** Version of the transaction that last changed what the bank must know of it. */
  sinceVersion: z.int().nonnegative(),
});
export type Credential = z.infer<typeof Credential>;

export const liveCredential = (credential: Credential): boolean =>
  credential.state === 'issued' || credential.state === 'active';

export const holdsLock = (credential: Credential): boolean => credential.locked;

/** These credentials, with the locks of some of them gone. */
export const unlocked = (credentials: Credential[], dropped: Credential[]): Credential[] =>
  credentials.map((it) => (dropped.some((gone) => gone.id === it.id) ? { ...it, locked: false } : it));

/**
 * PIN of a credential: decimal digits of an HMAC-SHA-256 over its id and attempt. 48 bits taken modulo 10^8 are biased
 * by less than one in a million, far below what the guess limits assume.
 */
export const pinOf = (rootKey: KeyObject, credential: Pick<Credential, 'id' | 'attempt' | 'digits'>): string => {
  const mac = createHmac('sha256', rootKey).update(`pin:${credential.id}:${credential.attempt}`).digest();
  return String(mac.readUIntBE(0, 6) % 10 ** credential.digits).padStart(credential.digits, '0');
};

/**
 * The key a bank's verifiers are made with: from the root key, the bank and its controller's generation, so that
 * nothing is stored per bank, and a replaced controller cannot use what the old one knew.
 */
export const bankKeyOf = (rootKeys: RootKeys, bankId: string, { generation, keyVersion }: BankKey): Buffer =>
  createHmac('sha256', rootKeys.of(keyVersion)).update(`bank-key:${bankId}:${generation}`).digest();

/** A credential's verifier at its bank; also the key of its PIN lock there. */
export const credentialVerifier = (
  rootKeys: RootKeys,
  bank: { bankId: string; bankKey: BankKey },
  credential: Credential,
): string =>
  verifierOf(
    bankKeyOf(rootKeys, bank.bankId, bank.bankKey),
    credential.method,
    pinOf(rootKeys.of(credential.keyVersion), credential),
  );

/** A secret shown once, for an API key or a webhook endpoint: 32 bytes, base64url. `nth` counts its rotations. */
export const secretOf = (rootKey: KeyObject, kind: 'api-key' | 'webhook', id: string, nth: number): Buffer =>
  createHmac('sha256', rootKey).update(`${kind}:${id}:${nth}`).digest();

/** PINs that can open something at one door at a time: the courier's and the recipient's, or staff's in their place. */
export const livePinsPerDoor = 2;

/**
 * PIN length for a bank: 6 to 8 digits, so that doors × PINs per door × guesses per day ≤ 10^(digits − 3), a chance
 * below 1 in 1,000 of opening some door by guessing all day. Returns null when even 8 digits are too few.
 */
export const pinDigitsFor = (doors: number, guessesPerDay: number): number | null =>
  [6, 7, 8].find((digits) => doors * livePinsPerDoor * guessesPerDay <= 10 ** (digits - 3)) ?? null;
