import { describe, expect, it } from 'vitest';
import { delegate, issue, resend, revoke, takeBack } from '#shared/domain/access.ts';
import { envelopesOf } from '#shared/domain/chain.ts';
import { type Compartment, changed, newCompartment } from '#shared/domain/compartment.ts';
import { type Access, type Credential, liveCredential, liveCredentialsMost } from '#shared/domain/credential.ts';
import { runningDeadline } from '#shared/domain/deadline.ts';
import { doorGrants, whyNot } from '#shared/domain/grants.ts';
import { type CreateInput, cancel, expireIfDue, extend, hold, wait } from '#shared/domain/lifecycle.ts';
import { subjects } from '#shared/domain/subjects.ts';
import { epochMs, plusSeconds } from '#shared/domain/time.ts';
import type { Transaction } from '#shared/domain/transaction.ts';
import { Workflow, workflowOf } from '#shared/domain/workflow.ts';
import {
  Cloud,
  chosen,
  doorOf,
  hours,
  Journal,
  minutes,
  parcelInput,
  refusalOf,
  reserved,
  startedAt,
} from './cloud-and-bank.ts';

const of = 'txn_1';
const grantsOf = (it: Transaction) => doorGrants(it, ({ id, verifier }) => verifier ?? `verifier of ${id}`).grants;
const fresh = (...credentialIds: string[]) => ({ credentialIds, keyVersion: 1 });
const door: Compartment = changed(newCompartment('1'), { heldBy: of }, false);

/** A cloud that has a parcel, or something else, of which that was asked. */
const cloudWith = (more: Partial<CreateInput> = {}): Cloud => {
  const cloud = new Cloud([doorOf('1')]);
  cloud.reserve(of, more);
  return cloud;
};
const deposited = (cloud: Cloud): Cloud => {
  cloud.learn(new Journal().deposited(of, '1', minutes(2)));
  return cloud;
};
const byId = (it: Transaction, id: string): Credential => {
  const found = it.credentials.find((c) => c.id === id);
  if (!found) throw new Error(`there is no ${id}`);
  return found;
};
const handOn = (
  it: Transaction,
  more: { method?: Access['method']; keepsOwn?: boolean; together?: string[]; id?: string; of?: string } = {},
) =>
  delegate(
    it,
    more.of ?? `${of}_p`,
    {
      to: { name: 'Grace' },
      access: { method: more.method ?? 'pin' },
      keepsOwn: more.keepsOwn ?? false,
      ...(more.together && { together: more.together }),
      by: 'by_recipient',
    },
    fresh(more.id ?? 'crd_grace'),
    minutes(5),
  ).transaction.after;

describe('how people prove their right', () => {
  it('is as asked for, and where nothing was asked the usual way', () => {
    const it = cloudWith({ access: [{ step: 'pickup', method: 'badge', verifier: 'of B-700123' }] }).transaction(of);
    expect(it.credentials).toMatchObject([
      { step: 'deposit', method: 'pin', state: 'active' },
      { step: 'pickup', method: 'badge', state: 'issued', verifier: 'of B-700123' },
    ]);
    expect(grantsOf(it)).toMatchObject([{ method: 'badge', verifier: 'of B-700123' }, { method: 'pin' }]);
  });

  it('is kept while the transaction waits for a door', () => {
    const access: Access[] = [{ step: 'pickup', method: 'qr' }];
    const { after } = wait(parcelInput(of, { access }), hours(1), chosen, startedAt).transaction;
    expect(after.waiting?.access).toEqual(access);
  });

  it('shows in its events nothing that is kept of a badge, nor while it waits', () => {
    const badge = { step: 'pickup', method: 'badge', verifier: 'of its bank', index: 'of its tenant' } as const;
    const issued = issue(cloudWith().transaction(of), badge, fresh('crd_badge'), minutes(1)).transaction;
    expect(byId(issued.after, 'crd_badge')).toMatchObject({ verifier: 'of its bank', index: 'of its tenant' });
    const waits = wait(parcelInput(of, { access: [badge] }), hours(1), chosen, startedAt).transaction;
    expect(waits.after.waiting?.access).toEqual([badge]);
    for (const change of [issued, waits]) {
      const said = envelopesOf(subjects.transaction, change, {
        actor: { type: 'system', id: 'test' },
        now: minutes(1),
        newEventId: () => 'evt_1',
      });
      expect(JSON.stringify(said)).toContain('"method":"badge"');
      expect(JSON.stringify(said)).not.toMatch(/of its bank|of its tenant|"verifier"|"index"/);
    }
  });

  it('tells a bank no verifier of a token', () => {
    const it = cloudWith({ access: [{ step: 'pickup', method: 'qr' }] }).transaction(of);
    const qr = grantsOf(it).find(({ method }) => method === 'qr');
    expect(qr).toMatchObject({ step: 'pickup', uses: 1 });
    expect(qr).not.toHaveProperty('verifier');
  });

  const pin = { step: 'pickup', method: 'pin' } as const;
  it.each<[string, Workflow, Access[], string]>([
    ['a step that there is none of', 'parcel', [{ step: 'use', method: 'pin' }], '/access/0/step'],
    [
      'a label, of what is handed to a named person',
      'release',
      [{ step: 'pickup', method: 'barcode' }],
      '/access/0/method',
    ],
    ['two PINs of one step', 'parcel', [pin, pin], '/access/1/method'],
    ['a beginning after the end', 'parcel', [{ ...pin, notBefore: hours(500) }], '/access/0/notBefore'],
    ['an end after the deadline', 'parcel', [{ ...pin, notAfter: hours(500) }], '/access/0/notAfter'],
    ['an end that is past', 'parcel', [{ ...pin, notAfter: minutes(-1) }], '/access/0/notAfter'],
    ['two uses of what is done once', 'parcel', [{ ...pin, uses: 2 }], '/access/0/uses'],
    ['more than a door has room for', 'parcel', Array(4).fill({ step: 'pickup', method: 'badge' }), '/access'],
  ])('is refused for %s', (_, workflow, access, pointer) => {
    const refusal = refusalOf(() => reserved(of, '1', { workflow, access }));
    expect(refusal).toMatchObject({ code: 'invalid_request', errors: [{ pointer }] });
  });

  it('is good for as many openings of a rented door as was said', () => {
    const it = cloudWith({ workflow: 'rental', access: [{ step: 'use', method: 'pin', uses: 3 }] }).transaction(of);
    expect(grantsOf(it)).toMatchObject([{ step: 'use', uses: 3 }]);
  });

  it.each(Workflow.options)('has a way in that needs nothing of the caller, for each step of a %s', (workflow) => {
    for (const { methods } of workflowOf(workflow).steps) expect(methods[0]).toBe('pin');
  });
});

describe('a window', () => {
  const appointed = { access: [{ step: 'pickup', method: 'pin', notBefore: hours(3), notAfter: hours(5) }] } as const;
  const stored = deposited(cloudWith(appointed)).transaction(of);
  const pickup = byId(stored, `${of}_p`);

  it('begins and ends when it was said, though the deadline lies later', () => {
    expect(pickup).toMatchObject({ state: 'active', notBefore: hours(3), notAfter: hours(5) });
    expect(whyNot(stored, pickup, hours(2))).toEqual({ reason: 'too_early', limitAt: hours(3) });
    expect(whyNot(stored, pickup, hours(4))).toBeNull();
    expect(whyNot(stored, pickup, hours(6))).toEqual({ reason: 'too_late', limitAt: hours(5) });
  });

  it('with an end of its own does not grow with the deadline', () => {
    const later = extend(stored, { pickupBy: hours(200) }, hours(1)).transaction.after;
    expect(byId(later, `${of}_p`).notAfter).toBe(hours(5));
  });

  it('is wider at the bank by what is tolerated, and the deadlines end so much later', () => {
    const tolerance = { earlySeconds: 600, lateSeconds: 900 };
    const it = deposited(cloudWith({ ...appointed, tolerance })).transaction(of);
    expect(grantsOf(it)).toMatchObject([
      {
        notBefore: epochMs(plusSeconds(hours(3), -600)) / 1000,
        notAfter: epochMs(plusSeconds(hours(5), 900)) / 1000,
      },
    ]);
    const credential = byId(it, `${of}_p`);
    expect(whyNot(it, credential, plusSeconds(hours(3), -600))).toBeNull();
    expect(whyNot(it, credential, plusSeconds(hours(5), 900))).toBeNull();
    expect(whyNot(it, credential, plusSeconds(hours(5), 901))).toMatchObject({ reason: 'too_late' });

    const due = plusSeconds(it.deadlines.pickupBy ?? '', 900);
    expect(runningDeadline(it)).toEqual({ name: 'pickupBy', at: due });
    expect(expireIfDue(it, door, fresh('crd_staff'), plusSeconds(due, -1))).toBeNull();
    expect(expireIfDue(it, door, fresh('crd_staff'), due)?.transaction.after.state).toBe('recall_due');
  });

  it('of a release has the manners of its workflow, unless the call says otherwise', () => {
    expect(reserved(of, '1', { workflow: 'release' }).tolerance).toEqual({ earlySeconds: 600, lateSeconds: 600 });
    expect(
      reserved(of, '1', { workflow: 'release', tolerance: { earlySeconds: 0, lateSeconds: 0 } }),
    ).not.toHaveProperty('tolerance');
  });
});

describe('several credentials of one step', () => {
  const both = cloudWith({
    access: [
      { step: 'pickup', method: 'pin' },
      { step: 'pickup', method: 'badge', verifier: 'of a badge' },
    ],
  });
  const [, pin, badge] = both.transaction(of).credentials;

  it('are done with together: the one that was used is used, the other opens nothing more', () => {
    const cloud = deposited(both);
    const journal = new Journal('jnl_2');
    cloud.learn(journal.pickedUpWith(badge?.id ?? '', of, '1', minutes(9)));
    const it = cloud.transaction(of);
    expect(it.state).toBe('completed');
    expect(byId(it, badge?.id ?? '').state).toBe('used');
    expect(byId(it, pin?.id ?? '')).toMatchObject({ state: 'revoked', locked: false });
  });

  it('are four at most, and of them one PIN', () => {
    const it = reserved();
    expect(refusalOf(() => issue(it, { step: 'pickup', method: 'pin' }, fresh('x'), minutes(1))).message).toContain(
      'is live for the step pickup',
    );
    const full = ['a', 'b'].reduce(
      (now, id) =>
        issue(now, { step: 'pickup', method: 'badge', verifier: id }, fresh(id), minutes(1)).transaction.after,
      it,
    );
    expect(full.credentials.filter(liveCredential)).toHaveLength(liveCredentialsMost);
    expect(refusalOf(() => issue(full, { step: 'pickup', method: 'qr' }, fresh('c'), minutes(1))).message).toContain(
      'revoke one first',
    );
  });

  it('that the person brought are not sent again', () => {
    const refusal = refusalOf(() => resend(both.transaction(of), badge?.id ?? '', fresh('x')));
    expect(refusal.code).toBe('invalid_transition');
  });
});

describe('a code of an operator', () => {
  const stored = deposited(cloudWith()).transaction(of);
  const held = hold(stored, 'customs').transaction.after;
  const override = { step: 'pickup', method: 'operator', reason: 'the recipient is at the desk' } as const;

  it('opens in spite of a hold, once, for a quarter of an hour, and it is kept why', () => {
    const { after, emissions } = issue(held, override, fresh('crd_staff'), minutes(10)).transaction;
    const code = byId(after, 'crd_staff');
    expect(code).toMatchObject({ state: 'active', notBefore: minutes(10), notAfter: minutes(25) });
    expect(whyNot(after, code, minutes(11))).toBeNull();
    expect(whyNot(after, code, minutes(26))).toMatchObject({ reason: 'too_late' });
    const grant = grantsOf(after).find(({ id }) => id === 'crd_staff');
    expect(grant).toMatchObject({ uses: 1, method: 'operator' });
    expect(grant).not.toHaveProperty('blocked');
    expect(emissions[0]).toMatchObject({ type: 'credential.issued', data: { reason: override.reason } });
  });

  it('is no conflict with the hold that it was meant for', () => {
    const cloud = deposited(cloudWith());
    cloud.decide(of, (it) => hold(it, 'customs'));
    cloud.decide(of, (it, _at, drawn, now) => issue(it, override, { ...drawn, credentialIds: ['crd_staff'] }, now));
    cloud.learn(new Journal('jnl_2').pickedUpWith('crd_staff', of, '1', minutes(9)));
    expect(cloud.transaction(of)).toMatchObject({ state: 'completed', flags: [] });
  });

  it('is for what is to be done now, and for a day at most', () => {
    expect(refusalOf(() => issue(reserved(), override, fresh('x'), minutes(1))).message).toContain('has not begun');
    const tomorrow = { ...override, notAfter: hours(30) };
    expect(refusalOf(() => issue(stored, tomorrow, fresh('x'), minutes(1)))).toMatchObject({
      errors: [{ pointer: '/notAfter' }],
    });
  });
});

describe('a right that is handed on', () => {
  const stored = deposited(cloudWith()).transaction(of);

  it('is with the other person, who has a credential of their own, and not with the first any more', () => {
    const it = handOn(stored);
    expect(byId(it, 'crd_grace')).toMatchObject({ step: 'pickup', state: 'active', delegatedFrom: `${of}_p` });
    expect(it.delegates).toEqual({ crd_grace: { name: 'Grace' } });
    expect(whyNot(it, byId(it, `${of}_p`), minutes(6))).toEqual({ reason: 'delegated' });
    expect(whyNot(it, byId(it, 'crd_grace'), minutes(6))).toBeNull();
    expect(grantsOf(it).map(({ id, blocked }) => [id, blocked])).toEqual([
      ['crd_grace', undefined],
      [`${of}_p`, 'delegated'],
    ]);
  });

  const qr = { step: 'pickup', method: 'qr' } as const;
  const own = `${of}_p`;
  /** What opens for the pickup. */
  const opening = (it: Transaction): string[] =>
    it.credentials.filter((c) => c.step === 'pickup' && whyNot(it, c, minutes(6)) === null).map(({ id }) => id);

  it('takes what else the first has for it along where that is said, and brings it back', () => {
    const both = issue(stored, qr, fresh('crd_qr'), minutes(5)).transaction.after;
    const all = issue(both, { ...qr, method: 'app' }, fresh('crd_colleague'), minutes(5)).transaction.after;
    expect(opening(handOn(all))).toEqual(['crd_qr', 'crd_colleague', 'crd_grace']);
    const it = handOn(all, { together: ['crd_qr'] });
    expect(opening(it)).toEqual(['crd_colleague', 'crd_grace']);
    expect(refusalOf(() => resend(it, 'crd_qr', fresh('x'))).message).toContain('take it back first');
    const back = takeBack(it, 'crd_grace', 'by_recipient').transaction.after;
    expect(opening(back)).toEqual(opening(all));
    expect(byId(back, 'crd_qr')).not.toHaveProperty('suspendedWith');
    // Sent anew to the other, it is with them as before.
    expect(opening(resend(it, 'crd_grace', fresh('crd_again')).transaction.after)).toEqual([
      'crd_colleague',
      'crd_again',
    ]);
    // Without the first's own nobody has it from them, and what else they have is theirs again.
    expect(opening(revoke(it, own).transaction.after)).toEqual(['crd_qr', 'crd_colleague']);
    expect(opening(revoke(it, 'crd_colleague').transaction.after)).toEqual(['crd_grace']);
  });

  it('leaves room at the door for all that the first has again', () => {
    const three = ['crd_a', 'crd_b'].reduce((it, id) => issue(it, qr, fresh(id), minutes(5)).transaction.after, stored);
    const handed = handOn(three, { together: ['crd_a', 'crd_b'] });
    const it = issue(handed, qr, fresh('crd_c'), minutes(5)).transaction.after;
    expect(opening(it)).toEqual(['crd_grace', 'crd_c']);
    expect(refusalOf(() => issue(it, qr, fresh('crd_d'), minutes(5))).message).toContain('4 credentials are live');
    expect(opening(takeBack(it, 'crd_grace', 'by_recipient').transaction.after)).toHaveLength(liveCredentialsMost);
  });

  it('may stay with the first as well, but not with two PINs', () => {
    const it = handOn(stored, { keepsOwn: true, method: 'qr' });
    expect(it.credentials.filter((c) => whyNot(stored, c, minutes(6)) === null)).toHaveLength(2);
    expect(refusalOf(() => handOn(stored, { keepsOwn: true })).message).toContain('is live for the step pickup');
  });

  it('is with the first again once it is taken back, and the other opens nothing', () => {
    const { transaction, locks } = takeBack(handOn(stored), 'crd_grace', 'by_recipient');
    const it = transaction.after;
    expect(byId(it, 'crd_grace')).toMatchObject({ state: 'revoked', locked: false });
    expect(byId(it, `${of}_p`)).not.toHaveProperty('suspended');
    expect(whyNot(it, byId(it, `${of}_p`), minutes(6))).toBeNull();
    expect(locks.drop.map(({ id }) => id)).toEqual(['crd_grace']);
    expect(transaction.emissions).toMatchObject([
      {
        type: 'credential.taken_back',
        data: { credentialId: 'crd_grace', delegatedFrom: `${of}_p`, by: 'by_recipient' },
      },
    ]);
    expect(refusalOf(() => takeBack(it, 'crd_grace', 'by_recipient')).message).toContain('is revoked');
  });

  it('stays away from the first while anybody else has it', () => {
    const two = handOn(handOn(stored, { method: 'qr' }), { method: 'app', id: 'crd_ada' });
    const one = takeBack(two, 'crd_grace', 'by_recipient').transaction.after;
    expect(byId(one, `${of}_p`).suspended).toBe(true);
    const none = revoke(one, 'crd_ada').transaction.after;
    expect(byId(none, `${of}_p`)).not.toHaveProperty('suspended');
  });

  it('goes with the credential that it hangs on', () => {
    const it = revoke(handOn(stored), `${of}_p`).transaction.after;
    expect(it.credentials.filter(liveCredential)).toEqual([]);
  });

  it('can be sent anew to whoever has it, who then stays who they are', () => {
    const it = resend(handOn(stored), 'crd_grace', fresh('crd_again')).transaction.after;
    expect(byId(it, 'crd_again').delegatedFrom).toBe(`${of}_p`);
    expect(it.delegates).toEqual({ crd_again: { name: 'Grace' } });
    expect(byId(it, `${of}_p`).suspended).toBe(true);
    expect(refusalOf(() => resend(it, `${of}_p`, fresh('x'))).message).toContain('take it back first');
  });

  it.each<[string, () => unknown, string]>([
    ['by whom it was handed to', () => handOn(handOn(stored), { of: 'crd_grace' }), 'cannot be handed on again'],
    [
      'to a third person',
      () => handOn(handOn(handOn(stored, { method: 'qr' }), { method: 'qr', id: 'b' }), { method: 'qr', id: 'c' }),
      'is with 2 others already',
    ],
    ['of a courier', () => handOn(reserved(), { of: `${of}_d` }), 'the right to the deposit of a parcel cannot'],
    [
      'of a named person',
      () => handOn(reserved(of, '1', { workflow: 'release' })),
      'the right to the pickup of a release cannot',
    ],
    ['that is dead', () => handOn(revoke(stored, `${of}_p`).transaction.after), 'a credential that is revoked'],
    ['of nobody', () => handOn(stored, { of: 'crd_of_others' }), 'no such credential'],
    ['that was never handed on, taken back', () => takeBack(stored, `${of}_p`, 'by_recipient'), 'it was not handed on'],
  ])('is not handed on %s', (_, attempt, why) => {
    expect(refusalOf(attempt).message).toContain(why);
  });

  it('has no window outside of that which is handed on', () => {
    const appointed = cloudWith({ access: [{ step: 'pickup', method: 'pin', notBefore: hours(3) }] }).transaction(of);
    const access = { method: 'pin', notAfter: hours(2) } as const;
    const delegation = { to: {}, access, keepsOwn: false, by: 'by_recipient' };
    expect(refusalOf(() => delegate(appointed, `${of}_p`, delegation, fresh('crd_grace'), minutes(5)))).toMatchObject({
      code: 'invalid_request',
      errors: [{ pointer: '/notAfter' }],
    });
    expect(byId(handOn(appointed), 'crd_grace')).toMatchObject({ notBefore: hours(3), state: 'issued' });
  });

  it('is used up with the pickup, whoever does it', () => {
    const cloud = deposited(cloudWith());
    cloud.decide(of, (it, _at, drawn, now) =>
      delegate(
        it,
        `${of}_p`,
        { to: {}, access: { method: 'pin' }, keepsOwn: false, by: 'by_recipient' },
        { ...drawn, credentialIds: ['crd_grace'] },
        now,
      ),
    );
    cloud.learn(new Journal('jnl_2').pickedUpWith('crd_grace', of, '1', minutes(9)));
    const it = cloud.transaction(of);
    expect(it.state).toBe('completed');
    expect(byId(it, 'crd_grace').state).toBe('used');
    expect(it.credentials.filter(({ locked }) => locked)).toEqual([]);
  });

  it('ends with a cancellation, for both', () => {
    const it = cancel(handOn(stored), door, 'by_caller', fresh('crd_staff'), minutes(9)).transaction.after;
    expect(it.credentials.filter(liveCredential).map(({ step }) => step)).toEqual(['recall']);
  });
});

describe('a group of badges', () => {
  const group = { step: 'deposit', method: 'badge', verifier: 'of a group', group: 'couriers' } as const;

  it('has a right that tells the group, and whose grant the bank holds as any other', () => {
    const it = cloudWith({ access: [group] }).transaction(of);
    expect(it.credentials[0]).toMatchObject({ step: 'deposit', method: 'badge', group: 'couriers' });
    expect(grantsOf(it).find(({ step }) => step === 'deposit')).toMatchObject({
      method: 'badge',
      verifier: 'of a group',
    });
  });

  it('is refused where a label has to be scanned: the bank would not ask for it', () => {
    const refused = (scanAt: string) => refusalOf(() => cloudWith({ access: [group], label: 'L', scanAt }));
    expect(refused('deposit').errors).toMatchObject([{ pointer: '/access/0/group' }]);
    expect(refused('deposit,pickup').code).toBe('invalid_request');
    expect(cloudWith({ access: [group], label: 'L', scanAt: 'pickup' }).transaction(of).state).toBe('reserved');
    const cloud = cloudWith({ label: 'L', scanAt: 'deposit' });
    expect(refusalOf(() => issue(cloud.transaction(of), group, fresh('crd_g'), minutes(5))).code).toBe(
      'invalid_request',
    );
  });
});

describe('the label of what is put in', () => {
  const cloud = cloudWith({ label: 'kept of it', scanAt: 'pickup' });

  it('is told to the bank in one string, and stands in no event', () => {
    expect(doorGrants(cloud.transaction(of), () => 'v').label).toBe('p kept of it');
    expect(JSON.stringify(cloud.events)).not.toContain('kept of it');
    expect(JSON.stringify(cloud.events)).toContain('"scanAt":"pickup"');
    expect(doorGrants(cloudWith().transaction(of), () => 'v')).not.toHaveProperty('label');
  });
});
