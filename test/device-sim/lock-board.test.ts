import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type LockBoardCloud, startLockBoardCloud } from '../../device-sim/lock-board/cloud.ts';
import { signatureHeaders } from '../../shared/domain/webhook-signature.ts';
import { Callback, type LockState } from '../../shared/vendors/lock-board/messages.ts';

const key = Buffer.from('s'.repeat(32));
const secret = `whsec_${key.toString('base64')}`;
const locks = { '1': { board: '0A', lock: '1E' }, '2': { board: '0B', lock: '1F' } };
const undo: (() => Promise<unknown>)[] = [];
afterEach(() => Promise.all(undo.splice(0).map((it) => it())));

/** A customer that hears callbacks, and answers as it is told. */
const customer = async () => {
  const heard: Callback[] = [];
  const statuses: number[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const status = statuses.shift() ?? 202;
    if (status < 300) heard.push(Callback().parse(JSON.parse(text)));
    response.writeHead(status).end('{}');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  undo.push(async () => server.close());
  const { port } = server.address() as AddressInfo;
  return { heard, statuses, target: { url: `http://127.0.0.1:${port}/`, apiKey: 'lw_live_x', secret } };
};

const world = async () => {
  const { heard, statuses, target } = await customer();
  const cloud = await startLockBoardCloud({ locks });
  undo.push(() => cloud.stop());
  cloud.serve(target);
  const states = (): LockState[] => heard.flatMap(({ boardStates }) => boardStates.flatMap((it) => it.locks));
  await expect.poll(() => states().length).toBe(2);
  heard.splice(0);
  return { cloud, heard, statuses, states, ...hands(cloud) };
};

const hands = ({ controlUrl, unlockUrl }: LockBoardCloud) => ({
  post: async (path: string, body: unknown) => {
    const answer = await fetch(`${controlUrl}${path}`, { method: 'POST', body: JSON.stringify(body) });
    return { status: answer.status, body: await answer.json() };
  },
  unlock: async (ref: string, lock: object = locks['1'], by = key) => {
    const body = JSON.stringify({ ...lock, ref });
    const headers = signatureHeaders([by], { id: ref, body, now: new Date().toISOString() });
    const answer = await fetch(unlockUrl, { method: 'POST', headers, body });
    return [answer.status, await answer.json()];
  },
});

describe('a simulated cloud of lock boards', () => {
  it('tells of all its doors at first, board by board', async () => {
    const { heard, target } = await customer();
    const cloud = await startLockBoardCloud({ locks, contentsSensor: false });
    undo.push(() => cloud.stop());
    cloud.serve(target);
    await expect.poll(() => heard).toHaveLength(1);
    const closed = { door: 'closed', goods: '', ts: expect.stringMatching(/^\d{13}$/) };
    expect(heard[0]?.boardStates).toEqual([
      { board: '0A', locks: [{ lock: '1E', ...closed }] },
      { board: '0B', locks: [{ lock: '1F', ...closed }] },
    ]);
  });

  it('opens once for a ref, and for nobody whose call is not signed', async () => {
    const { unlock, states, post } = await world();
    expect(await unlock('cmd_1', locks['1'], Buffer.from('another'))).toMatchObject([401, {}]);
    expect(await unlock('cmd_1')).toEqual([200, { result: 'ok' }]);
    await expect.poll(states).toMatchObject([{ lock: '1E', door: 'open' }]);
    await post('/doors/1', { door: 'closed' });
    expect(await unlock('cmd_1')).toEqual([200, { result: 'ok' }]);
    await expect.poll(states).toMatchObject([{ door: 'open' }, { door: 'closed' }]);
    expect(await unlock('cmd_2', { board: '0A', lock: '99' })).toMatchObject([404, {}]);
  });

  it('says that a lock is jammed, or its door open', async () => {
    const { unlock, post } = await world();
    await post('/doors/1', { lock: 'jammed' });
    expect(await unlock('cmd_1')).toEqual([200, { result: 'jammed' }]);
    await post('/doors/2', { force: true });
    expect(await unlock('cmd_2', locks['2'])).toEqual([200, { result: 'busy' }]);
  });

  it('lets nothing pass a closed door', async () => {
    const { post } = await world();
    expect(await post('/doors/1', { contents: 'filled' })).toMatchObject({ status: 409 });
    expect(await post('/doors/1', { door: 'open' })).toMatchObject({ status: 409 });
    expect(await post('/doors/3', { door: 'open' })).toMatchObject({ status: 404 });
  });

  it('tells again what was not taken, and gathers while it is offline', async () => {
    const { post, statuses, states } = await world();
    statuses.push(503);
    await post('/doors/1', { force: true });
    await expect.poll(states).toHaveLength(1);
    await post('/link', { online: false });
    await post('/doors/1', { contents: 'filled', door: 'closed' });
    await new Promise((later) => setTimeout(later, 60));
    expect(states()).toHaveLength(1);
    await post('/link', { online: true });
    await expect.poll(states).toMatchObject([{ door: 'open' }, { goods: '1' }, { door: 'closed' }]);
    const times = states().map(({ ts }) => Number(ts));
    expect(new Set(times).size).toBe(times.length);
  });

  it('repeats, loses and leaves empty as it is told to', async () => {
    const { post, states, heard } = await world();
    await post('/link', { duplicate: 1, blank: 1 });
    await post('/snapshot', {});
    await expect.poll(states).toHaveLength(4);
    expect(states().every(({ door, goods }) => door === '' && goods === '')).toBe(true);
    await post('/link', { duplicate: 0, blank: 0, drop: 1 });
    await post('/snapshot', {});
    await new Promise((later) => setTimeout(later, 60));
    expect(heard).toHaveLength(2);
  });

  it('tells what is typed, and sees whether a door opens', async () => {
    const { post, unlock, heard } = await world();
    const entered = post('/enter', { value: '483920' });
    await expect.poll(() => heard.flatMap(({ codes }) => codes)).toMatchObject([{ terminal: '1', code: '483920' }]);
    await unlock('cmd_1');
    expect(await entered).toMatchObject({ body: { granted: true, door: '1' } });
  });
});
