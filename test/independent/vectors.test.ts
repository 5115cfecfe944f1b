import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { readToken, tags, verifierOf } from './independent-bank.ts';

/*
 * The test vectors of docs/bank-protocol.md against code that was written from its words.
 */
const document = readFileSync(join(import.meta.dirname, '../../docs/bank-protocol.md'), 'utf8');
const [, json = ''] = document.match(/<!-- generated: vectors -->\n```json\n([\s\S]*?)\n```/) ?? [];
const vectors = z
  .object({
    bankKey: z.string(),
    verifiers: z.array(z.object({ method: z.string(), value: z.string(), verifier: z.string() })).min(1),
    ids: z.object({ bankId: z.string(), transactionId: z.string(), credentialId: z.string() }),
    tags: z.object({ bank: z.string(), transaction: z.string(), credential: z.string() }),
    issuerKey: z.object({ version: z.number(), key: z.string() }),
    tokens: z
      .array(
        z.object({
          method: z.string(),
          step: z.string(),
          nonce: z.string(),
          notAfter: z.number().nullable(),
          token: z.string(),
        }),
      )
      .min(1),
    askOfToken: z.object({ tag: z.string(), verifier: z.string() }),
  })
  .parse(JSON.parse(json));
const key = Buffer.from(vectors.bankKey, 'hex');

it.each(vectors.verifiers)('has the verifier of $method $value', ({ method, value, verifier }) => {
  expect(verifierOf(key, method, value)).toBe(verifier);
});

it.each(vectors.tokens)('reads its $method token', ({ token, ...says }) => {
  expect(readToken([vectors.issuerKey], token)).toEqual({ ...says, ...vectors.tags });
  expect(readToken([{ ...vectors.issuerKey, version: 2 }], token)).toBeNull();
});

it('has the tags of its ids, and asks about a token by one of them', () => {
  const { bankId, transactionId, credentialId } = vectors.ids;
  expect(tags(bankId, transactionId, credentialId)).toEqual(vectors.tags);
  expect(vectors.askOfToken).toEqual({
    tag: vectors.tags.credential,
    verifier: verifierOf(key, 'qr', vectors.tags.credential),
  });
});
