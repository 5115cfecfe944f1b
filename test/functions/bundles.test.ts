import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { deployedBundles } from '../../bench/bundles.ts';
import { stack } from '../support/stack.ts';

const run = promisify(execFile);

/** Outside of the repository, whose packages would stand in for what a bundle lacks; on Lambda nothing does. */
const elsewhere = mkdtempSync(join(tmpdir(), 'latchwork-bundles-'));
afterAll(() => rmSync(elsewhere, { recursive: true }));

describe('a function as it is deployed', () => {
  it.each(deployedBundles(stack))('starts with nothing but its bundle: $name', async ({ name, file }) => {
    const alone = join(elsewhere, `${name.replaceAll('/', '-')}-${basename(file)}`);
    copyFileSync(file, alone);
    const { stdout } = await run(
      process.execPath,
      ['--input-type=module', '--eval', 'console.log(typeof (await import(process.argv[1])).handler)', alone],
      { env: { AWS_REGION: 'us-east-1' } },
    );
    expect(stdout.trim()).toBe('function');
  });
});
