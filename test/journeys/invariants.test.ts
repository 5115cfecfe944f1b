import { DeleteCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Made } from '../../local/api-client.ts';
import { outputOf } from '../../local/stack-handle.ts';
import { InvariantsViolated, invariantsHold } from '../support/invariants.ts';
import { guessesLimited, itemsKnown, openedRightly } from '../support/invariants-banks.ts';
import { takePicture } from '../support/invariants-picture.ts';
import { undelivered } from '../support/invariants-rows.ts';
import { searched } from '../support/invariants-search.ts';
import { hashOfEvent } from '../support/invariants-trail.ts';
import { repacked, unpacked } from '../support/packed-rows.ts';
import { becomes, createParcel, deposit, doorOf, knownAtBank, type Parcel, pickUp } from '../support/parcel.ts';
import { aws, type Bank, eventually, newBank, newReceiver, newTenant, stack, type Tenant } from '../support/stack.ts';

const TableName = outputOf(stack.outputs, 'TableName');
const Row = z.looseObject({ PK: z.string(), SK: z.string() });
type Row = z.infer<typeof Row>;
const Commit = z.looseObject({
  PK: z.string(),
  SK: z.string(),
  events: unpacked(z.array(z.looseObject({ data: z.looseObject({}), hash: z.string() }))),
});

const partition = async (PK: string): Promise<Row[]> => {
  const { Items = [] } = await aws.dynamoDb.send(
    new QueryCommand({
      TableName,
      ConsistentRead: true,
      KeyConditionExpression: 'PK = :pk',
      ExpressionAttributeValues: { ':pk': PK },
    }),
  );
  return Items.map((item) => Row.parse(item));
};

const rowAt = async (PK: string, SK: string): Promise<Row> => {
  const row = (await partition(PK)).find((it) => it.SK === SK);
  if (row === undefined) throw new Error(`there is no ${PK} ${SK}`);
  return row;
};
/** A commit as it lies there, and its events. */
const commitAt = async (PK: string, SK: string) => {
  const row = await rowAt(PK, SK);
  return { row, events: Commit.parse(row).events };
};
/** All of them in order. How many of a bank's entries one commit takes depends on how they arrive. */
const commitsOf = async (PK: string) => {
  const rows = (await partition(PK)).filter(({ SK }) => SK.startsWith('C#'));
  return rows.map((row) => ({ row, events: Commit.parse(row).events }));
};
const put = (row: Row) => aws.dynamoDb.send(new PutCommand({ TableName, Item: row }));
const remove = ({ PK, SK }: Row) => aws.dynamoDb.send(new DeleteCommand({ TableName, Key: { PK, SK } }));

/** Does a damage, says what the checker says of it, and undoes it. */
const caught = async (damaged: readonly Row[], damage: () => Promise<unknown>): Promise<string[]> => {
  await damage();
  try {
    await invariantsHold({ tenants: [own, foreign], banks: [bank] });
    return [];
  } catch (error) {
    if (!(error instanceof InvariantsViolated)) throw error;
    return [...error.violations];
  } finally {
    for (const row of damaged) await put(row);
  }
};

let own: Tenant;
let foreign: Tenant;
let bank: Bank;
let waiting: Parcel;
let other: Parcel;
let done: Parcel;

beforeAll(async () => {
  [own, foreign] = await Promise.all([newTenant(), newTenant()]);
  bank = await newBank(own, { doors: 3 });
  const receiver = await newReceiver();
  await own.api.post('/v1/webhook-endpoints', { url: receiver.url }, Made);
  done = await createParcel(own, bank);
  waiting = await createParcel(own, bank);
  other = await createParcel(own, bank);
  await knownAtBank(own, done.id);
  await deposit(bank, done);
  await becomes(own, done.id, 'stored');
  await pickUp(bank, done);
  await becomes(own, done.id, 'completed');
  await invariantsHold({ tenants: [own, foreign], banks: [bank], quiet: true });
});

const transactionPk = (it: Parcel) => `TXN#${own.id}#${it.id}`;
const doorRow = (it: Parcel) => rowAt(`BANK#${bank.id}`, `D#${doorOf(it)}`);

describe('the checker of the invariants', () => {
  it('sees a lookup that lies, one that is missing and one that is left over', async () => {
    const { id, createdAt } = other;
    const row = await rowAt(`F#${own.id}#living#`, `${createdAt}#${id}`);
    const said = async () => searched(await takePicture([own, foreign], [bank]));
    const name = `${row.PK} ${row.SK}`;
    expect(await said()).toEqual([]);
    await put({ ...row, state: 'stored' });
    expect(await said()).toEqual([
      expect.stringMatching(`^R27: the lookup ${name} says .*"stored".* it is .*"reserved"`),
    ]);
    await remove(row);
    expect(await said()).toEqual([expect.stringContaining(`${name} says nothing`)]);
    const leftOver = { ...row, SK: `${createdAt}#${done.id}` };
    await Promise.all([put(row), put(leftOver)]);
    expect(await said()).toEqual([expect.stringMatching(`${done.id} says .* it is to be gone$`)]);
    await remove(leftOver);
  });

  it('sees a second holder of a compartment', async () => {
    const row = await rowAt(transactionPk(other), 'T');
    const found = await caught([row], () => put({ ...row, door: waiting.door }));
    expect(found).toContainEqual(
      expect.stringMatching(`^I1: ${bank.id}/${doorOf(waiting)} has two holders, .*${other.id}`),
    );
  });

  it('sees a compartment that forgot its holder', async () => {
    const row = await doorRow(waiting);
    const found = await caught([row], () => put({ ...row, heldBy: null, availability: 'available' }));
    expect(found).toContainEqual(
      `I1: ${waiting.id} is reserved at ${bank.id}/${doorOf(waiting)}, which is held by nobody`,
    );
  });

  it('sees a compartment that is held by a transaction which has ended', async () => {
    const row = await doorRow(done);
    const found = await caught([row], () => put({ ...row, heldBy: done.id }));
    expect(found).toContainEqual(`I6: ${bank.id}/${doorOf(done)} is held by ${done.id}, which is completed`);
  });

  it('sees that a commit is missing', async () => {
    const row = await rowAt(transactionPk(done), 'C#0000000003');
    const next = (await commitsOf(transactionPk(done))).find((it) => it.row.SK > row.SK)?.row.SK;
    const found = await caught([row], () => remove(row));
    expect(found).toContainEqual(`I3: ${transactionPk(done)} goes from sequence 2 to the commit ${next}, not to 3`);
  });

  it('sees that the newest commit is missing', async () => {
    const row = await rowAt(transactionPk(waiting), 'C#0000000001');
    const found = await caught([row], () => remove(row));
    expect(found).toContainEqual(
      expect.stringMatching(`^I3: ${transactionPk(waiting)} T is at version 2, its newest event at 0`),
    );
  });

  it('sees a delivery whose event there never was', async () => {
    const row = await rowAt(transactionPk(done), 'C#0000000003');
    const found = await caught([row], () => remove(row));
    expect(found).toContainEqual(
      expect.stringMatching('^I4: the delivery of evt_.* is of an event that is in no commit'),
    );
  });

  it('sees one changed byte in an event', async () => {
    const { row, events } = await commitAt(transactionPk(done), 'C#0000000003');
    const [event, ...rest] = events;
    const changed = { ...event, data: { ...event?.data, externalIds: { order: 'B' } } };
    const found = await caught([row], () => put({ ...row, events: repacked([changed, ...rest]) }));
    expect(found).toContainEqual(
      expect.stringMatching(`^I8: ${transactionPk(done)} event 3 .* bears hash ${event?.hash}, its content gives`),
    );
  });

  it('sees an event that was changed together with its hash', async () => {
    const { row, events } = await commitAt(transactionPk(done), 'C#0000000003');
    const [event, ...rest] = events;
    const changed = { ...event, data: { ...event?.data, externalIds: { order: 'B' } } };
    const found = await caught([row], () =>
      put({ ...row, events: repacked([{ ...changed, hash: hashOfEvent(changed) }, ...rest]) }),
    );
    expect(found).toContainEqual(expect.stringMatching(`^I8: ${transactionPk(done)} event 4 .* follows hash`));
  });

  it('sees a row that its events do not tell', async () => {
    const row = await rowAt(transactionPk(waiting), 'T');
    const found = await caught([row], () => put({ ...row, metadata: { forged: 'yes' } }));
    expect(found).toContainEqual(
      `I8: ${transactionPk(waiting)} T: metadata is {"forged":"yes"} in the row, {} by its events`,
    );
  });

  it('sees personal data that was exchanged behind its commitment', async () => {
    const row = await rowAt(transactionPk(waiting), 'T');
    const found = await caught([row], () => put({ ...row, recipient: { name: 'Somebody Else' } }));
    expect(found).toContainEqual(expect.stringMatching(`^I8: ${transactionPk(waiting)} commits to the personal data`));
  });

  it('sees that an end was left', async () => {
    const row = await rowAt(transactionPk(done), 'T');
    // Into a commit that is there: a new one would be published.
    const { row: commit, events } = (await commitsOf(transactionPk(done))).at(-1) ?? { row, events: [] };
    const last = events.at(-1);
    const version = Number(row.version) + 1;
    const late = {
      ...last,
      sequence: version,
      type: 'transaction.extended',
      actor: { type: 'system', id: 'x' },
      data: { ...last?.data, changes: { state: 'stored' } },
      prevHash: row.hash,
    };
    const hash = hashOfEvent(late);
    const found = await caught([row, commit], async () => {
      await put({ ...commit, events: repacked([...events, { ...late, hash }]) });
      await put({ ...row, state: 'stored', version, hash });
    });
    expect(found).toContainEqual(expect.stringMatching(`^I5: .* event ${version} .* leads from completed to stored`));
    expect(found).toContainEqual(expect.stringMatching('^I5: .* by system x comes after the end completed'));
  });

  it('sees what keeps an incident from being opened, and is none', async () => {
    const row = { PK: `INCIDENTABOUT#${own.id}#lock_jammed#${bank.id}/1`, SK: 'S', incidentId: 'inc_of_nobody' };
    const found = await caught([], () => put(row));
    await remove(row);
    expect(found).toContainEqual(`I1: ${row.PK} inc_of_nobody keeps others from being opened, and is over`);
  });

  it('sees a deadline that nothing would find', async () => {
    const row = await rowAt(transactionPk(waiting), 'T');
    const { dueAt, duePk: _, ...rest } = row;
    const found = await caught([row], () => put(rest));
    expect(found).toContainEqual(`I6: ${waiting.id} (reserved) is due at ${String(dueAt)}, the index says nothing`);
  });

  it('sees a PIN that nothing keeps from others', async () => {
    const lock = (await partition(`BANK#${bank.id}`)).find(
      (it) => it.SK.startsWith('P#') && it.transactionId === waiting.id,
    );
    if (lock === undefined) throw new Error('the waiting parcel has no PIN lock');
    const found = await caught([lock], () => remove(lock));
    expect(found).toContainEqual(
      expect.stringMatching(`^I6: ${String(lock.credentialId)} .* has 0 PIN locks and says locked: true`),
    );
  });

  it('sees an effect without the record of its idempotency key', async () => {
    const { rows } = await takePicture([own], []);
    const Answer = unpacked(z.looseObject({ body: z.looseObject({ id: z.string() }) }));
    const record = rows.find((it) => it.PK.startsWith('IDEM#') && Answer.parse(it.answer).body.id === waiting.id);
    if (record === undefined) throw new Error('the waiting parcel has no idempotency record');
    const found = await caught([record], () => remove(record));
    expect(found).toContainEqual(
      expect.stringMatching(`^I7: the effect ${transactionPk(waiting)} C#0000000001 .* has no idempotency record`),
    );
  });

  it('sees rows that name another tenant', async () => {
    const row = await rowAt(transactionPk(waiting), 'T');
    const found = await caught([row], () => put({ ...row, tenant: foreign.id }));
    expect(found).toContain(`I9: ${transactionPk(waiting)} T of ${own.id} says tenant ${foreign.id}`);
  });

  it('sees that the journal was recorded otherwise than the bank wrote it', async () => {
    const entries = z.object({ entries: z.array(z.looseObject({ type: z.string(), at: z.int() })) });
    const row = (await partition(`BANK#${bank.id}`)).find((it) => it.SK.startsWith('J#'));
    if (row === undefined) throw new Error('nothing of the journal is recorded');
    const [first, ...rest] = entries.parse(row).entries;
    const forged = [{ ...first, at: Number(first?.at) + 1 }, ...rest];
    const found = await caught([row], () => put({ ...row, entries: forged }));
    expect(found).toContainEqual(expect.stringMatching(`^I3: entry \\d+ of ${bank.id} is recorded as`));
  });

  it('sees an opening for a credential that was dead by then', async () => {
    const { row, events } = await commitAt(transactionPk(done), 'C#0000000001');
    const Changes = z.looseObject({ changes: z.looseObject({ credentials: z.array(z.looseObject({})) }) });
    const [created, ...rest] = events;
    const data = Changes.parse(created?.data);
    const credentials = data.changes.credentials.map((it) => ({ ...it, state: 'revoked' }));
    const forged = [{ ...created, data: { ...data, changes: { ...data.changes, credentials } } }, ...rest];
    const found = await caught([row], () => put({ ...row, events: repacked(forged) }));
    expect(found).toContainEqual(
      expect.stringMatching(`^I2: door ${doorOf(done)} of ${bank.id} opened .*: it was revoked in version 2`),
    );
  });

  it('sees an event that reached no subscribed endpoint', async () => {
    const picture = await takePicture([own], [bank]);
    // The newest event was surely later than the subscription; what happened just before that may be told as well.
    const told = picture.deliveries.toSorted((a, b) => (a.eventId < b.eventId ? -1 : 1));
    expect(undelivered({ ...picture, deliveries: told.slice(0, -1) })).toEqual([
      expect.stringMatching(`^I4: no delivery of ${told.at(-1)?.eventId}`),
    ]);
  });

  it('sees a door that opened for a command too late, or twice, or for nobody', async () => {
    const { api } = own;
    const door = doorOf(done);
    const { id } = await api.post('/v1/commands', { bankId: bank.id, door, reason: 'a look inside' }, Made);
    await eventually(async () => {
      const { state } = await api.get(`/v1/commands/${id}`, z.object({ state: z.string() }));
      expect(state).toBe('opened');
    });
    await bank.panel.door(door, { door: 'closed' });
    await invariantsHold({ tenants: [own], banks: [bank], quiet: true });

    const picture = await takePicture([own], [bank]);
    const [testimony] = picture.testimonies;
    const opening = testimony?.journal.openings.find(({ cause }) => cause?.commandId === id);
    if (!testimony || !opening) throw new Error('the bank does not say that it opened');
    const saying = (...more: (typeof opening)[]) => {
      const entries = testimony.journal.entries.flatMap((it) => (it.type === 'door.opened' ? [it, { ...it }] : [it]));
      const openings = [...testimony.journal.openings.filter((it) => it !== opening), ...more];
      // Two entries of one opening, each with a number of its own, so that only the opening itself is in question.
      const numbered = entries.map((it, nth) => ({ ...it, seq: nth + 1 }));
      const journal = { ...testimony.journal, entries: numbered, openings };
      return openedRightly({ ...picture, testimonies: [{ ...testimony, journal }] });
    };
    expect(saying(opening)).toEqual([]);
    expect(saying(opening, opening)).toContainEqual(expect.stringMatching('^I2: .* it opened 2 times'));
    expect(saying({ ...opening, at: opening.at + 60_000 })).toContainEqual(
      expect.stringMatching('^I2: .* it was valid until'),
    );
    expect(saying({ ...opening, cause: null })).toContainEqual(
      expect.stringMatching('^I2: .* for null, which its journal does not say'),
    );
  });

  it('sees a door that opened for what a lost disk had told to be used up', async () => {
    const picture = await takePicture([own], [bank]);
    const [testimony] = picture.testimonies;
    const opening = testimony?.journal.openings.find(({ cause }) => cause?.step === 'deposit');
    const entries = testimony?.journal.entries.filter((it) => it.door === opening?.door) ?? [];
    if (!testimony || !opening) throw new Error('the bank does not say that it opened');
    // The same once more, on a disk that knows nothing of it.
    const onNewDisk = (later: number) => {
      const openings = [{ ...opening, journalId: 'jnl_new', at: opening.at + later }];
      const journal = { ...testimony.journal, journalId: 'jnl_new', openings, entries };
      return openedRightly({ ...picture, testimonies: [{ ...testimony, journal }] });
    };
    // Until what the disk told is recorded, nobody could know.
    expect(onNewDisk(0)).toEqual([]);
    expect(onNewDisk(60_000)).toEqual([expect.stringMatching('^I2: .* it was used up, by what a lost disk had told')]);
  });

  it('sees guesses at a keypad that should have been off', async () => {
    const picture = await takePicture([own], [bank]);
    const [testimony] = picture.testimonies;
    if (testimony === undefined) throw new Error('the bank says nothing');
    const guessed = (count: number, everyMs: number) => {
      const entries = Array.from({ length: count }, (_, nth) => ({
        seq: nth + 1,
        at: Date.now() + nth * everyMs,
        type: 'access.denied',
        method: 'pin',
        reason: 'wrong_credential',
      }));
      return guessesLimited({
        ...picture,
        testimonies: [{ ...testimony, journal: { ...testimony.journal, entries } }],
      });
    };
    expect(guessed(5, 1_000)).toEqual([]);
    expect(guessed(6, 1_000)).toEqual([expect.stringMatching('^I10: entry 6 .* while the keypad was off')]);
    expect(guessed(21, 1_000_000)).toContainEqual(
      expect.stringMatching('^I10: entry 21 .* is wrong number 21 within 24 h'),
    );
  });

  it('sees an item that nothing knows of', async () => {
    const picture = await takePicture([own], [bank]);
    const [testimony] = picture.testimonies;
    if (testimony === undefined) throw new Error('the bank says nothing');
    const filled = Object.fromEntries(
      Object.entries(testimony.state.doors).map(([door, it]) => [door, { ...it, inside: 'filled' }]),
    );
    const state = { ...testimony.state, doors: filled };
    expect(itemsKnown({ ...picture, testimonies: [{ ...testimony, state }] })).toEqual([
      `I6: something is inside door ${doorOf(done)} of ${bank.id}, which is available`,
    ]);
  });

  it('finds nothing any more once all is repaired', async () => {
    await invariantsHold({ tenants: [own, foreign], banks: [bank], quiet: true });
  });
});
