import { explain, messageOf, say } from './say.ts';

type Undo = (end: { failed: boolean }) => void | Promise<void>;

export type Lifetime = {
  /** Aborted as soon as somebody wants the script to end. */
  signal: AbortSignal;
  /** Done at the end, however it comes; the last registered first. It is told whether the end is a failure. */
  atEnd: (undo: Undo) => void;
  /** Resolves never; the script ends when it is interrupted, and from here on that is its good end. */
  untilInterrupted: () => Promise<never>;
};

class Interruption extends Error {
  readonly signal: keyof typeof exitCodes;
  constructor(signal: keyof typeof exitCodes) {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }
}

const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Runs a script that starts things: what it registered is undone at its end, at Ctrl-C and at every failure. */
export async function lifetime(work: (life: Lifetime) => Promise<number>): Promise<never> {
  const undo: Undo[] = [];
  const abort = new AbortController();
  const interrupted = new Promise<never>((_, reject) => {
    abort.signal.addEventListener('abort', () => reject(abort.signal.reason));
  });
  interrupted.catch(() => undefined);
  listen(abort);

  let isUp = false;
  const untilInterrupted = () => {
    isUp = true;
    return interrupted;
  };
  let code: number;
  try {
    code = await Promise.race([
      work({ signal: abort.signal, atEnd: (step) => undo.push(step), untilInterrupted }),
      interrupted,
    ]);
  } catch (error) {
    const stopped = abort.signal.reason;
    if (stopped instanceof Interruption) {
      code = isUp ? 0 : exitCodes[stopped.signal];
    } else {
      code = 1;
      process.stderr.write(`\n${explain(error)}\n`);
    }
    abort.abort(error);
  }
  for (const step of undo.reverse()) {
    try {
      await step({ failed: code === 1 });
    } catch (error) {
      code ||= 1;
      process.stderr.write(`latchwork: not everything could be stopped: ${messageOf(error)}\n`);
    }
  }
  process.exit(code);
}

/**
 * One Ctrl-C can arrive several times: from the terminal, and again from npm. Only what comes clearly later means that
 * somebody no longer wants to wait; the engine saves and stops by itself even then.
 */
function listen(abort: AbortController): void {
  let first: number | undefined;
  const end = (signal: keyof typeof exitCodes) => {
    if (first === undefined) {
      first = Date.now();
      say('\nStopping …');
      abort.abort(new Interruption(signal));
    } else if (Date.now() - first > 1_500) {
      process.exit(exitCodes[signal]);
    }
  };
  process.on('SIGINT', () => end('SIGINT'));
  process.on('SIGTERM', () => end('SIGTERM'));
  // A handler would undo `nohup`; without a terminal nothing can hang up anyway.
  if (process.stdout.isTTY) process.on('SIGHUP', () => end('SIGHUP'));
  // Whoever started us (local/run.mjs) may have been killed hard and could not pass anything on.
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && first === undefined && end('SIGTERM'), 500).unref();
}
