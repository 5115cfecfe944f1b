import { Refusal } from '../domain/refusal.ts';
import { Lost } from '../store/table.ts';

/** How often a change is decided because somebody else was faster. */
const attemptsMax = 8;

/**
 * Reads, decides and writes, and does all of it anew where another change came between. Throws `Refusal('busy')` with the
 * reason in `busy` when others are always faster; that the idempotency key was taken meanwhile is for whoever asked.
 */
export const decidedAnew = async <Result>(busy: string, decide: () => Promise<Result>): Promise<Result> => {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    try {
      return await decide();
    } catch (error) {
      if (!(error instanceof Lost) || error.to('idempotency')) throw error;
    }
  }
  throw new Refusal('busy', busy, { retryAfterSeconds: 1 });
};
