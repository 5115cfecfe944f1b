import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './lock.ts';
import { localDir } from './paths.ts';

/** One for `npm start`, one for the tests and the bench, and what each of them was before the last change. */
const keptMost = 4;

/**
 * Brings the synthesised application to a folder. It is the same for everybody who asks for the same sources and
 * context, wherever they deploy it, and making it takes longer than deploying it: it is made once and kept.
 */
export async function bringAssembly(
  { fingerprint, to, folder = join(localDir, 'assemblies') }: { fingerprint: string; to: string; folder?: string },
  make: (folder: string) => Promise<void>,
): Promise<void> {
  const kept = join(folder, fingerprint);
  await withLock(join(folder, 'lock'), async () => {
    if (!existsSync(kept)) {
      // Whoever is killed in the middle of it leaves nothing that looks whole.
      const unfinished = join(folder, 'unfinished');
      rmSync(unfinished, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
      await make(unfinished);
      renameSync(unfinished, kept);
    }
    utimesSync(kept, new Date(), new Date());
    forgetOldest(folder);
    rmSync(to, { recursive: true, force: true });
    cpSync(kept, to, { recursive: true });
  });
}

function forgetOldest(folder: string): void {
  const byAge = readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isDirectory())
    .toSorted((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  for (const path of byAge.slice(keptMost)) rmSync(path, { recursive: true, force: true });
}
