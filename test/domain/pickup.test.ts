import { describe, expect, it } from 'vitest';
import type { Credential } from '#shared/domain/credential.ts';
import { type Pickup, pickupOf } from '#shared/domain/pickup.ts';
import { pickupTag } from '#shared/domain/pickup-link.ts';
import type { Transaction } from '#shared/domain/transaction.ts';
import type { Workflow } from '#shared/domain/workflow.ts';
import { hours, minutes, reserved } from './cloud-and-bank.ts';

const now = minutes(10);

/** A transaction of that workflow, with another state of its credentials by their step. */
const at = (
  workflow: Workflow,
  more: Partial<Transaction> = {},
  credentials: Partial<Record<string, Partial<Credential>>> = {},
): Transaction => {
  const made = reserved('txn_1', '1', { workflow });
  return { ...made, ...more, credentials: made.credentials.map((it) => ({ ...it, ...credentials[it.step] })) };
};

const seenBy = (step: string, it: Transaction, when = now): Pickup | null =>
  pickupOf(it, pickupTag(`txn_1_${step.slice(0, 1)}`), when);
const seen = (step: string, it: Transaction, when = now) => {
  const { task, situation } = seenBy(step, it, when) ?? {};
  return `${task}: ${situation}`;
};

const stored = { state: 'stored' as const, depositStartedAt: now, depositedAt: now };
const inside = { deposit: { state: 'used' as const }, pickup: { state: 'active' as const } };
const given = { pickup: { state: 'used' as const }, deposit: { state: 'active' as const } };

describe('what somebody who has a link sees', () => {
  const rows = [
    ['deposit', at('parcel'), 'hand_in: ready'],
    ['pickup', at('parcel'), 'parcel: ahead'],
    ['deposit', at('parcel', stored, inside), 'hand_in: done'],
    ['pickup', at('parcel', stored, inside), 'parcel: ready'],
    ['pickup', at('return', stored, inside), 'return: ready'],
    ['pickup', at('release', stored, inside), 'release: ready'],
    ['pickup', at('sale', { ...stored, preconditions: [{ condition: 'payment' }] }, inside), 'order: payment_pending'],
    ['pickup', at('parcel', { ...stored, flags: ['held'] }, inside), 'parcel: on_hold'],
    ['pickup', at('loan'), 'borrow: ready'],
    ['pickup', at('loan', { state: 'in_use', startedAt: now }, given), 'bring_back: ready'],
    ['deposit', at('loan', { state: 'completed', endedAt: now }, given), 'bring_back: completed'],
    ['use', at('rental'), 'rent: ready'],
    ['use', at('rental', { state: 'in_use', startedAt: now }), 'rent: ready'],
    ['pickup', at('parcel', { state: 'created' }), 'parcel: no_door_yet'],
    [
      'pickup',
      at(
        'parcel',
        { ...stored, state: 'recall_due', recallCause: 'pickup_deadline' },
        { pickup: { state: 'expired' } },
      ),
      'parcel: too_late',
    ],
    [
      'pickup',
      at('parcel', { ...stored, state: 'recall_due', recallCause: 'cancelled' }, { pickup: { state: 'revoked' } }),
      'parcel: taken_back',
    ],
    ['pickup', at('parcel', { state: 'expired', endedAt: now }, { pickup: { state: 'expired' } }), 'parcel: expired'],
  ] as const;
  it.each(rows.map(([step, it, sees]) => ({ step, it, sees })))(
    '$sees, by the link of the $step',
    ({ step, it, sees }) => {
      expect(seen(step, it)).toBe(sees);
    },
  );

  it('is told from when, if they are early, with what is tolerated', () => {
    const early = at('release', stored, { ...inside, pickup: { state: 'active', notBefore: hours(2) } });
    expect(seenBy('pickup', early)).toMatchObject({ situation: 'too_early', opens: null, from: minutes(110) });
    expect(seenBy('pickup', early, minutes(115))).toMatchObject({ situation: 'ready', from: null });
  });

  it('is told until when, by what is due and not by how long the door would still open', () => {
    const lent = at('loan', { state: 'in_use', startedAt: now, flags: ['overdue'] }, given);
    expect(seenBy('pickup', lent)).toMatchObject({ until: lent.deadlines.useUntil, isOverdue: true });
    expect(seenBy('pickup', at('parcel'))).toMatchObject({ until: at('parcel').deadlines.reserveUntil });
  });

  it('opens from the page only what nothing has to be scanned for and nothing is counted of', () => {
    expect(seenBy('pickup', at('parcel', stored, inside))?.opens?.id).toBe('txn_1_p');
    expect(seenBy('pickup', at('parcel', { ...stored, scanAt: 'pickup' }, inside))).toMatchObject({
      opens: null,
      isScanned: true,
    });
    expect(seenBy('use', at('rental', {}, { use: { uses: 3 } }))).toMatchObject({ situation: 'ready', opens: null });
  });

  it('hands on only what the workflow lets be handed on', () => {
    expect(seenBy('pickup', at('parcel', stored, inside))?.handsOn?.id).toBe('txn_1_p');
    expect(seenBy('deposit', at('parcel'))?.handsOn).toBeNull();
    expect(seenBy('pickup', at('release', stored, inside))?.handsOn).toBeNull();
  });

  it('sees no door, no code and no time once it is over, and a week later nothing', () => {
    const over = at('parcel', { ...stored, state: 'completed', endedAt: now }, { pickup: { state: 'used' } });
    expect(seenBy('pickup', over, hours(24))).toMatchObject({
      door: null,
      credentials: [],
      from: null,
      until: null,
      opens: null,
      handsOn: null,
    });
    expect(seenBy('pickup', over, hours(24 * 7 + 1))).toBeNull();
  });

  it('sees nothing any more once another was issued, or theirs was revoked', () => {
    for (const state of ['superseded', 'revoked'] as const)
      expect(seenBy('pickup', at('parcel', stored, { ...inside, pickup: { state } }))).toBeNull();
    const cancelled = at('parcel', { state: 'cancelled', endedAt: now }, { pickup: { state: 'revoked' } });
    expect(seen('pickup', cancelled)).toBe('parcel: cancelled');
    expect(
      seenBy('pickup', {
        ...cancelled,
        credentials: cancelled.credentials.map((it) => ({ ...it, delegatedFrom: 'x' })),
      }),
    ).toBeNull();
  });
});
