/** Writes openapi.json from the routes; with `--check` only says whether it is current. */
import { readFileSync, writeFileSync } from 'node:fs';
import { openapi } from './openapi.ts';

const file = new URL('./openapi.json', import.meta.url);
const text = `${JSON.stringify(openapi(), null, 2)}\n`;

if (process.argv.includes('--check')) {
  let current = '';
  try {
    current = readFileSync(file, 'utf8');
  } catch {
    // Missing is as outdated as different.
  }
  if (current !== text) {
    console.error('shared/api/openapi.json is not current: run `node shared/api/generate.ts`');
    process.exit(1);
  }
} else writeFileSync(file, text);
