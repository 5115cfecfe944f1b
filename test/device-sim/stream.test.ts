import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { noFaults } from '../../device-sim/faults.ts';
import { stream } from '../../device-sim/pages.ts';
import type { SimulatedBank } from '../../device-sim/simulated-bank.ts';
import { presenceSeconds } from '../../shared/device/presence.ts';
import { Rig } from './rig.ts';

const Shown = z.object({ presence: z.object({ text: z.string(), code: z.string(), leftMs: z.number() }) });

/** A bank that stands still: nothing happens at it but that time passes. */
const still = (rig: Rig): SimulatedBank => {
  const nothing = async () => undefined;
  return {
    id: 'bnk_1',
    name: 'Quay',
    compartments: [],
    connected: Promise.resolve(),
    state: () => rig.state,
    openings: () => [],
    link: () => ({ online: true, ...noFaults }),
    skewMs: () => 0,
    certificateId: () => '',
    enter: async () => ({ granted: false, message: '' }),
    scan: async () => ({ message: '' }),
    door: nothing,
    power: nothing,
    tamper: nothing,
    loseDisk: nothing,
    setLink: () => undefined,
    setSkew: () => undefined,
    watch: () => () => undefined,
    stop: nothing,
  };
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('whoever looks at a panel is shown each code as it comes, though nothing else changes, and nothing once they left', () => {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  const shown: z.infer<typeof Shown>['presence'][] = [];
  vi.spyOn(response, 'write').mockImplementation((chunk: unknown) => {
    shown.push(Shown.parse(JSON.parse(String(chunk).replace('data: ', ''))).presence);
    return true;
  });
  stream(still(Rig.online()), response);
  expect(shown).toHaveLength(1);
  expect(shown[0]?.text).toBe('To open a door with your phone, enter this code there.');
  vi.advanceTimersByTime(2 * presenceSeconds * 1000);
  expect(new Set(shown.map(({ code }) => code)).size).toBe(3);
  const seen = shown.length;
  response.emit('close');
  vi.advanceTimersByTime(2 * presenceSeconds * 1000);
  expect(shown).toHaveLength(seen);
});
