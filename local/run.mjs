// The one entrance of every npm script. Plain JavaScript, so that it runs on any Node from 20 on, before anything is
// installed: it installs what package-lock.json names where that is missing, then hands over to the pinned Node 24.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const startedAt = Date.now();
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const node = join(root, 'node_modules', '.bin', 'node');
const stop = (message) => {
  console.error(`latchwork: ${message}`);
  process.exit(1);
};

const major = Number(process.versions.node.split('.')[0]);
if (major < 20) stop(`Node ${process.versions.node} is too old: version 20 or newer is needed.`);
const [script, ...args] = process.argv.slice(2);
if (!script) stop('name the script to run, for example: node local/run.mjs local/start.ts');

if (!isInstalled()) {
  const release = takeTurn();
  try {
    if (!isInstalled()) install();
  } finally {
    release();
  }
}
handOver();

// npm writes down what it installed when it is done. That is compared, not a mark of our own: somebody who has run
// `npm install` by hand is not made to wait.
function isInstalled() {
  if (!existsSync(node)) return false;
  const wanted = packagesOf(join(root, 'package-lock.json'));
  const present = packagesOf(join(root, 'node_modules', '.package-lock.json'));
  return Object.entries(wanted).every(
    // Optional ones are for other machines.
    ([path, it]) => path === '' || it.optional || it.devOptional || present[path]?.version === it.version,
  );
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
  } catch {
    return {};
  }
}

function install() {
  console.error('latchwork: installing the packages of package-lock.json (once, about half a minute) …');
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (npm.error) stop(`npm could not be started (${npm.error.message}). Install npm, then try again.`);
  if (npm.signal || npm.status === 130) process.exit(130);
  if (npm.status !== 0) stop('npm ci failed; its own message is above. Check the network and the package registry.');
  if (!existsSync(node)) {
    stop(
      'the package node brought no Node for this machine: its install script did not run (npm config get ignore-scripts).',
    );
  }
}

// Two scripts of one fresh clone may start at the same time, and `npm ci` begins by deleting what the other installs.
function takeTurn() {
  const file = join(root, '.local', 'install.lock');
  mkdirSync(dirname(file), { recursive: true });
  for (let told = false; ; told = true) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      const release = () => rmSync(file, { force: true });
      process.on('exit', release);
      return release;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (!isAlive(file)) rmSync(file, { force: true });
    else if (!told)
      console.error('latchwork: another script of this clone is installing the packages; waiting for it …');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
  }
}

function isAlive(file) {
  try {
    process.kill(Number(readFileSync(file, 'utf8')) || process.pid, 0);
    return true;
  } catch {
    return false;
  }
}

function handOver() {
  // The pinned Node comes first on the PATH, so that every tool started from here uses the same one; before it only
  // the npx that bundling does not have to wait for.
  const path = [join(root, 'local', 'bin'), join(root, 'node_modules', '.bin'), process.env.PATH];
  const env = { ...process.env, PATH: path.join(delimiter), LATCHWORK_STARTED_AT: String(startedAt) };
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', join(root, script), ...args], {
    cwd: root,
    stdio: 'inherit',
    env,
  });
  const signals = ['SIGINT', 'SIGTERM', ...(process.stdout.isTTY ? ['SIGHUP'] : [])];
  let asked = false;
  for (const signal of signals) {
    // Waiting for the child lets it clean up before the prompt returns. At Ctrl-C the terminal tells it by itself.
    process.on(signal, () => {
      if (signal === 'SIGINT' && process.stdin.isTTY) return;
      asked = true;
      child.kill(signal);
    });
  }
  // Who was told already is cleaning up: being told again would cut that off.
  followNpm(() => asked || child.kill('SIGTERM'));
  child.on('exit', (code, signal) => process.exit(signal ? 128 + (constants.signals[signal] ?? 0) : (code ?? 1)));
}

// npm killed hard, or the shell between it and us ended by a signal that was meant for us, must not leave us behind.
function followNpm(end) {
  if (!process.env.npm_lifecycle_event) return;
  const shell = process.ppid;
  const { command, parent } = told(shell);
  const npm = /(^|\/)-?[a-z]*sh$/.test(command) ? parent : shell;
  const isThere = () => {
    try {
      return process.ppid === shell && process.kill(npm, 0);
    } catch {
      return false;
    }
  };
  setInterval(() => isThere() || end(), 500).unref();
}

function told(pid) {
  if (process.platform === 'linux') {
    // pid (command) state parent …; a slim image has no `ps`.
    const [, command, parent] = /^\d+ \((.*)\) \S+ (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    return { command, parent: Number(parent) };
  }
  const text = execFileSync('ps', ['-o', 'ppid=,comm=', '-p', String(pid)])
    .toString()
    .trim();
  const [parent, command] = text.split(/\s+/, 2);
  return { command, parent: Number(parent) };
}
