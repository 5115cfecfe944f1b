import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { becomes } from '../support/parcel.ts';
import { eventually, newBank, newReceiver, newTenant, stack } from '../support/stack.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

/** The commands of a chapter, as they stand there. */
const commandsOf = (chapter: string): string => {
  const text = readme.split(/^## /m).find((it) => it.startsWith(`${chapter}\n`)) ?? '';
  return [...text.matchAll(/^```bash\n(.*?)^```$/gms)].map(([, commands]) => commands).join('\n');
};

it('the commands of the README work as printed', async () => {
  const tenant = await newTenant();
  const bank = await newBank(tenant, { doors: 3 });
  const receiver = await newReceiver();
  const { secret } = await tenant.api.post(
    '/v1/webhook-endpoints',
    { url: receiver.url },
    z.object({ secret: z.string() }),
  );
  receiver.verifyWith(secret);
  const system = join(stack.stateDir, `readme-${tenant.id}.json`);
  writeFileSync(
    system,
    JSON.stringify({
      apiUrl: stack.apiUrl,
      tenants: [{ apiKey: tenant.apiKey }],
      banks: [{ id: bank.id, controlUrl: bank.controlUrl }],
      webhookReceiver: { receivedUrl: receiver.receivedUrl },
    }),
  );

  const commands = commandsOf('Try it');
  expect(commands).toContain('curl');
  const { stdout } = await promisify(execFile)('bash', ['-euc', commands], {
    env: { ...process.env, SYSTEM: system },
    timeout: 40_000,
  }).catch((error: unknown) => {
    const said = z.object({ stdout: z.string(), stderr: z.string() }).parse(error);
    throw new Error(`the commands stopped after:\n${said.stdout.slice(-800)}\n${said.stderr}`);
  });

  const [id] = /txn_[0-9A-Z]{26}/.exec(stdout) ?? [];
  await becomes(tenant, z.string().parse(id), 'completed');
  expect(stdout).toContain('"type":"transaction.completed"');
  const [commandId] = /cmd_[0-9A-Z]{26}/.exec(stdout) ?? [];
  await eventually(async () => {
    const { state } = await tenant.api.get(`/v1/commands/${commandId}`, z.object({ state: z.string() }));
    expect(state).toBe('closed');
  });
});
