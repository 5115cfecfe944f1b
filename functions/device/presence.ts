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
import { type BankPresence, readPresence, savePresence } from '#shared/store/presence.ts';
import { Lost } from '#shared/store/table.ts';

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

/** Rounds of reading again because somebody else changed what was read. */
const roundsMax = 8;

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
    return presence?.version === message.unchangedSince ? waited(presence, waits, now) : null;
  };

  const change = async (message: z.infer<typeof Message>): Promise<Presence | null> => {
    for (let round = 0; ; round += 1) {
      const read: BankPresence | null = await readPresence(table, message.bankId);
      if (read === null) {
        log.warn('a client that is no bank of ours', { clientId: message.bankId });
        return null;
      }
      const decided = decide(message, read.presence);
      if (decided === null) return read.presence;
      const actor = { type: 'system' as const, id: 'presence' };
      try {
        await savePresence(table, read, decided, { actor, now: instant(clock()), newId });
        return decided.after;
      } catch (error) {
        if (!(error instanceof Lost) || round >= roundsMax) throw error;
      }
    }
  };

  return async (message: z.infer<typeof Message>): Promise<void> => {
    const presence = await change(message);
    const until = presence === null ? null : waitsUntil(presence, waits);
    // Also of what is not new: the message that waited for it may never have been sent.
    if (presence !== null && until !== null)
      await queue.send({ bankId: message.bankId, unchangedSince: presence.version }, (epochMs(until) - clock()) / 1000);
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
