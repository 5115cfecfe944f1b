import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { bringAssembly } from '../../local/assembly.ts';

let dir: string;
let made: string[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'latchwork-'));
  made = [];
});
afterEach(() => rmSync(dir, { recursive: true }));

const bring = async (fingerprint: string, name: string): Promise<string> => {
  const to = join(dir, name);
  await bringAssembly({ fingerprint, to, folder: join(dir, 'assemblies') }, async (folder) => {
    made.push(fingerprint);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'template.json'), fingerprint);
  });
  return readFileSync(join(to, 'template.json'), 'utf8');
};

it('is made once for the same sources, also when two want it at the same time', async () => {
  expect(await Promise.all([bring('a', 'first'), bring('a', 'second')])).toEqual(['a', 'a']);
  expect(await bring('a', 'third')).toBe('a');
  expect(made).toEqual(['a']);
});

it('is made anew when the sources are others, and replaces what lay there', async () => {
  await bring('a', 'here');
  writeFileSync(join(dir, 'here', 'left-over.json'), '');
  expect(await bring('b', 'here')).toBe('b');
  expect(existsSync(join(dir, 'here', 'left-over.json'))).toBe(false);
});

it('is not there when making it ended in the middle', async () => {
  const broken = bringAssembly(
    { fingerprint: 'a', to: join(dir, 'x'), folder: join(dir, 'assemblies') },
    async (to) => {
      mkdirSync(to, { recursive: true });
      writeFileSync(join(to, 'half.json'), '');
      throw new Error('esbuild gave up');
    },
  );
  await expect(broken).rejects.toThrow('esbuild gave up');
  expect(existsSync(join(dir, 'x'))).toBe(false);
  await bring('a', 'x');
  expect(existsSync(join(dir, 'x', 'half.json'))).toBe(false);
});

it('is forgotten when four others were used since', async () => {
  for (const fingerprint of ['a', 'b', 'a', 'c', 'd', 'e']) await bring(fingerprint, 'x');
  await bring('a', 'x');
  await bring('b', 'x');
  expect(made).toEqual(['a', 'b', 'c', 'd', 'e', 'b']);
});
