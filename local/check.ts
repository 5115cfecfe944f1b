import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { brokenImportRules } from './import-rules.ts';
import { binDir, root } from './paths.ts';
import { messageOf, say, seconds } from './say.ts';

/** npm run check: everything that can be said about the sources without running them. */
const checks: { what: string; find: () => Promise<string> }[] = [
  { what: 'Format and lint', find: () => complaints(join(binDir, 'biome'), ['check', '--error-on-warnings', '.']) },
  { what: 'Types', find: () => complaints(join(binDir, 'tsc'), ['-p', '.']) },
  // In a browser there are other globals than in Node.
  {
    what: 'Types of the panel of a bank',
    find: () => complaints(join(binDir, 'tsc'), ['-p', join('device-sim', 'page')]),
  },
  { what: 'Who may import whom', find: async () => (await brokenImportRules()).join('\n') },
  {
    what: 'Generated documents are current',
    find: () => complaints(process.execPath, ['shared/api/generate.ts', '--check']),
  },
  {
    what: 'The bank protocol is current',
    find: () => complaints(process.execPath, ['local/bank-protocol.ts', '--check']),
  },
  { what: 'The client is current', find: () => complaints(process.execPath, ['client/generate.ts', '--check']) },
];

// All at once: each is one process of its own.
const running = checks.map(({ what, find }) => {
  const startedAt = performance.now();
  return { what, found: find().catch(messageOf), took: () => seconds(startedAt) };
});
let failed = 0;
for (const { what, found, took } of running) {
  const complaint = await found;
  say(`${complaint === '' ? '✓' : '✗'} ${what} (${took()})`);
  if (complaint === '') continue;
  failed++;
  say(complaint.trimEnd().replace(/^/gm, '    '));
}
process.exitCode = failed > 0 ? 1 : 0;

/** What a tool says when it is not content; nothing when it is. */
async function complaints(file: string, args: readonly string[]): Promise<string> {
  const child = spawn(file, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const code = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [out, err, status] = await Promise.all([text(child.stdout), text(child.stderr), code]);
  return status === 0 ? '' : `${out}${err}`.trim() || `it ended with ${status}`;
}
