import * as z from 'zod';
import * as field from '#events/fields.ts';
import { dueOfWaiting } from '#shared/domain/due.ts';
import { instant } from '#shared/domain/time.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import type { HttpDeps } from '#shared/lambda/endpoint.ts';
import { live } from '#shared/live.ts';
import { schedulesTo } from '#shared/live-schedules.ts';
import type { Schedules } from '#shared/outside/schedules.ts';
import { openWaitingLists } from '#shared/store/waiting.ts';

/** Goods that were withdrawn before they had a door are at no bank. */
const Concerned = z.object({ bankId: field.textOrNull });

/**
 * Gives doors to those who wait for them, whatever event said that one may be free. A door without a sensor is offered
 * only some time after its last close; nothing happens then, so it is set to be looked at.
 */
export const waitingReaction = (deps: HttpDeps & { schedules: Pick<Schedules, 'send'> }) => {
  const lists = openWaitingLists(deps);
  return async ({ tenant, data }: { tenant: string; data: Record<string, unknown> }): Promise<void> => {
    const { bankId } = Concerned.parse(data);
    if (bankId === null) return;
    const now = instant(deps.clock());
    const { again } = await lists.serve(tenant, bankId, now);
    if (again === null) return;
    const { name, at, message } = dueOfWaiting(tenant, bankId, again);
    await deps.schedules.send(name, at, message, now);
  };
};

export const handler = reaction(() => waitingReaction({ ...live(), schedules: schedulesTo('DEADLINES') }));
