import { MetricUnit } from '@aws-lambda-powertools/metrics';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { timeOutIfDue } from '#shared/domain/commanding.ts';
import { type Channel, Message, sendMessageOf, turnOf } from '#shared/domain/message.ts';
import { instant, plusSeconds } from '#shared/domain/time.ts';
import { type DeliverMessage, Delivery } from '#shared/domain/webhook.ts';
import type { HttpDeps } from '#shared/lambda/endpoint.ts';
import { env } from '#shared/lambda/env.ts';
import { log } from '#shared/lambda/log.ts';
import { flushMetrics, metrics } from '#shared/lambda/metrics.ts';
import { live } from '#shared/live.ts';
import { liveChannels } from '#shared/live-sending.ts';
import { openQueue, type Queue } from '#shared/outside/queues.ts';
import { WaitingRow } from '#shared/store/banks.ts';
import { openCommands } from '#shared/store/commands.ts';
import { openExportSchedules } from '#shared/store/export-schedules.ts';
import { openIncidents } from '#shared/store/incidents.ts';
import { dueAttributes, dueShards, keys } from '#shared/store/rows.ts';
import { type Key, Lost } from '#shared/store/table.ts';
import { openTransactions } from '#shared/store/transactions.ts';
import { openWaitingLists } from '#shared/store/waiting.ts';

/** What is due for less is left to its own schedule or message, which may be on its way. */
const graceSeconds = 60;
/** Retries of webhooks wait behind each other in the slow lane; asking twice costs an attempt at a sick endpoint. */
const deliveryGraceSeconds = 900;
/** Messages to people come back from their queue as often; asking twice may tell somebody twice. */
const messageGraceSeconds = 900;
/** Per shard and run: 16 × 200 every 15 minutes is far more than is ever lost; more waits for the next run. */
const perShard = 200;

export type SweepDeps = HttpDeps & {
  /** Where deliveries wait for their next attempt. */
  slow: Queue;
  /** Where messages to people do, by channel. */
  sending: Record<Channel, Queue>;
};

/** How much was mended, by what it was. More than nothing means that a schedule or a message was lost. */
export type Mended = {
  transactions: number;
  commands: number;
  deliveries: number;
  messages: number;
  exports: number;
  incidents: number;
};

export const sweep = (deps: SweepDeps) => {
  const transactions = openTransactions(deps);
  const commands = openCommands(deps.table);
  const lists = openWaitingLists(deps);
  const exportSchedules = openExportSchedules(deps);
  const incidents = openIncidents(deps);
  /** Banks whose waiting list was looked at in this run: each of those who wait is due. */
  const lookedAt = new Set<string>();

  const mendMessage = async (key: Key, mended: Mended): Promise<void> => {
    const row = await deps.table.get(key, true);
    if (row === undefined) return;
    const message = Message.parse(row);
    const lostBefore = plusSeconds(instant(deps.clock()), -messageGraceSeconds);
    if (message.nextAttemptAt === null || message.nextAttemptAt > lostBefore) return;
    await deps.sending[turnOf(message)].send(sendMessageOf(message));
    mended.messages += 1;
  };

  /** A row that should have been woken by now: does what its wake-up would have done. */
  const mend: Record<string, (tenant: string, id: string, mended: Mended, SK: string) => Promise<void>> = {
    TXN: async (tenant, id, mended, SK) => {
      if (SK !== keys.transaction(tenant, id).SK) return mendMessage({ PK: `TXN#${tenant}#${id}`, SK }, mended);
      const now = instant(deps.clock());
      const before = await deps.table.get({ PK: `TXN#${tenant}#${id}`, SK: 'T' }, true);
      const found = await transactions.readConsistent(tenant, id, now);
      if (found && found.transaction.version !== before?.version) mended.transactions += 1;
    },
    CMD: async (tenant, id, mended) => {
      const now = instant(deps.clock());
      const command = await commands.readConsistent(tenant, id);
      if (command === null) return;
      const circumstances = { actor: { type: 'system' as const, id: 'sweep' }, now, newId: deps.newId };
      const after = await commands.change(command, circumstances, (it) => timeOutIfDue(it, now));
      if (after.version !== command.version) mended.commands += 1;
    },
    BANK: async (bankId, _, mended, SK) => {
      const key = { PK: `BANK#${bankId}`, SK };
      const row = await deps.table.get(key, true);
      if (row === undefined) return;
      const { tenant, transactionId, version } = WaitingRow.parse(row);
      const now = instant(deps.clock());
      if (!lookedAt.has(bankId)) mended.transactions += (await lists.serve(tenant, bankId, now)).served;
      lookedAt.add(bankId);
      // Later than all that is due now, or it would be the first each time and keep the others from being seen.
      const put = { ...row, ...key, version: version + 1, ...dueAttributes(transactionId, now) };
      await deps.table.write([{ kind: 'other', expects: { version }, put }]).catch((error: unknown) => {
        if (!(error instanceof Lost)) throw error;
      });
    },
    EXPORTSCHEDULES: async (tenant, _, mended, id) => {
      mended.exports += (await exportSchedules.run(tenant, id, instant(deps.clock()))).made;
    },
    INCIDENTS: async (tenant, _, mended, id) => {
      mended.incidents += (await incidents.escalate(tenant, id, instant(deps.clock()))).levels;
    },
    DLV: async (tenant, endpointId, mended, eventId) => {
      const row = await deps.table.get(keys.delivery(tenant, endpointId, eventId), true);
      if (row === undefined) return;
      const { nextAttemptAt, version } = Delivery.parse(row);
      const lostBefore = plusSeconds(instant(deps.clock()), -deliveryGraceSeconds);
      if (nextAttemptAt === null || nextAttemptAt > lostBefore) return;
      await deps.slow.send({ tenant, endpointId, eventId, version } satisfies DeliverMessage);
      mended.deliveries += 1;
    },
  };

  const mendRow = async ({ PK, SK }: Key, mended: Mended): Promise<void> => {
    const [kind = '', tenant = '', id = ''] = PK.split('#');
    await mend[kind]?.(tenant, id, mended, SK);
  };

  return async (): Promise<Mended> => {
    const mended: Mended = { transactions: 0, commands: 0, deliveries: 0, messages: 0, exports: 0, incidents: 0 };
    lookedAt.clear();
    const before = plusSeconds(instant(deps.clock()), -graceSeconds);
    for (const shard of dueShards) {
      for (const key of await deps.table.due(shard, before, perShard)) {
        // One that fails must not keep the others from being mended; it is due again next time.
        await mendRow(key, mended).catch((error: unknown) => log.error('not mended', { key, error: String(error) }));
      }
    }
    return mended;
  };
};

let run: ReturnType<typeof sweep> | undefined;

/** Every 15 minutes. `SweepMended` above zero is an alarm: it is the measure of what our schedules and messages lose. */
export const handler = middy<unknown, Mended, Error, Context>().handler(async () => {
  run ??= sweep({ ...live(), ...liveChannels(), slow: openQueue(env('SLOW_QUEUE_URL')) });
  const mended = await run();
  const total = Object.values(mended).reduce((sum, count) => sum + count, 0);
  metrics.addMetric('SweepMended', MetricUnit.Count, total);
  flushMetrics();
  log.info('swept', { ...mended });
  return mended;
});
