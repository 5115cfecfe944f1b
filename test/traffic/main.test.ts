import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../../local/paths.ts';

const run = (...args: string[]) =>
  spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', join('traffic', 'main.ts'), ...args], {
    cwd: root,
    env: { PATH: process.env.PATH },
    encoding: 'utf8',
  });

describe('npm run sim', () => {
  it.each([
    [['--banks', '0'], 1, /at banks/],
    [['--duration', '5'], 1, /say it like 24h, 90m or 30s/],
    [['--traffic', 'calm'], 1, /the scenario calm cannot be read/],
    [['--config', 'banks.json', '--faults', 'storm'], 1, /needs --endpoint/],
    [['--endpoint', 'https://api.example'], 1, /--endpoint needs --config/],
    [
      ['--endpoint', 'https://api.example', '--config', 'banks.json'],
      1,
      /an API key of the tenant in LATCHWORK_API_KEY/,
    ],
    [['--config', 'no-such.json'], 2, /the settings cannot be read/],
  ])('refuses %j in a sentence', (args, code, says) => {
    const { status, stderr } = run(...args);
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/\bat .*:\d+:\d+/);
    expect(status).toBe(code);
  });
});
