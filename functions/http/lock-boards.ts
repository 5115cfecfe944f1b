import { isDeepStrictEqual } from 'node:util';
import * as contract from '#shared/api/lock-boards.ts';
import { verifierOf } from '#shared/device/verifier.ts';
import { ChainHead } from '#shared/domain/chain-head.ts';
import { operatorDigits } from '#shared/domain/credential.ts';
import { apply } from '#shared/domain/decision.ts';
import { bankKeyOf } from '#shared/domain/derived.ts';
import { type FieldError, Refusal } from '#shared/domain/refusal.ts';
import { instant } from '#shared/domain/time.ts';
import { type Answer, type Call, endpoint, type Handlers, type HttpDeps } from '#shared/lambda/endpoint.ts';
import { env } from '#shared/lambda/env.ts';
import { type LockBoardDeps, openLockBoards } from '#shared/lambda/lock-boards.ts';
import { requireUsable } from '#shared/lambda/sandbox.ts';
import { requireLocks } from '#shared/lambda/vendors.ts';
import { live } from '#shared/live.ts';
import { openQueue } from '#shared/outside/queues.ts';
import { commitBankLog } from '#shared/store/commit.ts';
import { type FoundLockBoard, lockBoardWrite, readLockBoard } from '#shared/store/lock-boards.ts';
import { keys, ranges } from '#shared/store/rows.ts';
import { Lost } from '#shared/store/table.ts';
import { type Fitting, freshCodes, hearCode } from '#shared/vendors/lock-board/codes.ts';
import { journalled, type Memory } from '#shared/vendors/lock-board/memory.ts';
import type { Callback } from '#shared/vendors/lock-board/messages.ts';
import { isCutOff } from '#shared/vendors/lock-board/orders.ts';
import { doorsByAddress } from '#shared/vendors/lock-board/registration.ts';
import { doorNewsOf, hearDoors } from '#shared/vendors/lock-board/states.ts';

/** By so much the vendor's clock may be ahead of ours; what lies further ahead would make all that follows old. */
const aheadMs = 300_000;

/** What only a look at the bank and the clock tells of a callback. */
const refuseOdd = ({ boardStates, codes }: Callback, boards: ReadonlySet<number>, now: number): void => {
  const isAhead = (ts: string): boolean => Number(ts) > now + aheadMs;
  const ahead = 'lies ahead by more than five minutes';
  const errors: FieldError[] = [
    ...boardStates.flatMap(({ board, locks }, nth) => [
      ...(boards.has(Number.parseInt(board, 16))
        ? []
        : [{ pointer: `/boardStates/${nth}/board`, detail: 'is no board of this bank' }]),
      ...locks.flatMap(({ ts }, of) =>
        isAhead(ts) ? [{ pointer: `/boardStates/${nth}/locks/${of}/ts`, detail: ahead }] : [],
      ),
    ]),
    ...codes.flatMap(({ ts }, nth) => (isAhead(ts) ? [{ pointer: `/codes/${nth}/ts`, detail: ahead }] : [])),
  ];
  const [first] = errors;
  if (first)
    throw new Refusal('invalid_request', `the body is not valid: ${first.pointer} ${first.detail}`, { errors });
};

export type LockBoardHttpDeps = HttpDeps &
  LockBoardDeps & {
    /** Vendors may be private, and plain HTTP: for a stage whose vendors run on the same machine. */
    allowLoopback: boolean;
  };

export const lockBoardHandlers = (deps: LockBoardHttpDeps): Handlers => {
  const lockBoards = openLockBoards(deps);

  const owned = (
    found: FoundLockBoard | null,
    { caller, params }: Pick<Call<typeof contract.getLockBoard>, 'caller' | 'params'>,
  ): FoundLockBoard => {
    if (found === null || found.bank.tenant !== caller.tenant)
      throw new Refusal('not_found', `there is no bank ${params.bankId} with a lock board`);
    return found;
  };

  /** As what somebody's credential a typed code is known at the bank; null: as nobody's. */
  const fitting = async ({ bank }: FoundLockBoard, code: string): Promise<Fitting | null> => {
    const method = code.length === operatorDigits ? 'operator' : 'pin';
    const verifier = verifierOf(bankKeyOf(await deps.rootKeys(), bank.id, bank.bankKey), method, code);
    const { rows } = await deps.table.query(ranges.locks(bank.id, verifier), { consistent: true });
    return rows.length === 0 ? null : { method, verifier };
  };

  /** What the bank's memory is after a callback, and how much of that was news. */
  const hear = async (found: FoundLockBoard, body: Callback): Promise<{ memory: Memory; news: number }> => {
    const { bank, lockBoard } = found;
    const now = deps.clock();
    const doors = doorNewsOf(body, doorsByAddress(lockBoard.locks), now);
    const seen = hearDoors(lockBoard.memory, doors, bank.config.ajarAfterSeconds * 1000);
    let { memory } = seen;
    const entries = [...seen.entries];
    const codes = freshCodes(memory, body.codes, now);
    for (const code of codes) {
      const heard = hearCode(memory, code, { fits: await fitting(found, code.code), bank, now });
      memory = heard.memory;
      entries.push(...heard.entries);
    }
    const isFirst = memory.generation !== bank.bankKey.generation;
    return {
      memory: isFirst || entries.length > 0 ? journalled(memory, entries, bank, now) : memory,
      news: seen.news + codes.length,
    };
  };

  const shown = ({ bank, lockBoard: { url, locks, memory } }: FoundLockBoard): Answer => {
    const toldAt = Math.max(0, ...Object.values(memory.doors).map(({ at }) => at));
    return { body: { id: bank.id, url, locks, toldAt: toldAt === 0 ? null : instant(toldAt) } };
  };

  return {
    [contract.getLockBoard.id]: async (call: Call<typeof contract.getLockBoard>) =>
      shown(owned(await readLockBoard(deps.table, call.params.bankId), call)),

    [contract.updateLockBoard.id]: async (call: Call<typeof contract.updateLockBoard>) => {
      const { body, params, circumstances } = call;
      const logKey = keys.bankLog(params.bankId);
      const found = owned(await readLockBoard(deps.table, params.bankId, [logKey]), call);
      const { bank, lockBoard: before } = found;
      const { url = before.url, locks = before.locks } = body;
      await requireLocks({ url, locks }, bank, { allowLoopback: deps.allowLoopback, at: '' });
      const doors = Object.keys(locks).filter((door) => !isDeepStrictEqual(locks[door], before.locks[door]));
      if (url === before.url && doors.length === 0) return shown(found);
      const lockBoard = { ...before, url, locks, version: before.version + 1 };
      const { host } = new URL(url);
      const change = apply(ChainHead.parse(found.rows[0]), [
        { type: 'bank.vendor_updated' as const, set: {}, data: { host, doors } },
      ]);
      try {
        await deps.table.write([lockBoardWrite(bank.id, lockBoard), ...commitBankLog(change, circumstances).writes]);
      } catch (error) {
        if (!(error instanceof Lost)) throw error;
        throw new Refusal('busy', 'something happens at the bank at this very moment; try again', {
          retryAfterSeconds: 1,
        });
      }
      return shown({ ...found, lockBoard });
    },

    [contract.hearLockBoard.id]: async (call: Call<typeof contract.hearLockBoard>) => {
      const { body, caller, params } = call;
      let news = 0;
      const found = await lockBoards.change(params.bankId, async (read) => {
        const { bank, lockBoard } = owned(read, call);
        requireUsable(caller, bank);
        if (isCutOff(bank))
          throw new Refusal('invalid_transition', `nothing is heard of a bank that is ${bank.lifecycle}`);
        const boards = new Set(Object.values(lockBoard.locks).map(({ board }) => Number.parseInt(board, 16)));
        refuseOdd(body, boards, deps.clock());
        const heard = await hear(read, body);
        news = heard.news;
        return heard.memory;
      });
      owned(found, call);
      return { body: { news } };
    },
  };
};

export const handler = endpoint([contract.getLockBoard, contract.updateLockBoard, contract.hearLockBoard], () => {
  const deps = {
    ...live(),
    allowLoopback: process.env.WEBHOOK_ALLOW_LOOPBACK === 'true',
    queues: { journal: openQueue(env('JOURNAL_QUEUE_URL')), ask: openQueue(env('ASK_QUEUE_URL')) },
  };
  return { deps, handlers: lockBoardHandlers(deps) };
});
