import {
  ConflictException,
  IoTDataPlaneClient,
  ResourceNotFoundException,
  ThrottlingException,
} from '@aws-sdk/client-iot-data-plane';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { shadowNames } from '../../shared/device/topics.ts';
import { openShadows } from '../../shared/outside/shadows.ts';

/** Of one thing (AWS IoT Core quotas), its own requests among them. */
const quota = { perSecond: 20, inFlight: 10 };
const answerMs = 40;
const refused = { message: '', $metadata: {} };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A get has no payload, an update has one. */
const Sent = z.object({ shadowName: z.string(), payload: z.instanceof(Uint8Array).optional() });

/** A thing as AWS IoT has it: what comes in excess is refused, and what is written under another version too. */
const thing = () => {
  const documents = new Map<string, { version: number; desired: Record<string, unknown> }>();
  let taken: number[] = [];
  let inFlight = 0;
  let sentAway = 0;

  const get = (shadowName: string) => {
    const found = documents.get(shadowName);
    if (found === undefined) throw new ResourceNotFoundException(refused);
    const { version, desired } = found;
    return { payload: new TextEncoder().encode(JSON.stringify({ version, state: { desired } })) };
  };

  const update = (shadowName: string, payload: Uint8Array) => {
    const { version, state } = JSON.parse(new TextDecoder().decode(payload));
    const before = documents.get(shadowName) ?? { version: 0, desired: {} };
    if (version !== undefined && version !== before.version) throw new ConflictException(refused);
    documents.set(shadowName, { version: before.version + 1, desired: { ...before.desired, ...state.desired } });
    return {};
  };

  const client = new IoTDataPlaneClient({ region: 'us-east-1' });
  // In front of everything: nothing leaves this process.
  client.middlewareStack.add(
    () =>
      async ({ input }) => {
        taken = taken.filter((at) => at > Date.now() - 1_000);
        if (taken.length >= quota.perSecond || inFlight >= quota.inFlight) {
          sentAway += 1;
          throw new ThrottlingException(refused);
        }
        taken.push(Date.now());
        inFlight += 1;
        await new Promise((done) => setTimeout(done, answerMs));
        inFlight -= 1;
        const { shadowName, payload } = Sent.parse(input);
        const output = payload ? update(shadowName, payload) : get(shadowName);
        return { output: { ...output, $metadata: {} }, response: {} };
      },
    { step: 'initialize' },
  );

  return { client, documents, sentAway: () => sentAway };
};

it('are changed for all 120 doors that are taken within a second, by functions that know nothing of each other', async () => {
  const { client, documents, sentAway } = thing();
  const waiting = Array.from({ length: 120 }, (_, position) => position);
  /** A queue hands each message to one function at a time, and again to another if that gave up. */
  const environment = async (): Promise<void> => {
    const shadows = openShadows(client);
    for (let door = waiting.shift(); door !== undefined; door = waiting.shift()) {
      const position = door;
      try {
        await shadows.change('bnk_1', shadowNames.grants(position), () => ({ [position]: 'taken' }));
      } catch {
        waiting.push(position);
      }
    }
  };
  const all = Promise.all(Array.from({ length: 10 }, environment));
  let isOver = false;
  void all.then(() => {
    isOver = true;
  });
  let seconds = 0;
  for (; !isOver && seconds < 120; seconds += 1) await vi.advanceTimersByTimeAsync(1_000);

  expect(isOver).toBe(true);
  expect([...documents.values()].flatMap(({ desired }) => Object.keys(desired))).toHaveLength(120);
  expect(sentAway()).toBeGreaterThan(0);
});

it('stay as they are when what would be written is too large for one', async () => {
  const { client, documents } = thing();
  const shadows = openShadows(client);
  const change = shadows.change('bnk_1', 'config', () => ({ text: 'x'.repeat(8_192) }));
  await Promise.all([expect(change).rejects.toThrow('8192 are allowed'), vi.runAllTimersAsync()]);
  expect(documents.get('config')).toBeUndefined();
});
