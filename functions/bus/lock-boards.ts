import * as z from 'zod';
import type { Envelope } from '#events/envelope.ts';
import * as field from '#events/fields.ts';
import { Command } from '#shared/domain/command.ts';
import { Compartment, newCompartment } from '#shared/domain/compartment.ts';
import { secretOf } from '#shared/domain/derived.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import type { RootKeys } from '#shared/domain/root-key.ts';
import { epochMs, InstantText, instant } from '#shared/domain/time.ts';
import { signatureHeaders } from '#shared/domain/webhook-signature.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import { env } from '#shared/lambda/env.ts';
import { type LockBoardDeps, openLockBoards } from '#shared/lambda/lock-boards.ts';
import { log } from '#shared/lambda/log.ts';
import { live } from '#shared/live.ts';
import { type CustomerEndpoints, openCustomerEndpoints } from '#shared/outside/customer-endpoint.ts';
import { openQueue, type Queue } from '#shared/outside/queues.ts';
import type { FoundLockBoard } from '#shared/store/lock-boards.ts';
import { keys } from '#shared/store/rows.ts';
import { type UnlockCall, type UnlockResult, unlockResultOf } from '#shared/vendors/lock-board/messages.ts';
import { takeAnswer, takeOrder } from '#shared/vendors/lock-board/orders.ts';

export type OrderDeps = LockBoardDeps & {
  rootKeys: () => Promise<RootKeys>;
  endpoints: Pick<CustomerEndpoints, 'ask'>;
  /** Its own: what was not answered comes again. */
  again: Pick<Queue, 'send'>;
  /** Milliseconds since 1970. */
  clock: () => number;
};

/** A vendor has so long to answer: people wait at the door, and a command of somebody who typed a code is valid for ten. */
const answerMs = 4_000;

/** Between an attempt that was not answered and the next. */
const againSeconds = 2;

const Queued = z.object({ bankId: field.text, door: field.text, notAfter: InstantText });
type Queued = z.infer<typeof Queued>;

/**
 * Has a vendor's board carry out what was ordered of a bank that it drives: at once, and again until it is answered or too
 * late. Other banks see their commands in their shadows.
 */
export const lockBoardReaction = (deps: OrderDeps) => {
  const lockBoards = openLockBoards(deps);

  const call = async (
    { bank, lockBoard }: FoundLockBoard,
    { id, door, notAfter }: Command,
  ): Promise<UnlockResult | null> => {
    const lock = lockBoard.locks[door];
    if (lock === undefined) throw new Error(`door ${door} of ${bank.id} is on no board`);
    const now = deps.clock();
    const body = JSON.stringify({ ...lock, ref: id } satisfies UnlockCall);
    const secret = secretOf((await deps.rootKeys()).of(lockBoard.keyVersion), 'webhook', bank.id, 0);
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'Latchwork/1.0',
      ...signatureHeaders([secret], { id, body, now: instant(now) }),
    };
    // Not a moment longer than it may open.
    const withinMs = Math.min(answerMs, epochMs(notAfter) - now);
    if (withinMs <= 0) return null;
    const reply = await deps.endpoints.ask(lockBoard.url, headers, body, withinMs);
    const result = reply.error === null ? unlockResultOf(reply.text) : null;
    if (result === null)
      log.warn('a lock board did not answer', { commandId: id, status: reply.status, error: reply.error });
    return result;
  };

  /** False while nobody has answered. */
  const attempt = async ({ tenant, subject }: Envelope, { bankId, door }: Queued): Promise<boolean> => {
    let order: { command: Command; send: boolean } | undefined;
    const found = await lockBoards.change(
      bankId,
      ({ bank, lockBoard, rows: [commandRow, doorRow] }) => {
        const command = Command.parse(commandRow);
        const compartment = doorRow === undefined ? newCompartment(door) : Compartment.parse(doorRow);
        const taken = takeOrder(lockBoard.memory, command, { bank, compartment, now: deps.clock() });
        order = { command, send: taken.send };
        return taken.memory;
      },
      [keys.command(tenant, subject), keys.compartment(bankId, door)],
    );
    if (found === null || !order?.send) return true;
    const { command } = order;
    const result = await call(found, command);
    if (result === null) return false;
    await lockBoards.change(bankId, ({ bank, lockBoard }) =>
      takeAnswer(lockBoard.memory, command, result, { bank, now: deps.clock() }),
    );
    return true;
  };

  return async (event: Envelope): Promise<void> => {
    const queued = Queued.parse(event.data);
    const isOver = await attempt(event, queued).catch((error: unknown) => {
      // The queue's own wait would be too long for whoever stands at the door.
      if (error instanceof Refusal && error.code === 'busy') return false;
      throw error;
    });
    const isInTime = epochMs(queued.notAfter) > deps.clock() + againSeconds * 1000;
    if (!isOver && isInTime) await deps.again.send({ detail: event }, againSeconds);
  };
};

export const handler = reaction(() =>
  lockBoardReaction({
    ...live(),
    queues: { journal: openQueue(env('JOURNAL_QUEUE_URL')), ask: openQueue(env('ASK_QUEUE_URL')) },
    endpoints: openCustomerEndpoints({ allowLoopback: process.env.WEBHOOK_ALLOW_LOOPBACK === 'true' }),
    again: openQueue(env('LOCKBOARDS_QUEUE_URL')),
  }),
);
