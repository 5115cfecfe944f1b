import { describe, expect, it } from 'vitest';
import { openByPhone } from '#shared/api/commands.ts';
import { presenceCodeAt, presenceSeconds } from '#shared/device/presence.ts';
import { newCompartment } from '#shared/domain/compartment.ts';
import { born } from '#shared/domain/decision.ts';
import { bankKeyOf } from '#shared/domain/derived.ts';
import { type CreateInput, create } from '#shared/domain/lifecycle.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { epochMs, type Instant, plusSeconds } from '#shared/domain/time.ts';
import { bankWrites } from '#shared/store/banks.ts';
import { commitBankLog } from '#shared/store/commit.ts';
import { CommitRow } from '#shared/store/commit-row.ts';
import { keys } from '#shared/store/rows.ts';
import { decisionWrites } from '#shared/store/transactions.ts';
import { commandHandlers } from '../../functions/http/commands.ts';
import { bankOf, chosen, doorOf, freshFor, minutes, parcelInput, startedAt } from '../domain/cloud-and-bank.ts';
import { memoryShadows } from '../support/memory-shadows.ts';
import { memoryTable } from '../support/memory-table.ts';

const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
const of = 'txn_1';
const bankKey = bankKeyOf(rootKeys, 'bnk_1', { generation: 1, keyVersion: 1 });
const shownAt = (at: Instant): string => presenceCodeAt(bankKey, epochMs(at) / 1000);

/** A bank with a parcel promised at door 1, and somebody with a phone. */
const world = async (more: Partial<CreateInput> = {}) => {
  let ids = 0;
  const newId = (prefix: string) => `${prefix}_${String(ids++).padStart(26, '0')}`;
  const table = memoryTable();
  const bank = bankOf([doorOf('1')]);
  const { id: bankId, tenant, siteId } = bank;
  const circumstances = { actor: { type: 'system' as const, id: 'test' }, now: startedAt, newId };
  const head = { tenant, bankId, siteId, door: null, version: 1, hash: '' };
  await table.write([
    ...bankWrites(bank),
    ...commitBankLog(born(head, 'bank.registered', [], { name: '', doors: 1 }), circumstances).writes,
  ]);
  const decision = create(parcelInput(of, more), newCompartment('1'), 6, chosen, freshFor(of), startedAt);
  await table.write(decisionWrites(rootKeys, decision, null, circumstances).writes);
  const handlers = commandHandlers({
    table,
    newId,
    rootKeys: async () => rootKeys,
    clock: () => epochMs(startedAt),
    shadows: memoryShadows(),
  });

  /** Answers the door that will open, or why not. */
  const open = async (code: string, now: Instant, credentialId = `${of}_d`): Promise<string> => {
    const call = {
      params: { transactionId: of, credentialId },
      query: {},
      body: { code },
      caller: { tenant, apiKeyId: 'key_1', mode: 'live', scopes: [], system: null },
      now,
      circumstances: { actor: { type: 'api_key', id: 'key_1' }, now, newId },
      ifMatch: undefined,
      record: () => [],
    };
    try {
      const answer = await handlers[openByPhone.id]?.(call as never);
      return openByPhone.response().parse(answer?.body).door;
    } catch (error) {
      if (error instanceof Refusal) return error.reason ?? error.code;
      throw error;
    }
  };
  const told = () =>
    table
      .rows()
      .filter(({ PK, SK }) => PK === keys.bankLog(bankId).PK && SK.startsWith('C#'))
      .flatMap((row) => CommitRow.parse(row).events)
      .filter(({ type }) => type === 'access.phone_denied');
  return { open, told, table };
};

const at = minutes(10);

describe('a door that is opened by phone', () => {
  it('opens with the code that the panel shows, and with that of just before', async () => {
    const { open, told } = await world();
    expect(await open(shownAt(at), at)).toBe('1');
    const later = plusSeconds(at, presenceSeconds);
    const other = await world();
    expect(await other.open(shownAt(at), later)).toBe('1');
    expect(told()).toEqual([]);
  });

  it('stays shut with a code of a minute ago, which is kept with whose it was', async () => {
    const { open, told } = await world();
    expect(await open(shownAt(at), plusSeconds(at, 2 * presenceSeconds))).toBe('wrong_presence_code');
    expect(told()).toMatchObject([
      {
        actor: { type: 'system', id: 'presence' },
        data: { reason: 'wrong_presence_code', next: 'check_the_code', transactionId: of, credentialId: `${of}_d` },
      },
    ]);
  });

  it('is out of reach for an hour after five wrong codes, of this credential and no other', async () => {
    const { open, told } = await world({
      access: [
        { step: 'deposit', method: 'pin' },
        { step: 'deposit', method: 'qr' },
      ],
    });
    const wrong = shownAt(minutes(700));
    for (let nth = 0; nth < 5; nth += 1) expect(await open(wrong, at)).toBe('wrong_presence_code');
    expect(await open(wrong, at)).toBe('presence_locked');
    expect(await open(shownAt(at), at)).toBe('presence_locked');
    expect(told()).toHaveLength(5);
    // The QR code for the same step, whose id is the next.
    expect(await open(shownAt(at), at, `${of}_p`)).toBe('1');
    const nextHour = minutes(61);
    expect(await open(shownAt(nextHour), nextHour)).toBe('1');
  });

  it('counts anew once somebody has shown that they stand there', async () => {
    const { open } = await world();
    const wrong = shownAt(minutes(700));
    for (let nth = 0; nth < 4; nth += 1) await open(wrong, at);
    expect(await open(shownAt(at), at)).toBe('1');
    for (let nth = 0; nth < 4; nth += 1) expect(await open(wrong, at)).toBe('wrong_presence_code');
  });

  it('opens for nobody whose turn it is not, who is not of this parcel, or whose label has to be seen', async () => {
    const { open, told } = await world({ label: 'L', scanAt: 'deposit' });
    expect(await open(shownAt(at), at, `${of}_p`)).toBe('compartment_empty');
    expect(await open(shownAt(at), at, 'crd_other')).toBe('not_found');
    expect(await open(shownAt(at), at)).toBe('invalid_transition');
    expect(told()).toEqual([]);
  });

  it('costs one read more than any other command, and one write', async () => {
    const { open, table } = await world();
    table.calls.length = 0;
    await open(shownAt(at), at);
    expect(table.calls.filter((call) => call === 'write')).toHaveLength(1);
    expect(table.calls.filter((call) => call !== 'write')).toHaveLength(2);
  });
});
