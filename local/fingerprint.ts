import { createHash } from 'node:crypto';
import { globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const sources = [
  '{infra,functions,shared,events}/**/*',
  // What is set right afterwards is part of what is deployed.
  'local/{deploy,repairs}.ts',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'cdk.json',
];

/** Changes when what would be deployed may change: the sources of the stack, and whatever else it is made with. */
export function fingerprint(root: string, madeWith: unknown): string {
  const hash = createHash('sha256').update(JSON.stringify(madeWith));
  const files = sources.flatMap((pattern) => globSync(pattern, { cwd: root })).sort();
  for (const file of files) {
    const path = join(root, file);
    if (!statSync(path).isFile()) continue;
    hash.update(`\0${file}\0`).update(readFileSync(path));
  }
  return hash.digest('hex');
}
