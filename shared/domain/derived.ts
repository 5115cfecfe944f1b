import { createHmac, type KeyObject } from 'node:crypto';
import { verifierOf } from '../device/verifier.ts';
import type { BankKey } from './bank.ts';
import type { Credential } from './credential.ts';
import type { RootKeys } from './root-key.ts';

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
