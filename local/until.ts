import { setTimeout as pause } from 'node:timers/promises';
import { messageOf, PlainError } from './say.ts';

/** Asks again and again until there is an answer, and says what was missing when the time is over. */
export async function until<Answer>(
  what: string,
  ask: () => Promise<Answer | undefined | false>,
  { withinMs = 20_000, everyMs = 100, signal }: { withinMs?: number; everyMs?: number; signal?: AbortSignal } = {},
): Promise<Answer> {
  const giveUpAt = Date.now() + withinMs;
  let lastError: unknown;
  for (;;) {
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
    await pause(everyMs, undefined, signal ? { signal } : {});
  }
}
