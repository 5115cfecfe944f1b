import { join } from 'node:path';

export const root = join(import.meta.dirname, '..');
/** Everything that running leaves on disk, apart from node_modules. */
export const localDir = join(root, '.local');
export const binDir = join(root, 'node_modules', '.bin');
export const systemFile = join(localDir, 'system.json');
export const testStackFile = join(localDir, 'test-stack.json');
