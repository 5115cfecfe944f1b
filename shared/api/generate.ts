/** Writes the documents that follow from the code; with `--check` only says which are not current. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { archiveText } from './archive-text.ts';
import { assignmentText } from './assignment-doc.ts';
import { asyncapi } from './asyncapi.ts';
import { eventsText } from './events-text.ts';
import { exportsText } from './exports-text.ts';
import { importsText } from './imports-text.ts';
import { incidentsText } from './incidents-text.ts';
import { openapi } from './openapi.ts';
import { problemDocuments } from './problems.ts';
import { reconciliationText } from './reconciliation-text.ts';
import { telling } from './telling.ts';
import { transactionsText } from './transactions-text.ts';

const words = telling();
const documents: [path: string, text: string][] = [
  ['shared/api/openapi.json', `${JSON.stringify(openapi(words), null, 2)}\n`],
  ['shared/api/asyncapi.json', `${JSON.stringify(asyncapi(words), null, 2)}\n`],
  ['docs/archive.md', archiveText()],
  ['docs/assignment.md', assignmentText()],
  ['docs/events.md', eventsText()],
  ['docs/exports.md', exportsText()],
  ['docs/imports.md', importsText()],
  ['docs/incidents.md', incidentsText()],
  ['docs/reconciliation.md', reconciliationText()],
  ['docs/transactions.md', transactionsText()],
  ...problemDocuments(),
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
  if (!process.argv.includes('--check')) {
    mkdirSync(new URL('.', file), { recursive: true });
    writeFileSync(file, text);
  } else if (read(file) !== text) {
    console.error(`${path} is not current: run \`npm run generate\``);
    process.exitCode = 1;
  }
}
