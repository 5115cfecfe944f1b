import type { IncomingMessage, ServerResponse } from 'node:http';
import * as z from 'zod';
import { AccessMethod } from '#shared/device/access.ts';
import { Contents, LockState } from '#shared/device/door.ts';
import { bodyOf, type Handler, isForeign, json, listen, notFound, pathOf, Refused, read, send } from './http.ts';
import { asksForPage, listPage, pageAt, sendPage, stream } from './pages.ts';
import type { SimulatedBank } from './simulated-bank.ts';
import { grantsView, journalView, layoutView, stateView } from './view.ts';

/*
 * The hands at a simulated bank: HTTP on loopback, JSON in and out (design.md section 9). It drives the world around the
 * controller, the keypad and the wires; it cannot reach into the controller.
 */

const Enter = z.strictObject({ method: AccessMethod, value: z.string().min(1).max(256) });
const Scan = z.strictObject({ value: z.string().min(1).max(256) });
const Door = z.strictObject({
  door: z.enum(['closed', 'ajar', 'open']).optional(),
  contents: Contents.optional(),
  lock: LockState.optional(),
  temperatureC: z.number().min(-100).max(200).optional(),
  force: z.boolean().optional(),
  late: z.boolean().optional(),
});
const Link = z.strictObject({
  online: z.boolean().optional(),
  drop: z.number().min(0).max(1).optional(),
  duplicate: z.number().min(0).max(1).optional(),
  delayMs: z.int().min(0).max(600_000).optional(),
});
const Power = z.strictObject({ on: z.boolean() });
const Clock = z.strictObject({ skewMs: z.int() });
const Tamper = z.strictObject({ opened: z.literal(true) });
const Disk = z.strictObject({ lost: z.literal(true) });

type Action = (bank: SimulatedBank, body: unknown, door: string) => Promise<unknown>;

const actions: Record<string, Action> = {
  'GET /': async (bank) => stateView(bank),
  'GET /journal': async (bank) => journalView(bank),
  'GET /grants': async (bank) => grantsView(bank),
  'GET /layout': async (bank) => layoutView(bank),
  'POST /enter': (bank, body) => {
    const { method, value } = read(Enter, body);
    return oneAtATime(bank, () => bank.enter(method, value));
  },
  'POST /scan': (bank, body) => {
    const { value } = read(Scan, body);
    return oneAtATime(bank, () => bank.scan(value));
  },
  'POST /doors/*': async (bank, body, door) => {
    if (!bank.state().layout.doors.includes(door)) throw notFound(`this bank has no door ${door}`);
    const impossible = await bank.door(door, read(Door, body));
    if (impossible) throw new Refused({ status: 409, code: 'impossible', detail: impossible });
    return stateView(bank).doors[door];
  },
  'POST /link': async (bank, body) => {
    bank.setLink(read(Link, body));
    return bank.link();
  },
  'POST /power': async (bank, body) => {
    const { on } = read(Power, body);
    await bank.power(on);
    return { on };
  },
  'POST /tamper': async (bank, body) => {
    read(Tamper, body);
    await bank.tamper();
    return stateView(bank).journal;
  },
  'POST /disk': async (bank, body) => {
    read(Disk, body);
    await bank.loseDisk();
    return stateView(bank).journal;
  },
  'POST /clock': async (bank, body) => {
    const { skewMs } = read(Clock, body);
    bank.setSkew(skewMs);
    return { skewMs };
  },
};

const queues = new WeakMap<SimulatedBank, Promise<unknown>>();

/** There is one panel, and one person stands in front of it: the next waits until the last was answered. */
const oneAtATime = <T>(bank: SimulatedBank, run: () => Promise<T>): Promise<T> => {
  const turn = (queues.get(bank) ?? Promise.resolve()).then(run);
  queues.set(
    bank,
    turn.catch(() => undefined),
  );
  return turn;
};

const handlerFor =
  (banks: Map<string, SimulatedBank>, urlOf: (id: string) => string): Handler =>
  async (request, response) => {
    if (isForeign(request)) {
      throw new Refused({ status: 403, code: 'forbidden', detail: 'this is for pages of the simulator itself' });
    }
    const [root, id, ...rest] = pathOf(request);
    if (root === undefined) {
      const list = [...banks.values()].map((bank) => listed(bank, urlOf));
      return asksForPage(request) ? sendPage(response, listPage(list)) : send(response, 200, json, { banks: list });
    }
    const bank = root === 'banks' && id !== undefined ? banks.get(id) : undefined;
    if (!bank) throw notFound('no such bank; GET / lists them');
    if (request.method === 'GET') {
      if (rest.length === 0 && asksForPage(request))
        return redirect(response, `${new URL(urlOf(bank.id)).pathname}/panel`);
      if (rest.join('/') === 'events') return stream(bank, response);
      const page = await pageAt(rest);
      if (page) return sendPage(response, page);
    }
    send(response, 200, json, await act(bank, request, rest));
  };

const act = async (bank: SimulatedBank, request: IncomingMessage, rest: readonly string[]): Promise<unknown> => {
  const [noun = '', door = ''] = rest;
  const path = noun === 'doors' && rest.length === 2 ? '/doors/*' : `/${rest.join('/')}`;
  const action = actions[`${request.method} ${path}`];
  if (!action) throw notFound(`no ${request.method} ${path} here; there are ${Object.keys(actions).join(', ')}`);
  return action(bank, await bodyOf(request), door);
};

const listed = ({ id, name, state }: SimulatedBank, urlOf: (id: string) => string) => ({
  id,
  name,
  doors: state().layout.doors.length,
  controlUrl: urlOf(id),
});

const redirect = (response: ServerResponse, location: string): void => {
  response.writeHead(303, { location, vary: 'accept' }).end();
};

export type Control = { url: string; urlOf(bankId: string): string; stop(): Promise<void> };

export const startControl = async (
  { host, port }: { host: string; port: number },
  banks: Map<string, SimulatedBank>,
  log: (text: string) => void,
): Promise<Control> => {
  let url = '';
  const urlOf = (id: string) => `${url}/banks/${encodeURIComponent(id)}`;
  const server = await listen({ host, port }, handlerFor(banks, urlOf), log);
  url = server.url;
  return { url, urlOf, stop: server.stop };
};
