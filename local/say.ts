// How the start-up talks: one calm line per step, with its time; what was expected to go wrong is one plain sentence.

/** A failure we foresaw. It is shown as its one sentence, without a stack trace. */
export class PlainError extends Error {}

// `npm start | head` closes our output; what is running is still to be stopped in order.
process.stdout.on('error', () => undefined);

export const say = (line = '') => process.stdout.write(`${line}\n`);

/** Runs one step and tells how long it took. `note` replaces the closing word by something worth knowing. */
export async function step<Result>(
  title: string,
  work: (note: (text: string) => void) => Promise<Result>,
): Promise<Result> {
  const startedAt = performance.now();
  let outcome = 'done';
  process.stdout.write(`  ${`${title} `.padEnd(30, '.')} `);
  try {
    const result = await work((text) => {
      outcome = text;
    });
    say(`${outcome} (${seconds(startedAt)})`);
    return result;
  } catch (error) {
    say(`failed (${seconds(startedAt)})`);
    throw error;
  }
}

export const seconds = (since: number) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

export const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** The last word of a failed script: a sentence where we foresaw it, the whole error where we did not. */
export function explain(error: unknown): string {
  if (error instanceof PlainError) return `latchwork: ${error.message}`;
  return `latchwork: this was not foreseen\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
