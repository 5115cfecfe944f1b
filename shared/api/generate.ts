/** Writes the documents that follow from the code; with `--check` only says which are not current. */
import { readFileSync, writeFileSync } from 'node:fs';
import { openapi } from './openapi.ts';
import { problemsText } from './problems.ts';
import { transactionsText } from './transactions-text.ts';

const documents: [path: string, text: string][] = [
  ['shared/api/openapi.json', `${JSON.stringify(openapi(), null, 2)}\n`],
  ['docs/transactions.md', transactionsText()],
  ['docs/problems.md', problemsText()],
];

const read = (file: URL): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // Missing is as outdated as different.
    return '';
  }
};

for (const [path, text] of documents) {
  const file = new URL(`../../${path}`, import.meta.url);
  if (!process.argv.includes('--check')) writeFileSync(file, text);
  else if (read(file) !== text) {
    console.error(`${path} is not current: run \`node shared/api/generate.ts\``);
    process.exitCode = 1;
  }
}
