/** Writes schema.ts from the OpenAPI document; with `--check` only says whether it is current. */
import { readFileSync, writeFileSync } from 'node:fs';
import openapiTS, { astToString, COMMENT_HEADER, type OpenAPI3 } from 'openapi-typescript';

const document: OpenAPI3 = JSON.parse(
  readFileSync(new URL('../shared/api/openapi.json', import.meta.url), 'utf8'),
  // They would be comments, twice as long as the types.
  (name, value) => (name === 'example' || name === 'examples' ? undefined : value),
);

// The client draws a key where the caller gives none.
const key = document.components?.parameters?.['Idempotency-Key'];
if (key === undefined || '$ref' in key) throw new Error('the document names no Idempotency-Key');
key.required = false;

// What has a default need not be sent; of what is sent the document says itself that it is always there.
const options = { alphabetize: true, defaultNonNullable: false };
const text = `${COMMENT_HEADER}${astToString(await openapiTS(document, options))}`;
const file = new URL('schema.ts', import.meta.url);

if (!process.argv.includes('--check')) writeFileSync(file, text);
else if (readFileSync(file, 'utf8') !== text) {
  console.error('client/schema.ts is not current: run `npm run generate`');
  process.exitCode = 1;
}
