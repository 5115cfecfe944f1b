import fc from 'fast-check';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { JournalBatch } from '#shared/device/messages.ts';
import { topics } from '#shared/device/topics.ts';
import { newCompartment } from '#shared/domain/compartment.ts';
import { bankKeyOf, pinOf, verifiersAt } from '#shared/domain/derived.ts';
import { doorGrants } from '#shared/domain/grants.ts';
import { create } from '#shared/domain/lifecycle.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { instant } from '#shared/domain/time.ts';
import { Transaction } from '#shared/domain/transaction.ts';
import { bankWrites } from '#shared/store/banks.ts';
import { CommitRow } from '#shared/store/commit-row.ts';
import { keys } from '#shared/store/rows.ts';
import { decisionWrites } from '#shared/store/transactions.ts';
import { journalConsumer } from '../../functions/device/journal.ts';
import { Rig, startedAt } from '../device-sim/rig.ts';
import { bankOf, chosen, doorOf, freshFor, parcelInput } from '../domain/cloud-and-bank.ts';
import { memoryShadows } from '../support/memory-shadows.ts';
import { memoryTable } from '../support/memory-table.ts';

/*
 * Banks that were offline for a day come back at the same moment. The banks are the simulator's, without wires; what takes
 * their journals is the function as it is deployed, over a table in memory. CI is content with 20 banks; 100:
 *   LATCHWORK_FULL=1 npm test -- test/functions/offline-day.unit.test.ts
 */
const banksThere = process.env.LATCHWORK_FULL === '1' ? 100 : 20;
/** Eight entries each: granted, opened, filled or emptied, and closed, twice. With two refusals, 50. */
const parcelsEach = 6;
const dayMs = 86_400_000;
/** As many as take messages at a time on AWS (infra/devices.ts). */
const atOnce = 50;

const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
const bankKey = { generation: 1, keyVersion: 1 };
const labels = Array.from({ length: parcelsEach }, (_, nth) => String(nth + 1));

const inTurns = async <T>(items: readonly T[], what: (item: T) => Promise<void>): Promise<void> => {
  const waiting = [...items];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await what(next);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
};

const world = () => {
  let ids = 0;
  let nowMs = startedAt;
  const newId = (prefix: string) => `${prefix}_${String(ids++).padStart(26, '0')}`;
  const table = memoryTable();
  const rigs = new Map<string, Rig>();
  const consume = journalConsumer({
    table,
    rootKeys: async () => rootKeys,
    newId,
    clock: () => nowMs,
    shadows: memoryShadows(),
    queue: { send: async () => undefined },
    link: {
      ack: async (bankId, ack) => void rigs.get(bankId)?.hear(topics(bankId).ack, ack),
      replay: async () => undefined,
      answer: async () => undefined,
      key: async () => undefined,
    },
  });
  const circumstances = { actor: { type: 'system' as const, id: 'test' }, now: instant(startedAt), newId };

  /** A bank with a parcel promised at each of its doors, which it has heard of. */
  const arrive = async (id: string) => {
    const layout = labels.map((door) => doorOf(door));
    await table.write(bankWrites(bankOf(layout, { id })));
    const rig = new Rig({ key: false, bankId: id, doors: labels });
    rigs.set(id, rig);
    rig.power(true);
    rig.put({ type: 'connected' });
    rig.hear(topics(id).key, { generation: 1, key: bankKeyOf(rootKeys, id, bankKey).toString('base64url') });
    for (const message of messagesOf(id, rig)) await consume(message);
    const parcels = [];
    for (const door of labels) {
      const input = parcelInput(`txn_${id}_${door}`, { bankId: id });
      const decision = create(input, newCompartment(door), 6, chosen, freshFor(input.id), instant(startedAt));
      const { after, writes } = decisionWrites(rootKeys, decision, null, circumstances);
      await table.write(writes);
      parcels.push(after);
    }
    const verifier = (it: Transaction['credentials'][number]) => verifiersAt(rootKeys, { bankId: id, bankKey })(it);
    rig.grants(1, Object.fromEntries(parcels.map((it) => [it.door ?? '', doorGrants(it, verifier)])));
    for (const message of messagesOf(id, rig)) await consume(message);
    rig.put({ type: 'disconnected' });
    return { id, rig, parcels };
  };

  const sent = new Map<string, number>();
  /** What a bank has sent since it was last asked. */
  const messagesOf = (bankId: string, rig: Rig) => {
    const all = rig.published(topics(bankId).journal).map((batch) => JournalBatch.parse(batch));
    const fresh = all.slice(sent.get(bankId) ?? 0);
    sent.set(bankId, all.length);
    return fresh.map((batch) => ({ bankId, brokerTime: nowMs, ...batch }));
  };

  return {
    table,
    arrive,
    consume,
    messagesOf,
    setNow: (ms: number) => {
      nowMs = ms;
    },
  };
};

const pin = (it: Transaction, step: 'deposit' | 'pickup'): string => {
  const credential = it.credentials.find((each) => each.step === step);
  return credential ? pinOf(rootKeys.of(1), credential) : '';
};

/** People come all day; nobody waits for the cloud. */
const aDay = (rig: Rig, parcels: Transaction[]): void => {
  const pause = dayMs / 1000 / (2 * parcels.length + 2);
  const before = rig.journal.length;
  for (const [step, contents] of [
    ['deposit', 'filled'],
    ['pickup', 'empty'],
  ] as const) {
    for (const it of parcels) {
      rig.advance(pause);
      expect(rig.enter(pin(it, step))).toMatchObject({ granted: true, door: it.door });
      rig.use(it.door ?? '', contents);
    }
    rig.advance(pause);
    expect(rig.enter('B-0', 'badge')).toMatchObject({ granted: false });
  }
  expect(rig.journal.length - before).toBe(8 * parcels.length + 2);
};

const Entries = z.object({ entries: z.array(z.object({ seq: z.int() })) });

it(`${banksThere} banks back from a day offline are accounted for, nothing lost and nothing doubled`, async () => {
  const { table, arrive, consume, messagesOf, setNow } = world();
  const banks: Awaited<ReturnType<typeof arrive>>[] = [];
  for (let nth = 0; nth < banksThere; nth += 1) banks.push(await arrive(`bnk_${nth}`));
  for (const { rig, parcels } of banks) aDay(rig, parcels);
  setNow(startedAt + dayMs + 60_000);

  const started = performance.now();
  for (const { rig } of banks) rig.put({ type: 'connected' });
  let handled = 0;
  for (let round = 0; banks.some(({ rig }) => rig.state.durable.acked < rig.state.durable.lastSeq); round += 1) {
    expect(round, 'rounds of sending').toBeLessThan(10);
    const once = banks.flatMap(({ id, rig }) => messagesOf(id, rig));
    // SQS brings some twice, and none in order.
    const twice = once.filter((_, nth) => nth % 3 === 0);
    const [shuffled = []] = fc.sample(
      fc.shuffledSubarray([...once, ...twice], { minLength: once.length + twice.length }),
      {
        numRuns: 1,
        seed: 7,
      },
    );
    handled += shuffled.length;
    await inTurns(shuffled, consume);
    for (const { rig } of banks) rig.advance(2);
  }
  const seconds = (performance.now() - started) / 1000;

  const entries = banks.reduce((sum, { rig }) => sum + rig.state.durable.lastSeq, 0);
  process.stdout.write(
    `${banks.length} banks with ${entries} entries drained in ${seconds.toFixed(1)} s, ${handled} messages\n`,
  );
  const rows = table.rows();
  for (const { id, rig, parcels } of banks) {
    const kept = rows.filter(({ PK, SK }) => PK === `BANK#${id}` && SK.startsWith('J#'));
    const seqs = kept.flatMap((row) => Entries.parse(row).entries.map(({ seq }) => seq)).toSorted((a, b) => a - b);
    expect(seqs).toEqual(rig.journal.map(({ seq }) => seq));
    const eventsOf = (PK: string) =>
      rows.filter((row) => row.PK === PK && row.SK.startsWith('C#')).flatMap((row) => CommitRow.parse(row).events);
    const denied = eventsOf(keys.bankLog(id).PK).filter(({ type }) => type === 'access.denied');
    expect(denied).toHaveLength(2);
    for (const parcel of parcels) {
      const { PK, SK } = keys.transaction(parcel.tenant, parcel.id);
      const row = Transaction.parse(rows.find((it) => it.PK === PK && it.SK === SK));
      expect(row).toMatchObject({ state: 'completed', flags: [], door: parcel.door });
      const events = eventsOf(PK).toSorted((a, b) => a.sequence - b.sequence);
      expect(events.map(({ type, sequence }) => [sequence, type.replace('transaction.', '')])).toEqual([
        [1, 'created'],
        [2, 'reserved'],
        [3, 'deposited'],
        [4, 'picked_up'],
        [5, 'completed'],
      ]);
      const [deposited = '', pickedUp = ''] = [row.depositedAt ?? '', row.pickedUpAt ?? ''];
      expect(deposited < pickedUp && pickedUp < instant(startedAt + dayMs)).toBe(true);
      const door = rows.find((it) => it.PK === `BANK#${id}` && it.SK === `D#${parcel.door}`);
      expect(door).toMatchObject({ heldBy: null, availability: 'available', contents: 'empty' });
    }
  }
}, 120_000);
