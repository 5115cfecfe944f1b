import { setTimeout as pause } from 'node:timers/promises';
import { messageOf, PlainError } from './say.ts';

type Patience = {
  withinMs?: number;
  everyMs?: number;
  /** What takes long is looked at less and less often, down to once in so long. */
  mostMs?: number;
  signal?: AbortSignal;
};

/** Asks again and again until there is an answer, and says what was missing when the time is over. */
export async function until<Answer>(
  what: string,
  ask: () => Promise<Answer | undefined | false>,
  { withinMs = 20_000, everyMs = 100, mostMs = everyMs, signal }: Patience = {},
): Promise<Answer> {
  const giveUpAt = Date.now() + withinMs;
  let lastError: unknown;
  for (let waitMs = everyMs; ; waitMs = Math.min(waitMs * 1.3, mostMs)) {
    signal?.throwIfAborted();
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (Date.now() > giveUpAt) {
      const last = lastError === undefined ? '' : `; the last try said: ${messageOf(lastError)}`;
      throw new PlainError(`waited ${withinMs / 1000} s in vain until ${what}${last}`, { cause: lastError });
    }
    await pause(waitMs, undefined, signal ? { signal } : {});
  }
}
