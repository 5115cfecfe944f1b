import * as z from 'zod';
import * as field from '#events/fields.ts';
import {
  heard,
  type Presence,
  type PresenceNews,
  type PresenceWaits,
  waited,
  waitsUntil,
} from '#shared/domain/connectivity.ts';
import { epochMs, instant } from '#shared/domain/time.ts';
import { consumer } from '#shared/lambda/consumer.ts';
import type { HttpDeps } from '#shared/lambda/endpoint.ts';
import { env } from '#shared/lambda/env.ts';
import { log } from '#shared/lambda/log.ts';
import { liveTable } from '#shared/live.ts';
import { openQueue, type Queue } from '#shared/outside/queues.ts';
import { anew } from '#shared/store/anew.ts';
import { readPresence, savePresence } from '#shared/store/presence.ts';

/** What the IoT rule puts into the queue, in the words of AWS IoT's lifecycle events. */
const LifecycleMessage = z.object({
  bankId: field.text,
  eventType: z.enum(['connected', 'disconnected']),
  timestamp: field.count,
  versionNumber: field.count,
  sessionIdentifier: field.text,
  disconnectReason: field.maybeText,
});

/** To ourselves, a little later: is it still as it was at that version? */
const WaitMessage = z.object({ bankId: field.text, unchangedSince: field.count });

const Message = z.union([WaitMessage, LifecycleMessage]);

export type PresenceDeps = Omit<HttpDeps, 'rootKeys'> & { queue: Queue; waits: PresenceWaits };

const newsOf = (it: z.infer<typeof LifecycleMessage>): PresenceNews => ({
  up: it.eventType === 'connected',
  at: it.timestamp,
  versionNumber: it.versionNumber,
  sessionIdentifier: it.sessionIdentifier,
  reason: it.disconnectReason ?? '',
});

/**
 * Whether banks are there. That a connection broke is only written down; what is made of it is decided after a wait, by
 * what is known then, so that a bank that comes and goes is told of once.
 */
export const presenceConsumer = ({ table, queue, clock, newId, waits }: PresenceDeps) => {
  const decide = (message: z.infer<typeof Message>, presence: Presence | null) => {
    const now = instant(clock());
    if (!('unchangedSince' in message)) return heard(presence, newsOf(message), waits, now);
    if (message.unchangedSince > (presence?.version ?? 0)) throw new Error('what it waits for is not saved yet');
    return presence?.version === message.unchangedSince ? waited(presence, waits, now) : null;
  };

  /**
   * Asked for before what it waits for is saved, so that nothing is saved that nobody comes back to. One that comes for
   * something older finds nothing to do, and asks for nothing: so a bank that flaps does not gather them.
   */
  const wait = async (bankId: string, presence: Presence): Promise<void> => {
    const until = waitsUntil(presence, waits);
    if (until === null) return;
    await queue.send({ bankId, unchangedSince: presence.version }, (epochMs(until) - clock()) / 1000);
  };

  return async (message: z.infer<typeof Message>): Promise<void> => {
    const { bankId } = message;
    await anew(async () => {
      const read = await readPresence(table, bankId);
      if (read === null) return log.warn('a client that is no bank of ours', { clientId: bankId });
      const decided = decide(message, read.presence);
      if (decided === null) {
        const isEarly = 'unchangedSince' in message && message.unchangedSince === read.presence?.version;
        return isEarly && read.presence !== null ? wait(bankId, read.presence) : undefined;
      }
      await wait(bankId, decided.after);
      const actor = { type: 'system' as const, id: 'presence' };
      await savePresence(table, read, decided, { actor, now: instant(clock()), newId });
    });
  };
};

/** As the stack gives them: `suspect,offline,steady`. */
const waitsFrom = (text: string): PresenceWaits => {
  const [suspectSeconds = Number.NaN, offlineSeconds = Number.NaN, steadySeconds = Number.NaN] = text
    .split(',')
    .map(Number);
  return { suspectSeconds, offlineSeconds, steadySeconds };
};

export const handler = consumer(Message, () =>
  presenceConsumer({
    ...liveTable(),
    queue: openQueue(env('PRESENCE_QUEUE_URL')),
    waits: waitsFrom(env('CONNECTIVITY_WAITS_SECONDS')),
  }),
);
