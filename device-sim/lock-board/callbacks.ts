import type { Callback, Code, LockState } from '#shared/vendors/lock-board/messages.ts';
import { deliveries, type Faults, noFaults } from '../faults.ts';

/** What a cloud that is not at its best does to what it tells. `blank`: share of texts that are left empty. */
export type CallbackFaults = Faults & { blank: number };

export type CallbackTarget = { url: string; apiKey: string };

export type Callbacks = ReturnType<typeof openCallbacks>;

/** States that come within so long go in one callback. */
const batchMs = 20;
const againMs = 500;

/**
 * Tells what the boards see, in batches, until it is taken: a refusal is taken too, saying it again would change nothing.
 * While it is offline it gathers.
 */
export const openCallbacks = (target: CallbackTarget, random: () => number, log: (text: string) => void) => {
  let faults: CallbackFaults = { ...noFaults, blank: 0 };
  let isOnline = true;
  let isStopped = false;
  let states: { board: string; state: LockState }[] = [];
  let codes: Code[] = [];
  let batch: NodeJS.Timeout | undefined;
  const timers = new Set<NodeJS.Timeout>();
  let underWay = 0;

  const later = (ms: number, run: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      run();
    }, ms);
    timers.add(timer);
  };

  const post = async (body: Partial<Callback>): Promise<void> => {
    try {
      const answer = await fetch(target.url, {
        method: 'POST',
        headers: { authorization: `Bearer ${target.apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      const text = await answer.text();
      if (answer.status < 500 && answer.status !== 429) {
        if (!answer.ok) log(`a callback was refused: ${text}`);
        underWay -= 1;
        return;
      }
    } catch (error) {
      log(`a callback did not arrive: ${String(error)}`);
    }
    if (!isStopped) later(againMs, () => send(body));
  };

  const send = (body: Partial<Callback>): void => {
    post(body).catch((error: unknown) => log(String(error)));
  };

  const blanked = (state: LockState): LockState => ({
    ...state,
    door: random() < faults.blank ? '' : state.door,
    goods: random() < faults.blank ? '' : state.goods,
  });

  const flush = (): void => {
    batch = undefined;
    if (!isOnline || (states.length === 0 && codes.length === 0)) return;
    const boards = Map.groupBy(states, ({ board }) => board);
    const body: Partial<Callback> = {
      ...(states.length > 0 && {
        boardStates: [...boards].map(([board, told]) => ({ board, locks: told.map(({ state }) => blanked(state)) })),
      }),
      ...(codes.length > 0 && { codes }),
    };
    states = [];
    codes = [];
    for (const ms of deliveries(faults, random)) {
      underWay += 1;
      later(ms, () => send(body));
    }
  };

  const soon = (): void => {
    batch ??= setTimeout(flush, batchMs);
  };

  return {
    state: (told: { board: string; state: LockState }): void => {
      states.push(told);
      soon();
    },
    code: (code: Code): void => {
      codes.push(code);
      soon();
    },
    /** What was not taken yet. */
    waiting: (): number => states.length + codes.length + underWay,
    faults: () => ({ online: isOnline, ...faults }),
    setFaults: ({ online, ...change }: Partial<CallbackFaults & { online: boolean }>): void => {
      faults = { ...faults, ...change };
      isOnline = online ?? isOnline;
      soon();
    },
    stop: (): void => {
      isStopped = true;
      clearTimeout(batch);
      for (const timer of timers) clearTimeout(timer);
    },
  };
};
