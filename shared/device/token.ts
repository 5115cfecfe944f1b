import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { type AccessMethod, Step } from './access.ts';

/**
 * A QR or app token: 48 bytes of what it is for and 64 of an Ed25519 signature over them, base64url, so 150 letters. It
 * names nobody and nothing readable: ids stand in it as the beginnings of their SHA-256.
 *
 * | bytes | |
 * |---|---|
 * | 1 | format, 1 |
 * | 2 | version of the issuer's key |
 * | 1 | method and step |
 * | 8 · 12 · 12 | bank, transaction, credential |
 * | 8 | nonce |
 * | 4 | last second it may be used, 0: as long as the grant |
 */
export type Token = {
  keyVersion: number;
  method: 'qr' | 'app';
  step: Step;
  bank: string;
  transaction: string;
  credential: string;
  /** What is spent of an app's token: it opens once. */
  nonce: string;
  /** Seconds since 1970. */
  notAfter: number | null;
};

const format = 1;
const bodyBytes = 48;
const signatureBytes = 64;
const kinds = Step.options.flatMap((step) => [
  { method: 'qr' as const, step },
  { method: 'app' as const, step },
]);

/** How an id stands in a token. */
const tag = (id: string, bytes: number): string =>
  createHash('sha256').update(id).digest().subarray(0, bytes).toString('base64url');
export const bankTag = (id: string): string => tag(id, 8);
export const transactionTag = (id: string): string => tag(id, 12);
export const credentialTag = (id: string): string => tag(id, 12);

export const isTokenMethod = (method: AccessMethod): method is Token['method'] => method === 'qr' || method === 'app';

/** As it is shown. `nonce`: 8 bytes. */
export const signToken = (
  issuer: KeyObject,
  it: Omit<Token, 'bank' | 'transaction' | 'credential' | 'nonce'> & {
    bankId: string;
    transactionId: string;
    credentialId: string;
    nonce: Buffer;
  },
): string => {
  const head = Buffer.alloc(4);
  head.writeUInt8(format, 0);
  head.writeUInt16BE(it.keyVersion, 1);
  head.writeUInt8(
    kinds.findIndex(({ method, step }) => method === it.method && step === it.step),
    3,
  );
  const end = Buffer.alloc(4);
  end.writeUInt32BE(it.notAfter ?? 0);
  const tags = [bankTag(it.bankId), transactionTag(it.transactionId), credentialTag(it.credentialId)];
  const body = Buffer.concat([head, ...tags.map((text) => Buffer.from(text, 'base64url')), it.nonce, end]);
  return Buffer.concat([body, sign(null, body, issuer)]).toString('base64url');
};

/** The public half of an issuer's key as a bank is told it: 32 bytes, base64url. */
export const IssuerKey = once(() => z.object({ version: field.positive, key: z.base64url() }));
export type IssuerKey = z.infer<ReturnType<typeof IssuerKey>>;

/** RFC 8410: what stands before the 32 bytes of an Ed25519 public key. */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');
const publicKey = (key: string): KeyObject =>
  createPublicKey({ key: Buffer.concat([spkiPrefix, Buffer.from(key, 'base64url')]), format: 'der', type: 'spki' });

/** What a token says, if one of these keys has signed it; null for anything else that somebody shows to the scanner. */
export const readToken = (issuerKeys: readonly IssuerKey[], text: string): Token | null => {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length !== bodyBytes + signatureBytes || bytes.toString('base64url') !== text) return null;
  const body = bytes.subarray(0, bodyBytes);
  const keyVersion = body.readUInt16BE(1);
  const issuer = issuerKeys.find(({ version }) => version === keyVersion);
  const kind = kinds[body.readUInt8(3)];
  if (body.readUInt8(0) !== format || !issuer || !kind) return null;
  if (!verify(null, body, publicKey(issuer.key), bytes.subarray(bodyBytes))) return null;
  const part = (from: number, to: number): string => body.subarray(from, to).toString('base64url');
  return {
    ...kind,
    keyVersion,
    bank: part(4, 12),
    transaction: part(12, 24),
    credential: part(24, 36),
    nonce: part(36, 44),
    notAfter: body.readUInt32BE(44) || null,
  };
};
