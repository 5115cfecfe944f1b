// The one entrance of every npm script. Plain JavaScript, so that it runs on any Node from 20 on, before anything is
// installed: it installs what package-lock.json names when that has changed, then hands over to the pinned Node 24.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stop = (message) => {
  console.error(`latchwork: ${message}`);
  process.exit(1);
};

const major = Number(process.versions.node.split('.')[0]);
if (major < 20) stop(`Node ${process.versions.node} is too old: version 20 or newer is needed.`);
const [script, ...args] = process.argv.slice(2);
if (!script) stop('name the script to run, for example: node local/run.mjs local/start.ts');

const node = join(root, 'node_modules', '.bin', 'node');
const stamp = join(root, 'node_modules', '.latchwork-installed');
const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');

if (!existsSync(node) || !existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
  console.error('latchwork: installing the packages of package-lock.json (once, about half a minute) …');
  rmSync(stamp, { force: true });
  const installed = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (installed.error) stop(`npm could not be started (${installed.error.message}). Install npm, then try again.`);
  if (installed.status !== 0)
    stop('npm ci failed; its own message is above. Check the network and the package registry.');
  if (!existsSync(node))
    stop(
      'the package node@24 brought no Node for this machine; its install script may be switched off (npm config get ignore-scripts).',
    );
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, lock);
}

// The pinned Node comes first on the PATH, so that every tool started from here uses the same one.
const env = { ...process.env, PATH: [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter) };
const child = spawn(node, ['--disable-warning=ExperimentalWarning', join(root, script), ...args], {
  cwd: root,
  stdio: 'inherit',
  env,
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  // On Ctrl-C the terminal tells the child too; waiting for it here lets it clean up before the prompt returns.
  process.on(signal, () => signal !== 'SIGINT' && child.kill(signal));
}
child.on('exit', (code, signal) => process.exit(signal ? 128 + (constants.signals[signal] ?? 0) : (code ?? 1)));
