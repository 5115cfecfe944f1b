import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { Made } from '../../local/api-client.ts';
import { bankIdentity } from '../../local/bank-identity.ts';
import { writeJson } from '../../local/json-file.ts';
import { root } from '../../local/paths.ts';
import { newTenant, ordinaryDoors, stack } from '../support/stack.ts';

/*
 * A simulated day as an integrator plays it, against a system that is only known by its address, a key and a file of
 * banks. CI is content with an hour at one bank in which, by its
 * seed, four workflows, two wrong codes, a bad line and a power cut fall; a whole day at ten runs with
 *   LATCHWORK_FULL=1 npm test -- test/journeys/sim-day.test.ts
 */
const full = process.env.LATCHWORK_FULL === '1';
const size = full ? { banks: 10, duration: '24h', speed: '120' } : { banks: 1, duration: '1h', speed: '600' };

describe(`npm run sim, ${size.duration} at ${size.banks} banks`, { timeout: full ? 1_800_000 : 120_000 }, () => {
  it('plays rush and storm to their end, and prints what happened', async () => {
    const tenant = await newTenant();
    const layout = ordinaryDoors(12);
    const { id: siteId } = await tenant.api.post('/v1/sites', { name: 'A street', timeZone: 'Europe/Zurich' }, Made);
    const banks = [];
    for (let nth = 1; nth <= size.banks; nth += 1) {
      const name = `Bank ${nth}`;
      const { id } = await tenant.api.post('/v1/banks', { siteId, name, layout, simulated: true }, Made);
      banks.push({ id, name, ...(await bankIdentity(stack, stack.outputs, stack.stateDir, id)), doors: layout });
    }
    const stateDir = join(stack.stateDir, 'sim-day');
    const config = join(stateDir, 'banks.json');
    writeJson(config, { mqtt: stack.mqtt, stateDir, banks });

    const wish = { endpoint: stack.apiUrl, config, traffic: 'rush', faults: 'storm', seed: '1228', ...size };
    const args = Object.entries(wish).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'traffic/main.ts', ...args], {
      cwd: root,
      env: { PATH: process.env.PATH, LATCHWORK_API_KEY: tenant.apiKey },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [said, complained, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);

    expect(`${complained}${code === 0 ? '' : said}`).toBe('');
    const all =
      said
        .match(/^ {2}all +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)$/m)
        ?.slice(1)
        .map(Number) ?? [];
    const [begun = 0, completed = 0, cancelled = 0, recalled = 0, refused = 0, unfinished = -1] = all;
    expect(begun).toBeGreaterThan(0);
    expect(completed).toBeGreaterThan(0);
    expect(completed + cancelled + recalled + refused).toBe(begun);
    expect(unfinished).toBe(0);
    expect(said).toMatch(/^ {2}create → at the bank +\d+ +\d+ +\d+ +\d+$/m);
    expect(said).toMatch(/^ {2}Door cycles +[1-9]/m);
  });
});
