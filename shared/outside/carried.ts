/**
 * What became of a message that was handed to a channel. `refused`: it takes none for this address. `unavailable`: it takes
 * none of ours. `failed`: it may take it later. `error` is the name of what went wrong; its text may hold the address.
 */
export type Carried =
  | { outcome: 'sent'; error: null }
  | { outcome: 'refused' | 'unavailable' | 'failed'; error: string };

/** Whatever a channel has no name for here passes: it is throttled or out, or cannot be reached. */
export const carriedBy = async (
  answers: Record<'refused' | 'unavailable', readonly string[]>,
  send: () => Promise<unknown>,
): Promise<Carried> => {
  try {
    await send();
    return { outcome: 'sent', error: null };
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown.name : 'unknown';
    if (answers.refused.includes(error)) return { outcome: 'refused', error };
    return { outcome: answers.unavailable.includes(error) ? 'unavailable' : 'failed', error };
  }
};
