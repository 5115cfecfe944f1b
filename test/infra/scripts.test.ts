import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

/** As on a machine that has never seen AWS. */
const run = (script: string, ...args: string[]) => {
  const env = { PATH: process.env.PATH, HOME: join(tmpdir(), 'nobody-lives-here') };
  return spawnSync(join(root, 'node_modules', '.bin', 'node'), [join(root, script), ...args], {
    env,
    encoding: 'utf8',
  });
};

describe('npm run deploy', () => {
  it('says what is missing, and what works without it, when there are no credentials', () => {
    const { status, stderr } = run('infra/deploy.ts', '--stage', 'prod');
    expect(status).toBe(1);
    expect(stderr).toMatch(/no AWS credentials found, so stage prod cannot be deployed/);
    expect(stderr).toMatch(/npm start .* npm run synth/s);
  });

  it.each([
    [['--stage', 'local'], /no stage 'local' here; choose --stage dev or --stage prod/],
    [['--stag', 'dev'], /Unknown option '--stag'/],
  ])('refuses %j in a sentence', (args, message) => {
    const { status, stderr } = run('infra/deploy.ts', ...args);
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\bat .*:\d+:\d+/);
  });
});
