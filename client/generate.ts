/** Writes schema.ts from the OpenAPI document; with `--check` only says whether it is current. */
import { readFileSync, writeFileSync } from 'node:fs';
import openapiTS, { astToString, COMMENT_HEADER, type OpenAPI3 } from 'openapi-typescript';

const document: OpenAPI3 = JSON.parse(
  readFileSync(new URL('../shared/api/openapi.json', import.meta.url), 'utf8'),
  // They would be comments, twice as long as the types.
  (name, value) => (name === 'example' || name === 'examples' ? undefined : value),
);

// The client draws a key where the caller gives none.
for (const operations of Object.values(document.paths ?? {}))
  for (const operation of Object.values(operations))
    for (const parameter of operation?.parameters ?? [])
      if (parameter.name === 'Idempotency-Key') parameter.required = false;

const text = `${COMMENT_HEADER}${astToString(await openapiTS(document, { alphabetize: true }))}`;
const file = new URL('schema.ts', import.meta.url);

if (!process.argv.includes('--check')) writeFileSync(file, text);
else if (readFileSync(file, 'utf8') !== text) {
  console.error('client/schema.ts is not current: run `npm run generate`');
  process.exitCode = 1;
}
