import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod';
import { seeded } from '../faults.ts';
import { bodyOf, type Handler, json, listen, notFound, pathOf, Refused, rawBodyOf, read, send } from '../http.ts';
import { type Lock, openBoards } from './boards.ts';
import { type Callbacks, type CallbackTarget, openCallbacks } from './callbacks.ts';

/*
 * A vendor's cloud with lock boards, simulated: it takes unlock calls, and tells of its doors by callbacks. It knows
 * nothing of transactions, and of credentials only what is typed.
 */

const Unlock = z.object({ board: z.string(), lock: z.string(), ref: z.string().min(1).max(64) });
const Enter = z.strictObject({ method: z.literal('pin').default('pin'), value: z.string().min(1).max(64) });
const Door = z.strictObject({
  door: z.enum(['closed', 'open']).optional(),
  contents: z.enum(['filled', 'empty']).optional(),
  lock: z.enum(['ok', 'jammed']).optional(),
  force: z.boolean().optional(),
});
const share = z.number().min(0).max(1).optional();
const Link = z.strictObject({
  online: z.boolean().optional(),
  drop: share,
  duplicate: share,
  blank: share,
  delayMs: z.int().min(0).max(600_000).optional(),
  /** So many unlock calls are answered with a 500, without doing anything. */
  refuse: z.int().min(0).optional(),
  /** So many are carried out, and their answers get lost. */
  silent: z.int().min(0).optional(),
});

export type LockBoardSettings = {
  host?: string;
  port?: number;
  /** By door. */
  locks: Readonly<Record<string, Lock>>;
  /** False: what is inside is not known. */
  contentsSensor?: boolean;
  seed?: number;
};

/** Who it works for: where it tells, and the secret that unlock calls are signed with. */
export type Customer = CallbackTarget & { secret: string };

export type LockBoardCloud = {
  /** Takes unlock calls. */
  unlockUrl: string;
  /** Takes what people do at the doors, like the control of other simulated banks. */
  controlUrl: string;
  serve(customer: Customer): void;
  stop(): Promise<void>;
};

/** How long somebody who typed a code looks at the doors: one asked for within 10 s opens within 10 s, or not any more. */
const patienceMs = 21_000;
const messages = { idle: 'Enter your code.', wait: 'Please wait.', opened: 'is open.', nothing: 'Nothing opened.' };

/** Standard Webhooks: signed by whoever has the secret, within five minutes. */
const isSigned = ({ headers }: IncomingMessage, body: string, secret: string): boolean => {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = headers;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > 300) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const expected = `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  const given = String(signature);
  return given.length === expected.length && timingSafeEqual(Buffer.from(given), Buffer.from(expected));
};

export const startLockBoardCloud = async (
  settings: LockBoardSettings,
  log: (text: string) => void = () => undefined,
): Promise<LockBoardCloud> => {
  const { host = '127.0.0.1', port = 0, locks, contentsSensor = true, seed = 1 } = settings;
  let customer: Customer | undefined;
  let callbacks: Callbacks | undefined;
  let message = messages.idle;
  let faulty = { refuse: 0, silent: 0 };
  let typing: Promise<unknown> = Promise.resolve();
  let clock = 0;

  const tell = (door: string): void => {
    const told = boards.told(door);
    if (told) callbacks?.state(told);
  };
  const boards = openBoards(locks, contentsSensor, tell);

  const unlock: Handler = async (request, response) => {
    const text = await rawBodyOf(request);
    if (customer && !isSigned(request, text, customer.secret))
      throw new Refused({ status: 401, code: 'unauthorized', detail: 'the call is not signed by the customer' });
    if (faulty.refuse > 0) {
      faulty.refuse -= 1;
      throw new Refused({ status: 500, code: 'internal', detail: 'the board is restarting' });
    }
    const result = boards.unlock(read(Unlock, JSON.parse(text)));
    if (result === null) throw notFound('there is no such lock');
    if (faulty.silent > 0) {
      faulty.silent -= 1;
      response.destroy();
    } else send(response, 200, json, { result });
  };

  /** A code is typed, and a door opens, or none does: more is not seen at such a terminal. */
  const enter = async (value: string) => {
    const before = boards.openings().length;
    // Two codes are never typed in the same millisecond.
    clock = Math.max(clock + 1, Date.now());
    callbacks?.code({ terminal: '1', code: value, ts: String(clock) });
    message = messages.wait;
    for (const giveUpAt = Date.now() + patienceMs; Date.now() < giveUpAt; await pause(20)) {
      const opened = boards
        .openings()
        .slice(before)
        .find(({ ref }) => ref !== null);
      if (opened === undefined) continue;
      message = `${opened.door} ${messages.opened}`;
      return { granted: true, door: opened.door, message };
    }
    message = messages.nothing;
    return { granted: false, message };
  };

  const state = () => ({
    online: customer !== undefined && callbacks?.faults().online === true,
    power: true,
    doors: Object.fromEntries(
      Object.entries(boards.doors()).map(([door, { inside, ...it }]) => [door, { ...it, contents: inside, inside }]),
    ),
    message,
    journal: { unacknowledged: callbacks?.waiting() ?? 0 },
    link: callbacks?.faults(),
  });

  const actions: Record<string, (body: unknown, door: string) => Promise<unknown>> = {
    'GET /': async () => state(),
    'GET /openings': async () => ({ openings: boards.openings() }),
    'POST /enter': (body) => {
      const { value } = read(Enter, body);
      const turn = typing.then(() => enter(value));
      typing = turn.catch(() => undefined);
      return turn;
    },
    'POST /doors/*': async (body, door) => {
      if (!Object.hasOwn(locks, door)) throw notFound(`these boards have no door ${door}`);
      const impossible = boards.handle(door, read(Door, body));
      if (impossible) throw new Refused({ status: 409, code: 'impossible', detail: impossible });
      return state().doors[door];
    },
    'POST /link': async (body) => {
      const { refuse = faulty.refuse, silent = faulty.silent, ...link } = read(Link, body);
      faulty = { refuse, silent };
      callbacks?.setFaults(JSON.parse(JSON.stringify(link)));
      return { ...callbacks?.faults(), ...faulty };
    },
    /** All doors as they are now, as such clouds tell from time to time. */
    'POST /snapshot': async () => {
      for (const door of Object.keys(locks)) tell(door);
      return state();
    },
  };

  const server = await listen(
    { host, port },
    async (request, response) => {
      const [root, noun, door = ''] = pathOf(request);
      if (root === 'unlock' && request.method === 'POST') return unlock(request, response);
      if (root !== 'control') throw notFound('there are /unlock and /control');
      const path = noun === 'doors' && door !== '' ? '/doors/*' : `/${noun ?? ''}`;
      const action = actions[`${request.method} ${path}`];
      if (!action) throw notFound(`no ${request.method} ${path} here; there are ${Object.keys(actions).join(', ')}`);
      send(response, 200, json, await action(await bodyOf(request), door));
    },
    log,
  );
  return {
    unlockUrl: `${server.url}/unlock`,
    controlUrl: `${server.url}/control`,
    serve: (it) => {
      customer = it;
      callbacks = openCallbacks(it, seeded(seed), log);
      for (const door of Object.keys(locks)) tell(door);
    },
    stop: async () => {
      callbacks?.stop();
      await server.stop();
    },
  };
};
