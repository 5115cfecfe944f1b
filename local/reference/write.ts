/** npm run reference: writes the reference of the API and its events as static files, ready to be served from anywhere. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { localDir } from '../paths.ts';
import { say } from '../say.ts';
import { referenceFiles } from './documents.ts';

const folder = join(localDir, 'reference');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const files = referenceFiles();
for (const [name, text] of files) writeFileSync(join(folder, name), text);
say(`${files.size} files in ${folder}; begin with index.html.`);
