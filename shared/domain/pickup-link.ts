import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import type { Credential } from './credential.ts';
import type { RootKeys } from './root-key.ts';

/** Whose page a link opens: that of whoever holds this credential. */
export type PickupPlace = { tenant: string; transactionId: string };

const versionBytes = 2;
const tagBytes = 6;
/** Nobody tries 2^96 links over HTTP. */
const macBytes = 12;

/** How a credential stands in a link: among the few of a transaction that is enough. */
export const pickupTag = (credentialId: string): string =>
  Buffer.from(hash('sha256', credentialId), 'hex').subarray(0, tagBytes).toString('base64url');

const macOf = (rootKeys: RootKeys, version: number, { tenant, transactionId }: PickupPlace, head: Buffer): Buffer =>
  createHmac('sha256', rootKeys.of(version))
    .update(`pickup-link:${tenant}:${transactionId}:`)
    .update(head)
    .digest()
    .subarray(0, macBytes);

/**
 * What stands in a link, 79 letters: tenant and transaction, so that they are found by one read, and base64url of the version
 * of the root key (2 bytes), the beginning of the credential's SHA-256 (6) and an HMAC-SHA-256 over it all (12). It follows
 * from the credential, so it is stored nowhere and can be told again; of the person it says nothing.
 */
export const pickupToken = (
  rootKeys: RootKeys,
  place: PickupPlace,
  { id, keyVersion }: Pick<Credential, 'id' | 'keyVersion'>,
): string => {
  const head = Buffer.alloc(versionBytes + tagBytes);
  head.writeUInt16BE(keyVersion, 0);
  head.write(pickupTag(id), versionBytes, 'base64url');
  const end = Buffer.concat([head, macOf(rootKeys, keyVersion, place, head)]).toString('base64url');
  return `${place.tenant.slice(4)}${place.transactionId.slice(4)}${end}`;
};

const tokenPattern = /^([0-9A-HJKMNP-TV-Z]{26})([0-9A-HJKMNP-TV-Z]{26})([A-Za-z0-9_-]{27})$/;

/** Whose page it is; null for whatever we have not signed. Takes as long for any that looks like one. */
export const readPickupToken = (rootKeys: RootKeys, text: string): (PickupPlace & { tag: string }) | null => {
  const [, tenant, transaction, end] = tokenPattern.exec(text) ?? [];
  if (tenant === undefined || transaction === undefined || end === undefined) return null;
  const bytes = Buffer.from(end, 'base64url');
  const head = bytes.subarray(0, versionBytes + tagBytes);
  const version = head.readUInt16BE(0);
  const place = { tenant: `ten_${tenant}`, transactionId: `txn_${transaction}` };
  const isKnown = rootKeys.find(version) !== undefined;
  const mac = macOf(rootKeys, isKnown ? version : rootKeys.version, place, head);
  if (!timingSafeEqual(mac, bytes.subarray(versionBytes + tagBytes)) || !isKnown) return null;
  return { ...place, tag: head.subarray(versionBytes).toString('base64url') };
};

/** Staff who act outside the plan, and those who carry an item from door to door, act by their codes alone. */
export const hasPickupPage = ({ step, method }: Pick<Credential, 'step' | 'method'>): boolean =>
  (step === 'deposit' || step === 'pickup' || step === 'use') && method !== 'operator';

/** The link to the page of whoever holds a credential. `publicUrl`: of the API, without a slash at its end. */
export const pickupLink = (
  rootKeys: RootKeys,
  publicUrl: string,
  place: PickupPlace,
  credential: Pick<Credential, 'id' | 'keyVersion'>,
): string => `${publicUrl}/p/${pickupToken(rootKeys, place, credential)}`;
