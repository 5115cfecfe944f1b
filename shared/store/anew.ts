import { Refusal } from '../domain/refusal.ts';
import { Lost } from './table.ts';

/** How often something is decided because somebody else was faster. */
const roundsMost = 8;

/** For what no one else can do in their place, and where whoever is overtaken knows that another got on. */
export const withoutEnd = Number.POSITIVE_INFINITY;

/**
 * Reads, decides and writes, and does all of it anew where another write came between. Throws the last loss when others are
 * always faster; that an idempotency key was taken meanwhile is for whoever asked.
 */
export const anew = async <Result>(decide: () => Promise<Result>, rounds = roundsMost): Promise<Result> => {
  for (let round = 1; ; round += 1) {
    try {
      return await decide();
    } catch (error) {
      if (!(error instanceof Lost) || error.to('idempotency') || round >= rounds) throw error;
    }
  }
};

/** The same for a caller, who is told by `Refusal('busy')`, with the reason in `busy`, that others are always faster. */
export const decidedAnew = <Result>(busy: string, decide: () => Promise<Result>): Promise<Result> =>
  anew(decide).catch((error: unknown) => {
    if (!(error instanceof Lost) || error.to('idempotency')) throw error;
    throw new Refusal('busy', busy, { retryAfterSeconds: 1 });
  });
