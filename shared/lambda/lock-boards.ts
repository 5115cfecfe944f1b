import type { Queue } from '../outside/queues.ts';
import { decidedAnew } from '../store/anew.ts';
import { type FoundLockBoard, lockBoardWrite, readLockBoard } from '../store/lock-boards.ts';
import { type Key, Lost, type Table } from '../store/table.ts';
import type { Memory } from '../vendors/lock-board/memory.ts';
import { log } from './log.ts';

export type LockBoardDeps = {
  table: Table;
  /** Where the IoT rules put what other banks send. */
  queues: Record<'journal' | 'ask', Pick<Queue, 'send'>>;
};

/** What adapters of lock boards do in the place of a controller: remember first, then tell. */
export const openLockBoards = ({ table, queues }: LockBoardDeps) => {
  const save = ({ bank, lockBoard }: FoundLockBoard, memory: Memory): Promise<void> =>
    table.write([lockBoardWrite(bank.id, { ...lockBoard, memory, version: lockBoard.version + 1 })]);

  /**
   * In the shape that the IoT rules give it. Who dies on the way has not forgotten it, and hands it over again: what is
   * known already is dropped behind the queues.
   */
  const handOver = async (found: FoundLockBoard, memory: Memory): Promise<void> => {
    const { journal, asks } = memory.outbox;
    if (journal.length === 0 && asks.length === 0) return;
    const bankId = found.bank.id;
    const { journalId } = memory;
    for (const message of journal) await queues.journal.send({ bankId, journalId, ...message });
    for (const ask of asks) await queues.ask.send({ bankId, ...ask });
    try {
      await save(found, { ...memory, outbox: { journal: [], asks: [] } });
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      // Whoever was faster has it all in their outbox.
      log.info('handed over twice', { bankId });
    }
  };

  return {
    /**
     * Reads, decides, remembers and hands over; `decide` answers the same memory where nothing is new. Null where the bank
     * is no bank of a lock board.
     */
    change: async (
      bankId: string,
      decide: (found: FoundLockBoard) => Memory | Promise<Memory>,
      more: readonly Key[] = [],
    ): Promise<FoundLockBoard | null> =>
      decidedAnew('others are telling of the bank at this very moment; try again', async () => {
        const found = await readLockBoard(table, bankId, more);
        if (found === null) return null;
        const { lockBoard } = found;
        const memory = await decide(found);
        if (memory !== lockBoard.memory) await save(found, memory);
        const version = memory === lockBoard.memory ? lockBoard.version : lockBoard.version + 1;
        const after = { ...found, lockBoard: { ...lockBoard, memory, version } };
        await handOver(after, memory);
        return after;
      }),
  };
};
