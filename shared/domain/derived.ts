import { createHmac, createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { isTyped, methods } from '../device/access.ts';
import { credentialTag, type IssuerKey, signToken } from '../device/token.ts';
import { verifierOf } from '../device/verifier.ts';
import type { BankKey } from './bank.ts';
import { type Credential, operatorDigits, stepAtDoor } from './credential.ts';
import type { RootKeys } from './root-key.ts';
import { epochMs, epochSecondsUp, type Instant, instant } from './time.ts';
import type { SigningKey } from './webhook.ts';

/**
 * PIN of a credential: decimal digits of an HMAC-SHA-256 over its id and attempt. 48 bits taken modulo 10^8 are biased
 * by less than one in a million, far below what the guess limits assume.
 */
export const pinOf = (rootKey: KeyObject, credential: Pick<Credential, 'id' | 'attempt' | 'digits'>): string => {
  const mac = createHmac('sha256', rootKey).update(`pin:${credential.id}:${credential.attempt}`).digest();
  return String(mac.readUIntBE(0, 6) % 10 ** credential.digits).padStart(credential.digits, '0');
};

/** The same of whatever is typed; an operator's code is longer. */
const typedOf = (rootKey: KeyObject, it: Pick<Credential, 'id' | 'method' | 'attempt' | 'digits'>): string =>
  pinOf(rootKey, it.method === 'operator' ? { ...it, digits: operatorDigits } : it);

/** RFC 8410: what stands before the 32 bytes of an Ed25519 private key. */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Parsing a key costs more than signing with it, and there is one for each version. */
const issuers = new WeakMap<KeyObject, KeyObject>();

/**
 * The key that tokens are signed with. Any 32 bytes that nobody can guess are an Ed25519 private key (RFC 8032, 5.1.5), so
 * it follows from the root key of its version: nothing more to keep, and an answer that is replayed shows the same token.
 */
const issuerOf = (rootKey: KeyObject): KeyObject => {
  const known = issuers.get(rootKey);
  if (known) return known;
  const issuer = privateKeyOf(rootKey, 'token-issuer');
  issuers.set(rootKey, issuer);
  return issuer;
};

const privateKeyOf = (rootKey: KeyObject, name: string): KeyObject => {
  const seed = createHmac('sha256', rootKey).update(name).digest();
  return createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' });
};

/** The 32 bytes by which others verify. */
const publicBytesOf = (key: KeyObject): Buffer =>
  createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);

/** The public keys that banks are told: the newest two, so that tokens of before the last change still open. */
export const issuerKeysOf = (rootKeys: RootKeys): IssuerKey[] =>
  rootKeys.versions
    .slice(0, 2)
    .map((version) => ({ version, key: publicBytesOf(issuerOf(rootKeys.of(version))).toString('base64url') }));

/** A token of an app is good for this long, or twice: the next is drawn before the last has ended. */
const appTokenSeconds = 120;

/** What a credential opens, as its value says it. */
export type Place = { bankId: string; transactionId: string };
/** Enough of a credential to derive its value. */
export type Valued = Pick<Credential, 'id' | 'method' | 'step' | 'attempt' | 'digits' | 'keyVersion'>;

const nonceOf = (rootKey: KeyObject, id: string, nth: number): Buffer =>
  createHmac('sha256', rootKey).update(`nonce:${id}:${nth}`).digest().subarray(0, 8);

/** The token that an app shows at a moment, and when it ends. */
export const appTokenOf = (
  rootKeys: RootKeys,
  { bankId, transactionId }: Place,
  { id, step, keyVersion }: Pick<Credential, 'id' | 'step' | 'keyVersion'>,
  now: Instant,
): { value: string; expiresAt: Instant } => {
  const rootKey = rootKeys.of(keyVersion);
  const nth = Math.floor(epochMs(now) / 1000 / appTokenSeconds);
  const expiresAt = instant((nth + 2) * appTokenSeconds * 1000);
  const value = signToken(issuerOf(rootKey), {
    keyVersion,
    method: 'app',
    step: stepAtDoor[step],
    bankId,
    transactionId,
    credentialId: id,
    nonce: nonceOf(rootKey, id, nth),
    notAfter: epochSecondsUp(expiresAt),
  });
  return { value, expiresAt };
};

/** What the person shows or types; null where that is the caller's own, or drawn by an app when it is needed. */
export const credentialValue = (
  rootKeys: RootKeys,
  { bankId, transactionId }: Place,
  { method, step, ...credential }: Valued,
): string | null => {
  const { id, keyVersion } = credential;
  const rootKey = rootKeys.of(keyVersion);
  if (isTyped(method)) return typedOf(rootKey, { ...credential, method });
  if (method !== 'qr') return null;
  const nonce = nonceOf(rootKey, id, 0);
  const what = { keyVersion, method, step: stepAtDoor[step], bankId, transactionId, nonce, notAfter: null };
  return signToken(issuerOf(rootKey), { ...what, credentialId: id });
};

/**
 * The key a bank's verifiers are made with: from the root key, the bank and its controller's generation, so that
 * nothing is stored per bank, and a replaced controller cannot use what the old one knew.
 */
export const bankKeyOf = (rootKeys: RootKeys, bankId: string, { generation, keyVersion }: BankKey): Buffer =>
  createHmac('sha256', rootKeys.of(keyVersion)).update(`bank-key:${bankId}:${generation}`).digest();

/** What is kept of a value that a caller brings. */
export const broughtVerifier = (
  rootKeys: RootKeys,
  { bankId, bankKey }: { bankId: string; bankKey: BankKey },
  method: Credential['method'],
  value: string,
): string => verifierOf(bankKeyOf(rootKeys, bankId, bankKey), method, value);

/**
 * Makes the verifiers of credentials at their bank; also the keys of the rows by which the bank may ask for them. A token is
 * checked by its signature; what is asked for is its credential.
 */
export const verifiersAt = (rootKeys: RootKeys, bank: { bankId: string; bankKey: BankKey }) => {
  let bankKey: KeyObject | undefined;
  return (credential: Credential): string => {
    if (credential.verifier !== undefined) return credential.verifier;
    const { id, method, keyVersion } = credential;
    const known = methods[method].value === 'token' ? credentialTag(id) : typedOf(rootKeys.of(keyVersion), credential);
    bankKey ??= createSecretKey(bankKeyOf(rootKeys, bank.bankId, bank.bankKey));
    return verifierOf(bankKey, method, known);
  };
};

/**
 * What a credential for a group has in place of the number of a badge. Nobody knows it, so nobody can put it on a card: its
 * grant opens nothing at the bank, which asks about every badge of the group.
 */
export const groupValue = (rootKeys: RootKeys, tenant: string, group: string, version = rootKeys.version): string =>
  createHmac('sha256', rootKeys.of(version)).update(`badge-group-right:${tenant}:${group}`).digest('base64url');

/** A secret shown once, for an API key or a webhook endpoint: 32 bytes, base64url. `nth` counts its rotations. */
export const secretOf = (rootKey: KeyObject, kind: 'api-key' | 'webhook', id: string, nth: number): Buffer =>
  createHmac('sha256', rootKey).update(`${kind}:${id}:${nth}`).digest();

/** The private key that webhooks of an endpoint are signed with which has no secret. */
const webhookKeyOf = (rootKey: KeyObject, id: string, nth: number): KeyObject =>
  privateKeyOf(rootKey, `webhook-key:${id}:${nth}`);

/** Its public half, as Standard Webhooks writes it. */
export const webhookPublicKeyOf = (rootKey: KeyObject, id: string, nth: number): string =>
  `whpk_${publicBytesOf(webhookKeyOf(rootKey, id, nth)).toString('base64')}`;

/** What webhooks of an endpoint are signed with. */
export const webhookSignerOf = (
  rootKeys: RootKeys,
  id: string,
  { keyVersion, nth, scheme }: SigningKey,
): Buffer | KeyObject =>
  scheme === 'ed25519'
    ? webhookKeyOf(rootKeys.of(keyVersion), id, nth)
    : secretOf(rootKeys.of(keyVersion), 'webhook', id, nth);
