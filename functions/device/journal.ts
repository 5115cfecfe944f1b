import * as z from 'zod';
import * as field from '#events/fields.ts';
import { once } from '#events/once.ts';
import { isClimateEntry, isDoorEntry, JournalEntry } from '#shared/device/journal.ts';
import { shadowNames } from '#shared/device/topics.ts';
import type { Bank } from '#shared/domain/bank.ts';
import { Command } from '#shared/domain/command.ts';
import { commandIdOf } from '#shared/domain/command-reports.ts';
import { bankKeyOf } from '#shared/domain/derived.ts';
import { isAtHome } from '#shared/domain/home.ts';
import type { World } from '#shared/domain/merge-context.ts';
import { isStockUnit, StockUnit } from '#shared/domain/stock.ts';
import { instant } from '#shared/domain/time.ts';
import { consumer } from '#shared/lambda/consumer.ts';
import type { HttpDeps } from '#shared/lambda/endpoint.ts';
import { env } from '#shared/lambda/env.ts';
import { live } from '#shared/live.ts';
import { type BankLink, openBankLink } from '#shared/outside/bank-link.ts';
import { openGrants } from '#shared/outside/grants.ts';
import { openQueue, type Queue } from '#shared/outside/queues.ts';
import { openShadows, type Shadows } from '#shared/outside/shadows.ts';
import { anew } from '#shared/store/anew.ts';
import { readBankConsistent } from '#shared/store/banks.ts';
import {
  accountedFor,
  appliedBy,
  contiguous,
  isUnderstood,
  type JournalPosition,
  type ReceivedEntry,
  readJournalPosition,
  saveAcknowledged,
  saveApplied,
} from '#shared/store/journal.ts';
import { isOfTheBank, openMerge, readBankLog } from '#shared/store/merge.ts';
import { keys } from '#shared/store/rows.ts';
import { doorsReader, splitStored } from '#shared/store/transactions.ts';

/** What the IoT rule puts into the queue: the bank by its certificate, the broker's time, the batch as it came. */
const BatchMessage = z.object({
  bankId: field.text,
  brokerTime: z.number(),
  journalId: z.string().min(1).max(64),
  entries: z
    .array(z.looseObject({ seq: field.positive, type: field.text }))
    .min(1)
    .max(200),
});

/** To ourselves, a little later: is a gap still open? */
const GapMessage = z.object({ bankId: field.text, journalId: field.text, gapBefore: field.positive });

const Message = z.union([GapMessage, BatchMessage]);

/** How long a gap may close by itself: entries on their way take other ways. */
const gapSeconds = 5;

const known = once(
  () =>
    new Set<string>(
      JournalEntry().options.flatMap(({ shape: { type } }) => ('options' in type ? type.options : [...type.values])),
    ),
);

/** Entries of a kind we know must be right; those of a later firmware are kept as they came. */
const received = (raw: { seq: number; type: string }): ReceivedEntry =>
  known().has(raw.type) ? JournalEntry().parse(raw) : { seq: raw.seq, type: raw.type, unknown: { ...raw } };

/**
 * How far the remembered acknowledgement may lag: what lies beyond it is found in the journal's own rows, up to so many
 * more of which are read with the next batch. A write with each message would cost five times what those reads do.
 */
const rememberedEvery = 20;

/**
 * Who takes longer than this to record a message may have overlooked a journal that began meanwhile. A controller that
 * lost its disk is not up and connected again so soon.
 */
const promptMs = 5_000;

export type JournalDeps = HttpDeps & { link: BankLink; queue: Queue; shadows: Shadows };

export const journalConsumer = (deps: JournalDeps) => {
  const showGrants = openGrants({
    ...deps,
    doorsNow: doorsReader(deps.table),
    bankNow: (id) => readBankConsistent(deps.table, id),
  });

  const positionAt = async (bankId: string, journalId: string, to: number): Promise<JournalPosition> => {
    const position = await readJournalPosition(deps.table, bankId, journalId, to);
    if (position === null) throw new Error(`there is no bank ${bankId}`);
    return position;
  };

  /** The transactions and commands that these entries are about, and those that have the doors they name. */
  const worldOf = async ({ bank, compartments }: JournalPosition, entries: ReceivedEntry[]): Promise<World> => {
    const doors = new Map(compartments.map((it) => [it.door, it]));
    const ids = new Set<string>();
    /** Things whose the doors are; of them only goods in stock are told of what happens there. */
    const home = new Set<string>();
    const commandIds = new Set<string>();
    const understood = entries.filter(isUnderstood);
    for (const entry of understood) {
      const commandId = commandIdOf(entry);
      if (commandId !== null) commandIds.add(commandId);
      if (!isDoorEntry(entry) && !isClimateEntry(entry) && entry.type !== 'scan') continue;
      for (const id of [entry.transactionId, doors.get(entry.door)?.heldBy])
        if (id) (isAtHome(id) ? home : ids).add(id);
    }
    const wanted = [
      ...[...ids].map((id) => keys.transaction(bank.tenant, id)),
      ...[...commandIds].map((id) => keys.command(bank.tenant, id)),
    ];
    const rows = wanted.length === 0 ? [] : await deps.table.batchGet(wanted, true);
    const transactions = rows.slice(0, ids.size).flatMap((row) => (row ? [splitStored(row).transaction] : []));
    const commands = rows.slice(ids.size).flatMap((row) => (row ? [Command.parse(row)] : []));
    const unitIds = new Set([...home, ...transactions.flatMap((it) => it.stockUnitId ?? [])].filter(isStockUnit));
    const units =
      unitIds.size === 0
        ? []
        : await deps.table.batchGet(
            [...unitIds].map((id) => keys.stockUnit(bank.tenant, id)),
            true,
          );
    return {
      bank,
      compartments: doors,
      transactions: new Map(transactions.map((it) => [it.id, it])),
      commands: new Map(commands.map((it) => [it.id, it])),
      stockUnits: new Map(units.flatMap((row) => (row ? [StockUnit.parse(row)] : [])).map((it) => [it.id, it])),
      arriving: new Map(understood.filter(isDoorEntry).map((it) => [it.door, it])),
    };
  };

  /** Records what is new of a batch; answers where the journal stands then. */
  const record = async (message: z.infer<typeof BatchMessage>, entries: ReceivedEntry[]): Promise<JournalPosition> => {
    const { bankId, journalId } = message;
    const rootKeys = await deps.rootKeys();
    const to = Math.max(...entries.map((it) => it.seq));
    return anew(async () => {
      const bankLog = entries.some(isOfTheBank) ? await readBankLog(deps.table, bankId) : null;
      const position = await positionAt(bankId, journalId, to);
      const fresh = entries.filter((it) => it.seq > position.acknowledged && !position.recorded.has(it.seq));
      if (fresh.length === 0) return position;
      const arrival = { journalId, brokerTime: instant(message.brokerTime), now: instant(deps.clock()), bankLog };
      const merge = openMerge({ ...deps, rootKeys }, await worldOf(position, fresh), arrival);
      for (const entry of fresh) await merge.add(entry);
      await merge.flush();
      for (const entry of fresh) for (const seq of accountedFor(entry)) position.recorded.add(seq);
      return position;
    });
  };

  /** What the bank says it holds, and what it lacks; both may be done again and again. */
  const heed = async ({ bank }: JournalPosition, entries: ReceivedEntry[]): Promise<void> => {
    for (const entry of entries.filter(isUnderstood)) {
      if (entry.type === 'grants.applied')
        for (const { transactionId, ...told } of appliedBy(entry))
          await saveApplied(deps.table, { tenant: bank.tenant, transactionId, k: entry.k }, told);
      if (entry.type === 'boot' && entry.generation !== bank.bankKey.generation) {
        const key = bankKeyOf(await deps.rootKeys(), bank.id, bank.bankKey);
        await deps.link.key(bank.id, { generation: bank.bankKey.generation, key: key.toString('base64url') });
      }
    }
  };

  const showAllGrants = async (bank: Bank): Promise<void> => {
    for (const name of shadowNames.allGrants(bank.layout.length)) await showGrants(bank, name, 'exactly');
  };

  /** News of a disk that its bank has lost since: what it tells to be used up, the bank does not remember. */
  const isOfLostDisk = async (message: z.infer<typeof BatchMessage>, position: JournalPosition): Promise<boolean> => {
    const { bankId, journalId, brokerTime } = message;
    const isLate = deps.clock() - brokerTime > promptMs;
    const { journals } = isLate ? await positionAt(bankId, journalId, 0) : position;
    return [...journals].some(([id, { since }]) => id !== journalId && since >= instant(brokerTime));
  };

  /**
   * A bank that begins a journal remembers nothing from before it. It goes by its grants from the first acknowledgement
   * on, so by then they must not name those that were used; and that it has begun must be seen before they are read, by
   * whoever records later what the journal before it told.
   */
  const begin = async ({ bankId, journalId, brokerTime }: z.infer<typeof BatchMessage>, bank: Bank): Promise<void> => {
    await saveAcknowledged(deps.table, bankId, journalId, { seq: 0, since: instant(brokerTime) });
    await showAllGrants(bank);
  };

  const batch = async (message: z.infer<typeof BatchMessage>): Promise<void> => {
    const { bankId, journalId } = message;
    const entries = message.entries.map(received).toSorted((a, b) => a.seq - b.seq);
    const position = await record(message, entries);
    await heed(position, entries);
    const seq = contiguous(position.acknowledged, position.recorded);
    const begins = position.acknowledged === 0 && seq > 0;
    if (begins) await begin(message, position.bank);
    else if (await isOfLostDisk(message, position)) await showAllGrants(position.bank);
    if (begins || seq >= position.acknowledged + rememberedEvery) {
      const { since } = position.journals.get(journalId) ?? { since: instant(message.brokerTime) };
      await saveAcknowledged(deps.table, bankId, journalId, { seq, since });
    }
    await deps.link.ack(bankId, { journalId, seq });
    const last = Math.max(...entries.map((it) => it.seq));
    if (last > seq) await deps.queue.send({ bankId, journalId, gapBefore: last }, gapSeconds);
  };

  const gap = async ({ bankId, journalId, gapBefore }: z.infer<typeof GapMessage>): Promise<void> => {
    const { acknowledged, recorded } = await positionAt(bankId, journalId, gapBefore);
    const seq = contiguous(acknowledged, recorded);
    const next = Math.min(...[...recorded].filter((it) => it > seq + 1));
    if (seq >= gapBefore || !Number.isFinite(next)) return;
    await deps.link.replay(bankId, { journalId, from: seq + 1, to: next - 1 });
  };

  return (message: z.infer<typeof Message>): Promise<void> => ('gapBefore' in message ? gap(message) : batch(message));
};

export const handler = consumer(Message, () =>
  journalConsumer({
    ...live(),
    link: openBankLink(),
    queue: openQueue(env('JOURNAL_QUEUE_URL')),
    shadows: openShadows(),
  }),
);
