import { describe, expect, it } from 'vitest';
import type { Envelope } from '#events/envelope.ts';
import { sampleEvent } from '#events/samples.ts';
import { Compartment } from '#shared/domain/compartment.ts';
import { asked, Import } from '#shared/domain/import.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { epochMs, plusSeconds } from '#shared/domain/time.ts';
import { newId } from '#shared/lambda/ids.ts';
import { bankWrites } from '#shared/store/banks.ts';
import { commitImport } from '#shared/store/commit.ts';
import { ImportReport } from '#shared/store/imports.ts';
import { keys } from '#shared/store/rows.ts';
import type { Row, Table } from '#shared/store/table.ts';
import { importReaction } from '../../functions/bus/imports.ts';
import { importFileConsumer } from '../../functions/queue/import-files.ts';
import { bankOf, doorOf, startedAt } from '../domain/cloud-and-bank.ts';
import { type MemoryTable, memoryTable } from '../support/memory-table.ts';

const tenant = 'ten_1';
const id = 'imp_1';
const bank = bankOf(Array.from({ length: 6 }, (_, nth) => doorOf(String(nth + 1))));
const rootKeys = async () => rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
const clock = () => epochMs(startedAt);
const circumstances = { actor: { type: 'api_key' as const, id: 'key_1' }, now: startedAt, newId };

const apiKey = {
  id: 'key_1',
  tenant,
  name: 'Importer',
  mode: 'live',
  scopes: ['transactions:write'],
  system: null,
  keyHash: 'hash',
  createdAt: startedAt,
  revokedAt: null,
  version: 1,
  hash: '',
};

const header = 'workflow,bankId,externalIds.order,items.0.lengthMm,items.0.widthMm,items.0.heightMm';
const rowFor = (order: string) => `parcel,${bank.id},${order},300,200,100`;
const bytesOf = (text: string) => new TextEncoder().encode(text);

/** A table with a bank, a key and an import that waits for this file. */
const asksFor = async (bytes: number): Promise<MemoryTable> => {
  const table = memoryTable();
  const job = asked(
    { id, tenant, name: 'File', apiKeyId: 'key_1', mode: 'live', bytes, uploadBy: plusSeconds(startedAt, 900) },
    startedAt,
  );
  await table.write([
    ...bankWrites(bank),
    ...commitImport(job, circumstances).writes,
    { kind: 'other', expects: 'absent', put: { ...keys.apiKey(tenant, 'key_1'), ...apiKey } },
  ]);
  return table;
};

const orders = Array.from({ length: 5 }, (_, nth) => `A-${nth + 1}`);
const file = bytesOf([header, ...orders.map(rowFor)].join('\n'));
const event: Envelope = { ...sampleEvent('import.started'), tenant, subject: id };

const checks = (table: Table, bytes: Uint8Array | null = file) =>
  importFileConsumer({ table, newId, clock, uploads: { read: async () => bytes } })({
    detail: { object: { key: `${tenant}/${id}.csv` } },
  });
const runs = (table: Table, sent: unknown[] = [], at = clock) =>
  importReaction({
    table,
    rootKeys,
    newId,
    clock: at,
    queue: {
      send: async (message, _delay, group) => {
        sent.push([message, group]);
      },
    },
  })(event);

const jobIn = async (table: Table): Promise<Import> => Import.parse(await table.get(keys.import(tenant, id)));
const inPartition = (table: MemoryTable, prefix: string): Row[] =>
  table.rows().filter(({ PK, SK }) => PK === keys.import(tenant, id).PK && SK.startsWith(prefix));
const reportsIn = (table: MemoryTable) => inPartition(table, 'R#').map((row) => ImportReport.parse(row));

/** Every row was created once, and its report names what was created; nothing is left of the file. */
const isWhole = async (table: MemoryTable): Promise<void> => {
  expect(await jobIn(table)).toMatchObject({
    state: 'done',
    rows: 5,
    counts: { created: 5, alreadyExists: 0, refused: 0 },
  });
  const transactions = table.rows().filter(({ PK, SK }) => PK.startsWith('TXN#') && SK === 'T');
  expect(transactions.map(({ externalIds }) => (externalIds as { order: string }).order).toSorted()).toEqual(
    orders.toSorted(),
  );
  expect(
    reportsIn(table)
      .map(({ transactionId }) => transactionId)
      .toSorted(),
  ).toEqual(transactions.map((it) => it.id).toSorted());
  const held = table
    .rows()
    .filter(({ SK }) => SK.startsWith('D#'))
    .flatMap((row) => Compartment.parse(row).heldBy ?? []);
  expect(held.toSorted()).toEqual(transactions.map((it) => it.id).toSorted());
  expect(inPartition(table, 'B#')).toEqual([]);
  expect(inPartition(table, 'C#')).toHaveLength(4);
};

/** A table that dies at its n-th write: before it is done, or just after. */
const dyingAt = (table: MemoryTable, nth: number, when: 'before' | 'after') => {
  let writes = 0;
  const dying: Table = {
    ...table,
    write: async (list) => {
      writes += 1;
      if (writes === nth && when === 'before') throw new Error('the function was killed');
      // Whatever else was under way dies with it.
      if (writes > nth) throw new Error('it is dead already');
      await table.write(list);
      if (writes === nth) throw new Error('the function was killed');
    },
  };
  return { dying, died: () => writes >= nth };
};

describe('an import', () => {
  it('creates what its file says', async () => {
    const table = await asksFor(file.length);
    await checks(table);
    expect(await jobIn(table)).toMatchObject({ state: 'running', rows: 5 });
    await runs(table);
    await isWhole(table);
  });

  it.each(['before', 'after'] as const)(
    'creates all of it once, wherever it was killed %s a write',
    async (when) => {
      for (let nth = 1; ; nth += 1) {
        const table = await asksFor(file.length);
        const { dying, died } = dyingAt(table, nth, when);
        try {
          await checks(dying);
          await runs(dying);
        } catch {
          // The message comes again.
        }
        await checks(table);
        await runs(table);
        await isWhole(table);
        if (!died()) {
          expect(nth).toBeGreaterThan(9);
          return;
        }
      }
    },
    60_000,
  );

  it('does nothing twice when several are at it at the same time', async () => {
    const table = await asksFor(file.length);
    await Promise.allSettled([checks(table), checks(table)]);
    await checks(table);
    await Promise.allSettled([runs(table), runs(table), runs(table)]);
    await runs(table);
    await isWhole(table);
  });

  it('hands the rest to its next turn, in the name of its tenant, so that others have theirs', {
    timeout: 30_000,
  }, async () => {
    const many = bytesOf([header, ...Array.from({ length: 120 }, (_, nth) => rowFor(`B-${nth}`))].join('\n'));
    const table = await asksFor(many.length);
    await checks(table, many);
    expect(inPartition(table, 'K#').map(({ first, last }) => [first, last])).toEqual([
      [1, 100],
      [101, 120],
    ]);
    let asksOfTime = 0;
    /** Time flies: every look at the clock costs a second. */
    const flying = () => clock() + 1_000 * asksOfTime++;
    let turns = 0;
    for (let sent: unknown[] = [null]; sent.length > 0; turns += 1) {
      sent = [];
      await runs(table, sent, flying);
      if (turns === 0) expect(reportsIn(table).length).toBeLessThan(100);
      if (sent.length > 0) expect(sent).toEqual([[{ detail: event }, tenant]]);
    }
    expect(turns).toBeGreaterThan(3);
    // Six doors for 120 rows.
    expect(await jobIn(table)).toMatchObject({
      state: 'done',
      counts: { created: 6, alreadyExists: 0, refused: 114 },
    });
    expect(reportsIn(table)).toHaveLength(120);
  });

  it('names what exists already, though the bank is full', async () => {
    const table = await asksFor(file.length);
    await checks(table);
    await runs(table);
    const filler = bytesOf([header, rowFor('C-1')].join('\n'));
    const again = bytesOf([header, rowFor('A-1'), rowFor('C-3')].join('\n'));
    const before = new Map(reportsIn(table).map(({ row, transactionId }) => [row, transactionId]));
    for (const bytes of [filler, again]) {
      // The same table, another import.
      for (const { PK, SK } of [...inPartition(table, '')])
        await table.write([{ kind: 'other', expects: 'anything', remove: { PK, SK } }]);
      const job = asked(
        { id, tenant, name: 'F', apiKeyId: 'key_1', mode: 'live', bytes: bytes.length, uploadBy: startedAt },
        startedAt,
      );
      await table.write(commitImport(job, circumstances).writes);
      await checks(table, bytes);
      await runs(table);
    }
    expect(reportsIn(table)).toMatchObject([
      { row: 1, outcome: 'already_exists', transactionId: before.get(1) },
      { row: 2, outcome: 'refused', code: 'reservation_refused', reason: 'bank_full' },
    ]);
  });

  it('whose file is gone, or whose key, fails and says so', async () => {
    const gone = await asksFor(file.length);
    await checks(gone, null);
    expect(await jobIn(gone)).toMatchObject({ state: 'failed', problem: 'the file is gone' });

    const revoked = await asksFor(file.length);
    await checks(revoked);
    await revoked.write([
      { kind: 'other', expects: 'anything', put: { ...keys.apiKey(tenant, 'key_1'), ...apiKey, revokedAt: startedAt } },
    ]);
    await runs(revoked);
    expect(await jobIn(revoked)).toMatchObject({ state: 'failed', problem: expect.stringContaining('was revoked') });
    expect(revoked.rows().filter(({ PK }) => PK.startsWith('TXN#'))).toEqual([]);
  });

  it('whose file has another size than was announced is refused', async () => {
    const table = await asksFor(file.length + 1);
    await checks(table);
    expect(await jobIn(table)).toMatchObject({ state: 'invalid', problem: expect.stringContaining('were announced') });
  });
});
