import {
  ConflictException,
  GetThingShadowCommand,
  IoTDataPlaneClient,
  ResourceNotFoundException,
  ThrottlingException,
  UpdateThingShadowCommand,
} from '@aws-sdk/client-iot-data-plane';
import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { shadowBytesMax } from '../device/topics.ts';

const Document = z.object({
  version: field.count,
  state: z
    .object({
      desired: z.record(field.text, z.unknown()).default({}),
      reported: z.record(field.text, z.unknown()).default({}),
    })
    .prefault({}),
});

type Desired = Record<string, unknown>;

/** Changes to `desired` by key; null removes a key. Nested objects merge, as AWS merges them. */
export type Patch = Record<string, unknown>;

const isObject = (it: unknown): it is Desired => typeof it === 'object' && it !== null && !Array.isArray(it);

/**
 * The patch after which it says this and nothing else. A shadow keeps what a patch leaves out, at every depth: what is to
 * go has to be named.
 */
export const replacing = (shown: unknown, wanted: Desired): Patch => {
  const before = isObject(shown) ? shown : {};
  const gone = Object.keys(before).filter((name) => wanted[name] === undefined);
  return {
    ...Object.fromEntries(gone.map((name) => [name, null])),
    ...Object.fromEntries(
      Object.entries(wanted).map(([name, value]) => [name, isObject(value) ? replacing(before[name], value) : value]),
    ),
  };
};

export type Shadows = {
  /**
   * Reads the shadow, asks what to change, and writes under the version read; starts over when somebody else was
   * faster. `decide` may read our own state, which is then newer than the shadow's; null changes nothing.
   */
  change: (
    bankId: string,
    name: string,
    decide: (desired: Desired) => Promise<Patch | null> | Patch | null,
  ) => Promise<void>;
};

/**
 * Rivals for a document part after a few rounds. AWS takes 20 requests a second and 10 in flight for one thing, its own
 * among them: who is sent away makes room for the others. Who has waited that often goes back to the queue.
 */
const roundsMax = 12;
const waitsMs = [
  [ConflictException, 50],
  [ThrottlingException, 200],
] as const;

const merged = (desired: Desired, patch: Patch): Desired => {
  const after = { ...desired };
  for (const [name, value] of Object.entries(patch)) {
    const before = after[name];
    if (value === null) delete after[name];
    else after[name] = isObject(value) && isObject(before) ? merged(before, value) : value;
  }
  return after;
};

/** Looks at most: each but the first, because something changed within milliseconds. */
const looksMost = 8;

/**
 * Makes a shadow say what is true now, by `decide`, which reads that and says what is to be changed. What it has written it
 * looks at once more: whoever looked between that look and that write found nothing to change, wrote nothing, and so
 * was overlooked.
 */
export const keepTrue = async (
  shadows: Shadows,
  bankId: string,
  name: string,
  decide: (desired: Desired) => Promise<Patch | null>,
): Promise<void> => {
  for (let look = 0; look < looksMost; look += 1) {
    const left: Desired[] = [];
    await shadows.change(bankId, name, async (desired) => {
      const patch = await decide(desired);
      left.splice(0, 1, ...(patch === null ? [] : [merged(desired, patch)]));
      return patch;
    });
    const [written] = left;
    if (written === undefined || (await decide(written)) === null) return;
  }
  throw new Error(`what shadow ${name} of ${bankId} has to say changes all the time`);
};

export const openShadows = (client = new IoTDataPlaneClient()): Shadows => {
  const read = async (bankId: string, name: string) => {
    try {
      const { payload } = await client.send(new GetThingShadowCommand({ thingName: bankId, shadowName: name }));
      return Document.parse(JSON.parse(new TextDecoder().decode(payload)));
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return null;
      throw error;
    }
  };

  const update = (bankId: string, name: string, state: { desired: Patch }, version?: number) =>
    client.send(
      new UpdateThingShadowCommand({
        thingName: bankId,
        shadowName: name,
        payload: new TextEncoder().encode(JSON.stringify({ state, ...(version === undefined ? {} : { version }) })),
      }),
    );

  /** One round; false if it has to be read again. */
  const changeOnce: (...args: Parameters<Shadows['change']>) => Promise<boolean> = async (bankId, name, decide) => {
    const document = await read(bankId, name);
    const desired = document?.state.desired ?? {};
    const patch = await decide(desired);
    if (patch === null) return true;
    const bytes = Buffer.byteLength(
      JSON.stringify({ desired: merged(desired, patch), reported: document?.state.reported ?? {} }),
    );
    if (bytes > shadowBytesMax)
      throw new Error(`shadow ${name} of ${bankId} would have ${bytes} bytes, ${shadowBytesMax} are allowed`);
    // What does not exist has no version to write under, and two that write first would overlook each other: it is made
    // empty, which changes nothing for anybody, and read again.
    await update(bankId, name, { desired: document === null ? {} : patch }, document?.version);
    return document !== null;
  };

  return {
    change: async (bankId, name, decide) => {
      for (let round = 0; round < roundsMax; round += 1) {
        try {
          if (await changeOnce(bankId, name, decide)) return;
        } catch (error) {
          const waitMs = waitsMs.find(([what]) => error instanceof what)?.[1];
          if (waitMs === undefined) throw error;
          await new Promise((done) => setTimeout(done, Math.random() * waitMs * (round + 1)));
        }
      }
      throw new Error(`shadow ${name} of ${bankId} is being changed by others all the time`);
    },
  };
};
