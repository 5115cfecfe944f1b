import { methods } from '../device/access.ts';
import { type Access, type Credential, holdsLock, liveCredential } from './credential.ts';
import { apply } from './decision.ts';
import {
  type Asked,
  askedFields,
  type Fresh,
  issuedFor,
  newCredential,
  requireRoom,
  withCredentials,
} from './issuing.ts';
import { requirePossible, type TransactionDecision } from './lifecycle.ts';
import { Refusal } from './refusal.ts';
import { earlier, type Instant, later } from './time.ts';
import type { Party, Transaction } from './transaction.ts';
import { workflowOf } from './workflow.ts';

/*
 * What becomes of single credentials while their transaction goes on: issued, sent anew, revoked, handed to somebody else
 * and taken back.
 */

const find = (it: Transaction, credentialId: string): Credential => {
  const found = it.credentials.find((c) => c.id === credentialId);
  if (!found) throw new Refusal('not_found', 'the transaction has no such credential');
  return found;
};

const live = (it: Transaction, credentialId: string, what: string): Credential => {
  const found = find(it, credentialId);
  if (!liveCredential(found))
    throw new Refusal('invalid_transition', `cannot ${what} a credential that is ${found.state}`);
  return found;
};

/** Of staff who act outside the plan it is said why. */
export const issue = (it: Transaction, asked: Asked, fresh: Fresh, now: Instant): TransactionDecision => {
  requirePossible('issue', it);
  const { reason } = asked;
  const next = issuedFor(it, asked, fresh, now);
  return {
    transaction: apply(it, [
      {
        type: 'credential.issued',
        set: { credentials: [...it.credentials, next] },
        data: { credentialId: next.id, ...(reason !== undefined && { reason }) },
      },
    ]),
    compartments: [],
    locks: { take: [next], drop: [] },
  };
};

/** A resend is a reissue: a new credential with the same window, the old one superseded. */
export const resend = (it: Transaction, credentialId: string, fresh: Fresh): TransactionDecision => {
  requirePossible('resend', it);
  const old = live(it, credentialId, 'resend');
  if (methods[old.method].value === 'brought')
    throw new Refusal('invalid_transition', `a ${old.method} is the person's own: revoke it and issue another`);
  if (old.suspended) throw new Refusal('invalid_transition', 'somebody else has its right: take it back first');
  const version = it.version + 1;
  const { id, keyVersion: _, attempt: __, locked: ___, ...same } = old;
  const next = newCredential(old.step, fresh.credentialIds[0], fresh, { ...same, sinceVersion: version });
  const credentials = withCredentials(
    it.credentials,
    (c) => c.id === id,
    { state: 'superseded', locked: false },
    version,
  );
  // Whoever has its right from it has it from the new one.
  const followed = withCredentials(credentials, (c) => c.delegatedFrom === id, { delegatedFrom: next.id }, version);
  const { [id]: party, ...others } = it.delegates ?? {};
  return {
    transaction: apply(it, [
      {
        type: 'credential.superseded',
        set: { credentials: [...followed, next], ...(party && { delegates: { ...others, [next.id]: party } }) },
        data: { credentialId: old.id, by: next.id },
      },
    ]),
    compartments: [],
    locks: { take: [next], drop: [old].filter(holdsLock) },
  };
};

/** These die; who had handed their right on has it again once nobody else has it. */
const withdrawn = (
  it: Transaction,
  gone: Credential[],
): Pick<TransactionDecision, 'locks'> & { credentials: Credential[] } => {
  const version = it.version + 1;
  const dies = (c: Credential): boolean => gone.some(({ id }) => id === c.id);
  const dead = withCredentials(it.credentials, dies, { state: 'revoked', locked: false }, version);
  const isHandedOn = (id: string | undefined): boolean => dead.some((d) => d.delegatedFrom === id && liveCredential(d));
  const credentials = dead.map((c): Credential => {
    const { suspended, suspendedWith, ...resumed } = c;
    if (!suspended || isHandedOn(c.id) || (suspendedWith !== undefined && isHandedOn(suspendedWith))) return c;
    return { ...resumed, sinceVersion: version };
  });
  return { credentials, locks: { take: [], drop: gone.filter(holdsLock) } };
};

/** Dead at once in the cloud; at the bank once it has applied it. The transaction goes on. With it goes what hangs on it. */
export const revoke = (it: Transaction, credentialId: string): TransactionDecision => {
  requirePossible('revoke', it);
  const old = live(it, credentialId, 'revoke');
  const delegated = it.credentials.filter((c) => c.delegatedFrom === old.id && liveCredential(c));
  const { credentials, locks } = withdrawn(it, [old, ...delegated]);
  return {
    transaction: apply(it, [{ type: 'credential.revoked', set: { credentials }, data: { credentialId: old.id } }]),
    compartments: [],
    locks,
  };
};

/** Whom somebody hands their right to, and how that person will prove it. */
export type Delegation = {
  to: Party;
  access: Omit<Access, 'step' | 'uses'>;
  /** Whoever hands it on may still open as well. */
  keepsOwn: boolean;
  /** What else the same person has for the step, by id: as long as somebody else goes, it opens nothing either. */
  together?: readonly string[];
  by: string;
};

/** Somebody else may open instead, with a credential of their own; nobody to whom a right was handed may hand it on. */
export const delegate = (
  it: Transaction,
  credentialId: string,
  { to, access, keepsOwn, together = [], by }: Delegation,
  fresh: Fresh,
  now: Instant,
): TransactionDecision => {
  requirePossible('delegate', it);
  const own = live(it, credentialId, 'delegate');
  const row = workflowOf(it.workflow).steps.find(({ step }) => step === own.step);
  if (row === undefined || row.delegates === 0 || own.method === 'operator')
    throw new Refusal('invalid_transition', `the right to the ${own.step} of a ${it.workflow} cannot be handed on`);
  if (own.delegatedFrom !== undefined)
    throw new Refusal('invalid_transition', 'a right that was handed on cannot be handed on again');
  const others = it.credentials.filter((c) => c.delegatedFrom === own.id && liveCredential(c));
  if (others.length >= row.delegates)
    throw new Refusal('invalid_transition', `the right is with ${others.length} others already; take one back first`);
  if (!row.methods.includes(access.method)) {
    const detail = `${access.method} does not prove the right to the ${own.step} of a ${it.workflow}`;
    throw new Refusal('invalid_request', detail, { errors: [{ pointer: '/method', detail }] });
  }
  const version = it.version + 1;
  const withoutOwn = keepsOwn
    ? it.credentials
    : withCredentials(it.credentials, (c) => c.id === own.id && !c.suspended, { suspended: true }, version);
  const left = withCredentials(
    withoutOwn,
    (c) => together.includes(c.id) && liveCredential(c) && !c.suspended,
    { suspended: true, suspendedWith: own.id },
    version,
  );
  // What is suspended opens nothing, so its PIN leaves room for another.
  requireRoom(
    left.filter((c) => !c.suspended),
    { step: row.step, method: access.method },
  );
  const fields = askedFields({ ...access, step: row.step }, own.notAfter, now);
  const notBefore = later(fields.notBefore, own.notBefore);
  if (fields.notAfter <= notBefore) {
    const detail = `must lie between ${notBefore} and ${own.notAfter}`;
    throw new Refusal('invalid_request', `notAfter ${detail}`, { errors: [{ pointer: '/notAfter', detail }] });
  }
  const until = own.until === undefined ? fields.until : earlier(fields.until ?? own.until, own.until);
  const next = newCredential(own.step, fresh.credentialIds[0], fresh, {
    state: own.state,
    ...fields,
    notBefore,
    ...(until !== undefined && { until }),
    ...(own.uses !== undefined && { uses: own.uses }),
    delegatedFrom: own.id,
    digits: own.digits,
    sinceVersion: version,
  });
  return {
    transaction: apply(it, [
      {
        type: 'credential.delegated',
        set: { credentials: [...left, next], delegates: { ...it.delegates, [next.id]: to } },
        data: { credentialId: next.id, delegatedFrom: own.id, by },
      },
    ]),
    compartments: [],
    locks: { take: [next], drop: [] },
  };
};

/** The right is with whoever handed it on, and with nobody else. */
export const takeBack = (it: Transaction, credentialId: string, by: string): TransactionDecision => {
  requirePossible('take-back', it);
  const delegated = live(it, credentialId, 'take back');
  const { delegatedFrom } = delegated;
  if (delegatedFrom === undefined)
    throw new Refusal(
      'invalid_transition',
      'it was not handed on: name the credential that the other person was given',
    );
  const { credentials, locks } = withdrawn(it, [delegated]);
  return {
    transaction: apply(it, [
      { type: 'credential.taken_back', set: { credentials }, data: { credentialId: delegated.id, delegatedFrom, by } },
    ]),
    compartments: [],
    locks,
  };
};
