import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import { mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { csrFor, newPrivateKey } from './csr.ts';
import { readText } from './store.ts';

/** What a controller proves with that it is the one: certificate and key, in PEM, and the rotation that they came by. */
const Proof = z.object({ cert: z.string(), key: z.string(), rotation: z.string().nullable() });
export type Proof = z.infer<typeof Proof>;

/** Kept apart from the disk of the journal, as in the secure element of a real controller. */
const Kept = z.object({
  bankId: z.string(),
  /** What it was given first; given something else, it forgets what came of that. */
  given: z.object({ cert: z.string(), key: z.string() }),
  current: Proof,
  /** On its way: the certificate comes after the key, and the old one stays until the cloud has seen the new one. */
  next: Proof.extend({ cert: z.string().nullable() }).nullable(),
});
type Kept = z.infer<typeof Kept>;

export type Identity = {
  bankId: string;
  /** What to connect with. In turns, while there are two: a new one that is refused must not end the bank. */
  proof(attempt: number): Proof;
  /** Asks for a certificate for a key of its own; asked again for the same rotation, with the same key. */
  request(rotation: string): Promise<string>;
  /** Whether it has come for that key. */
  accept(rotation: string, cert: string): Promise<boolean>;
  /** The cloud has seen the new one: the old one goes. */
  settle(): Promise<void>;
  /** As AWS IoT names the one in use. */
  certificateId(): string;
};

/** Of its DER, SHA-256. */
const idOf = (cert: string): string =>
  createHash('sha256')
    .update(Buffer.from(cert.replaceAll(/-----[^-]+-----/g, ''), 'base64'))
    .digest('hex');

const isFor = (cert: string, key: string): boolean => new X509Certificate(cert).publicKey.equals(createPublicKey(key));

const fileIn = (folder: string): string => join(folder, 'controller.json');

export const readIdentity = async (folder: string): Promise<Identity | null> => {
  const text = await readText(fileIn(folder));
  return text === null ? null : keep(folder, Kept.parse(JSON.parse(text)));
};

/** What was made of this certificate so far, or this one. */
export const openIdentity = async (
  folder: string,
  given: { bankId: string; cert: string; key: string },
): Promise<Identity> => {
  const { bankId, cert, key } = given;
  const text = await readText(fileIn(folder));
  const known = text === null ? null : Kept.parse(JSON.parse(text));
  if (known?.given.cert === cert) return keep(folder, known);
  const fresh: Kept = { bankId, given: { cert, key }, current: { cert, key, rotation: null }, next: null };
  await save(folder, fresh);
  return keep(folder, fresh);
};

const save = async (folder: string, kept: Kept): Promise<void> => {
  await mkdir(folder, { recursive: true });
  const draft = `${fileIn(folder)}.new`;
  const file = await open(draft, 'w', 0o600);
  await file.writeFile(JSON.stringify(kept));
  await file.sync();
  await file.close();
  await rename(draft, fileIn(folder));
};

const keep = (folder: string, from: Kept): Identity => {
  let kept = from;
  const change = async (set: Partial<Kept>): Promise<void> => {
    kept = { ...kept, ...set };
    await save(folder, kept);
  };
  const ready = ({ next }: Kept): Proof | null => (next && next.cert !== null ? { ...next, cert: next.cert } : null);
  return {
    bankId: kept.bankId,
    proof: (attempt) => {
      const next = ready(kept);
      return next !== null && attempt % 2 === 0 ? next : kept.current;
    },
    request: async (rotation) => {
      if (kept.next?.rotation !== rotation) await change({ next: { rotation, key: newPrivateKey(), cert: null } });
      return csrFor(kept.next?.key ?? '', kept.bankId);
    },
    accept: async (rotation, cert) => {
      const { next } = kept;
      if (next?.rotation !== rotation || !isFor(cert, next.key)) return false;
      await change({ next: { ...next, cert } });
      return true;
    },
    settle: async () => {
      const next = ready(kept);
      if (next !== null) await change({ current: next, next: null });
    },
    certificateId: () => idOf((ready(kept) ?? kept.current).cert),
  };
};
