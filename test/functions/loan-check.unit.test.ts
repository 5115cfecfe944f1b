import { describe, expect, it } from 'vitest';
import { defaultPolicy } from '#shared/domain/assignment-policy.ts';
import { anItem, bankOf, doorOf, hours } from '../domain/cloud-and-bank.ts';
import { bankWithLine, doors } from '../support/waiting-table.ts';

const loanOf = (assetId: string, more: Record<string, unknown> = {}) => ({
  workflow: 'loan',
  items: [],
  assetId,
  ...more,
});

describe('a check of a loan', () => {
  it('says what its create does: the door of the asset, or whom it is promised to', async () => {
    const bank = await bankWithLine(doors(2));
    const asset = await bank.register('2');
    expect(await bank.check(loanOf(asset.id))).toMatchObject({ outcome: 'reserved', door: '2', candidates: 1 });
    const lent = await bank.create(loanOf(asset.id));
    expect(lent).toMatchObject({ state: 'reserved', reservation: 'hard', door: '2', items: [anItem] });
    expect(lent.assignment).toMatchObject({ policy: 'best-fit/1', reason: 'the door of the asset' });
    const refused = { outcome: 'refused', door: null, refusal: 'bank_full', alternatives: [] };
    expect(await bank.check(loanOf(asset.id))).toMatchObject({ ...refused, reason: expect.stringContaining(lent.id) });
    await expect(bank.create(loanOf(asset.id))).rejects.toMatchObject({ reason: 'bank_full', existing: lent.id });
  });

  it.each<[string, Record<string, unknown>]>([
    ['/waitUntil', { waitUntil: hours(4) }],
    ['/reservation', { reservation: 'soft' }],
    ['/items', { items: [anItem] }],
  ])('refuses %s as its create does', async (pointer, more) => {
    const bank = await bankWithLine(doors(1));
    const { id } = await bank.register('1');
    const refused = { code: 'invalid_request', errors: [{ pointer }] };
    await expect(bank.check(loanOf(id, more))).rejects.toMatchObject(refused);
    await expect(bank.create(loanOf(id, more))).rejects.toMatchObject(refused);
  });

  it('asks every other workflow for items', async () => {
    const bank = await bankWithLine(doors(1));
    const refused = { code: 'invalid_request', errors: [{ pointer: '/items' }] };
    await expect(bank.check({ items: [] })).rejects.toMatchObject(refused);
    await expect(bank.create({ items: [] })).rejects.toMatchObject(refused);
  });
});

describe('a door of an asset', () => {
  it('is nothing that anybody waits for: whoever waits gets another', async () => {
    const bank = await bankWithLine(doors(2));
    const { id } = await bank.register('2');
    const first = await bank.create();
    const waits = await bank.create({ waitUntil: hours(4) });
    const lent = await bank.create(loanOf(id));
    await bank.cancel(lent.id);
    expect(await bank.serve()).toMatchObject({ served: 0 });
    await bank.cancel(first.id);
    expect(await bank.serve()).toMatchObject({ served: 1 });
    expect(await bank.read(waits.id)).toMatchObject({ state: 'reserved', door: '1' });
  });
});

describe('a move to a larger door', () => {
  it('leads there, though the policy takes none that is larger than it must be', async () => {
    const { id: _, ...rules } = defaultPolicy;
    const assignmentPolicy = { ...rules, id: 'strict/1', takeLarger: false };
    const bank = await bankWithLine({ ...bankOf([doorOf('1'), doorOf('2', { heightMm: 600 })]), assignmentPolicy });
    const made = await bank.create();
    expect(made.door).toBe('1');
    expect(await bank.move(made.id, { larger: true })).toMatchObject({ door: '2', version: 3 });
  });
});
