import { projection } from '#shared/api/shapes.ts';
import * as contract from '#shared/api/transactions.ts';
import { CredentialView, TransactionView } from '#shared/api/transactions.ts';
import { alternatives, assign, goesInto, serveLine, softDoors } from '#shared/domain/assignment.ts';
import { defaultPolicy } from '#shared/domain/assignment-policy.ts';
import type { Bank } from '#shared/domain/bank.ts';
import type { Compartment } from '#shared/domain/compartment.ts';
import type { Credential } from '#shared/domain/credential.ts';
import * as lifecycle from '#shared/domain/lifecycle.ts';
import { Refusal, type ReservationReason } from '#shared/domain/refusal.ts';
import { seenText } from '#shared/domain/seen.ts';
import { hasEnded, type Transaction } from '#shared/domain/transaction.ts';
import { cursorText, readCursor } from '#shared/lambda/cursor.ts';
import {
  type Answer,
  type AnyCall,
  type Call,
  endpoint,
  type Handlers,
  type HttpDeps,
} from '#shared/lambda/endpoint.ts';
import { refuseUnless } from '#shared/lambda/problem.ts';
import { live } from '#shared/live.ts';
import { readBankWithDoors } from '#shared/store/banks.ts';
import { externalIdWrites } from '#shared/store/commit.ts';
import { Lost } from '#shared/store/table.ts';
import {
  decisionWrites,
  drawFresh,
  type Found,
  newSalt,
  openTransactions,
  withNextPin,
} from '#shared/store/transactions.ts';

/** Whether the bank has applied this state of the credential. Of a use it told us itself. */
const atBank = ({ transaction, applied }: Pick<Found, 'transaction' | 'applied'>, it: Credential): boolean =>
  it.state === 'used' ||
  (applied !== null && (applied.version >= it.sinceVersion || (applied.gone && hasEnded(transaction.state))));

const shownTransaction = projection(TransactionView);
const shownCredential = projection(CredentialView);

/** What a caller sees of a transaction. */
const view = (found: Pick<Found, 'transaction' | 'applied'>): TransactionView =>
  shownTransaction({
    ...found.transaction,
    reservation: found.transaction.reservation ?? 'hard',
    credentials: found.transaction.credentials.map((it) => shownCredential({ ...it, atBank: atBank(found, it) })),
  });

const answer = (
  found: Pick<Found, 'transaction' | 'applied'>,
  issuedFrom: Transaction['credentials'] = [],
): Answer => ({
  body: view(found),
  etag: found.transaction.version,
  ...(issuedFrom.length > 0
    ? {
        issued: {
          kind: 'pins',
          credentials: issuedFrom.map(({ id, attempt, digits, keyVersion }) => ({ id, attempt, digits, keyVersion })),
        },
      }
    : {}),
});

/**
 * How many commits one create attempts: two on the first read, two on a fresh one. Whoever loses them all in a race for
 * the last doors is told by one more read: `bank_full`, or `busy` while doors are still free (design.md section 4).
 */
const reservationReads = [
  { consistent: false, attempts: 2 },
  { consistent: true, attempts: 2 },
  { consistent: true, attempts: 0 },
] as const;

export const transactionHandlers = (deps: HttpDeps): Handlers => {
  const transactions = openTransactions(deps);

  const notFound = (id: string): Refusal => new Refusal('not_found', `there is no transaction ${id}`);

  /** Our own id of it, also where the caller names one of theirs. */
  const idOf = async ({ caller }: AnyCall, id: string): Promise<string> => {
    const [, system, external] = /^ext:([a-z][a-z0-9_]*):(.+)$/.exec(id) ?? [];
    const ours = system && external ? await transactions.idByExternal(caller.tenant, system, external) : id;
    if (ours === null) throw notFound(id);
    return ours;
  };

  const find = async (call: AnyCall, id: string): Promise<Found> => {
    const found = await transactions.read(call.caller.tenant, await idOf(call, id), call.now);
    if (found === null) throw notFound(id);
    return found;
  };

  /** Reads, decides and saves a change; its answer is remembered in the same commit. */
  const change = async (
    call: AnyCall,
    id: string,
    decide: (found: Found, fresh: lifecycle.Fresh) => lifecycle.TransactionDecision,
  ): Promise<Answer> => {
    let made: Answer | undefined;
    await transactions.change(
      await find(call, id),
      call.circumstances,
      (found, fresh) => {
        if (call.ifMatch !== undefined && call.ifMatch !== found.transaction.version)
          throw new Refusal('precondition_failed', `the transaction is at version ${found.transaction.version} now`);
        return decide(found, fresh);
      },
      (after, decision) => {
        made = answer({ transaction: after, applied: null }, decision.locks.take);
        return call.record(made);
      },
    );
    if (made === undefined) throw new Error('a change was saved without an answer');
    return made;
  };

  /**
   * Finds the compartment that the items need now: the one it has, if they fit there and it need not leave, else the best
   * of the free ones. The layout has to be read, so this takes a read more than other changes.
   */
  const fitAnew = async (
    call: AnyCall,
    id: string,
    asked: {
      door?: string | undefined;
      reason: string;
      leave?: true;
      changes?: Partial<Pick<Transaction, 'recipient' | 'parties' | 'metadata' | 'items'>>;
    },
  ): Promise<Answer> => {
    const { changes = {}, reason, door, leave } = asked;
    const { transaction } = await find(call, id);
    const items = changes.items ?? transaction.items;
    const read = await readBankWithDoors(deps.table, call.caller.tenant, transaction.bankId, true);
    if (read === null) throw new Error(`there is no bank ${transaction.bankId}`);
    const built = read.bank.layout.find((it) => it.door === transaction.door);
    if (leave === undefined && built && goesInto(items, built))
      return change(call, id, (found) => {
        refuseUnless(found.transaction.state === 'reserved', 'invalid_transition', 'the items are inside already');
        return lifecycle.update(found.transaction, changes);
      });

    const others = read.compartments.filter((it) => door === undefined || it.door === door);
    if (others.length === 0) throw new Refusal('not_found', `there is no door ${door} at this bank`);
    // What cannot be done whatever is free is said first.
    refuseUnless(
      transaction.state === 'reserved',
      'invalid_transition',
      `cannot move a transaction that is ${transaction.state}`,
    );
    const found = assign(items, transaction.id, read.bank, others, call.now);
    if (found.refused !== null)
      throw new Refusal('reservation_refused', refusalText[found.refused], { reason: found.refused });
    for (const to of found.doors.slice(0, 3)) {
      try {
        return await change(call, id, ({ transaction: now, compartment }) => {
          refuseUnless(compartment !== null, 'invalid_transition', `the transaction is ${now.state}`);
          return lifecycle.move(now, compartment, to, reason, changes);
        });
      } catch (error) {
        if (!(error instanceof Lost) || error.to('compartment') === undefined) throw error;
      }
    }
    throw new Refusal('busy', 'others took the compartments that fit at this very moment; try again', {
      retryAfterSeconds: 1,
    });
  };

  /** Writes down that it waits; it is answered as it is, without a door and without credentials. */
  const waitlist = async (call: AnyCall, decision: lifecycle.TransactionDecision): Promise<Answer> => {
    const { after, writes } = decisionWrites(await deps.rootKeys(), decision, null, call.circumstances);
    const made = answer({ transaction: after, applied: null });
    try {
      await deps.table.write([...writes, ...externalIdWrites(after), ...call.record(made)]);
      return made;
    } catch (error) {
      if (error instanceof Lost && !error.to('idempotency')) refuseTaken(error);
      throw error;
    }
  };

  /** Saves a new transaction, with what has to change for it; null when somebody else was faster. */
  const save = async (
    call: AnyCall,
    created: lifecycle.TransactionDecision,
    more: lifecycle.TransactionDecision | null = null,
  ): Promise<Answer | null> => {
    const rootKeys = await deps.rootKeys();
    // It is our rule that another has to give way, not the caller's wish.
    const byRule = { ...call.circumstances, actor: { type: 'system' as const, id: 'assignment' } };
    let decision = created;
    for (;;) {
      const { after, writes, lockOwners } = decisionWrites(rootKeys, decision, null, call.circumstances);
      const made = answer({ transaction: after, applied: null }, after.credentials);
      const others = more === null ? [] : decisionWrites(rootKeys, more, null, byRule).writes;
      try {
        await deps.table.write([...writes, ...others, ...externalIdWrites(after), ...call.record(made)]);
        return made;
      } catch (error) {
        if (!(error instanceof Lost) || error.to('idempotency')) throw error;
        refuseTaken(error);
        const lock = error.to('lock');
        if (error.rows.some(({ kind }) => kind !== 'lock') || !lock) return null;
        decision = withNextPin(decision, lockOwners.get(lock.key.SK) ?? '');
      }
    }
  };

  /** Takes the door of a soft reservation; both are guarded by one commit. Null when it may not be, or not any more. */
  const reclaim = async (
    call: AnyCall,
    input: lifecycle.CreateInput,
    compartment: Compartment,
    at: { bank: Bank; left: Compartment[]; assignment: Transaction['assignment'] },
  ): Promise<Answer | null> => {
    const { now, caller } = call;
    const soft = await transactions.readConsistent(caller.tenant, compartment.heldBy ?? '', now);
    if (soft === null) return null;
    const [elsewhere] = assign(soft.transaction.items, soft.transaction.id, at.bank, at.left, now).doors;
    const gaveWay = lifecycle.giveWaySoftly(soft.transaction, elsewhere, now);
    if (gaveWay === null) return null;
    const fresh = drawFresh((await deps.rootKeys()).version, deps.newId);
    return save(call, lifecycle.create(input, compartment, at.bank.pinDigits, at.assignment, fresh, now), gaveWay);
  };

  /** Tries doors in order until one commit wins; null when somebody else was faster at each of them. */
  const reserve = async (
    call: Call<typeof contract.createTransaction>,
    id: string,
    salt: string,
    { consistent, attempts }: (typeof reservationReads)[number],
  ): Promise<Answer | null> => {
    const { body, caller, now } = call;
    const read = await readBankWithDoors(deps.table, caller.tenant, body.bankId, consistent);
    if (read === null)
      throw new Refusal('reservation_refused', `there is no bank ${body.bankId}`, { reason: 'bank_unknown' });
    // Who waits already has the first claim to what is free.
    const { left } = serveLine(read.waiting, read.bank, read.compartments, now);
    const found = assign(body.items, id, read.bank, left, now);
    const { waitUntil, reservation, ...asked } = body;
    const input = {
      ...asked,
      id,
      salt,
      tenant: caller.tenant,
      siteId: read.bank.siteId,
      bankKey: read.bank.bankKey,
      source: body.source ?? null,
      payment: body.payment ?? null,
      ...(reservation === 'soft' && { reservation }),
    };
    if (found.refused !== null && mayPass(found.refused)) {
      if (!consistent) return null;
      const soft = reservation === 'soft' ? [] : softDoors(body.items, id, read.bank, read.compartments, now);
      for (const compartment of soft.slice(0, attempts)) {
        const assignment = { policy: found.policy, candidates: soft.length, reason: 'a soft reservation gave way' };
        const made = await reclaim(call, input, compartment, { ...read, left, assignment });
        if (made !== null) return made;
      }
      // Somebody was faster, or it has just begun: that needs another look.
      if (soft.length > 0) return null;
      if (waitUntil !== undefined && read.waiting.length < waitingMax) {
        const assignment = { policy: found.policy, candidates: 0, reason: `waits: ${refusalText[found.refused]}` };
        return waitlist(call, lifecycle.wait(input, waitUntil, assignment, now));
      }
    }
    if (found.refused !== null)
      throw new Refusal('reservation_refused', refusalText[found.refused], { reason: found.refused });

    const rootKeys = await deps.rootKeys();
    const { policy, candidates, reason } = found;
    const assignment = { policy, candidates, reason, seen: seenText(read.bank.layout, left, now) };
    const decideFor = (compartment: Compartment) =>
      lifecycle.create(
        input,
        compartment,
        read.bank.pinDigits,
        assignment,
        drawFresh(rootKeys.version, deps.newId),
        now,
      );
    for (const compartment of found.doors.slice(0, attempts)) {
      const made = await save(call, decideFor(compartment));
      if (made !== null) return made;
    }
    return null;
  };

  /** What a create would come to, decided as it would be, on the same read; nothing is written. */
  const check = async ({ body, caller, now }: Call<typeof contract.checkTransaction>): Promise<contract.Precheck> => {
    const id = deps.newId('txn');
    // Refuses what is wrong with the request itself.
    lifecycle.deadlinesOf(body, now);
    const refused = { outcome: 'refused' as const, ahead: 0, door: null, candidates: 0 };
    const read = await readBankWithDoors(deps.table, caller.tenant, body.bankId, false);
    if (read === null) {
      const refusal = 'bank_unknown' as const;
      return { ...refused, policy: defaultPolicy.id, refusal, reason: refusalText[refusal], alternatives: [] };
    }
    const { bank, waiting, compartments } = read;
    const ahead = waiting.length;
    const { left } = serveLine(waiting, bank, compartments, now);
    const found = assign(body.items, id, bank, left, now);
    if (found.refused !== null) {
      const { refused: refusal, policy } = found;
      const soft =
        body.reservation === 'soft' || !mayPass(refusal) ? [] : softDoors(body.items, id, bank, compartments, now);
      const [oldest] = soft;
      if (oldest !== undefined) {
        const reason = 'a soft reservation would give way';
        const { door } = oldest;
        const candidates = soft.length;
        return { outcome: 'reserved', ahead, door, candidates, policy, refusal: null, reason, alternatives: [] };
      }
      const instead = bank.lifecycle === 'active' ? alternatives(body.items, bank, left, now) : [];
      const waits = body.waitUntil !== undefined && mayPass(refusal) && ahead < waitingMax;
      const outcome = waits ? 'waitlisted' : 'refused';
      return { ...refused, outcome, ahead, policy, refusal, reason: refusalText[refusal], alternatives: instead };
    }
    const [first] = found.doors;
    const { candidates, policy, reason } = found;
    return {
      outcome: 'reserved',
      ahead,
      door: first?.door ?? null,
      candidates,
      policy,
      refusal: null,
      reason,
      alternatives: [],
    };
  };

  return {
    [contract.createTransaction.id]: async (call: Call<typeof contract.createTransaction>) => {
      const id = deps.newId('txn');
      const salt = newSalt();
      for (const read of reservationReads) {
        const made = await reserve(call, id, salt, read);
        if (made !== null) return made;
      }
      throw new Refusal('busy', 'many callers want the last compartments of this bank; try again', {
        retryAfterSeconds: 1,
      });
    },

    [contract.checkTransaction.id]: async (call: Call<typeof contract.checkTransaction>) => ({
      body: await check(call),
    }),

    [contract.getTransaction.id]: async (call: Call<typeof contract.getTransaction>) =>
      answer(await find(call, call.params.transactionId)),

    [contract.listTransactions.id]: async (call: Call<typeof contract.listTransactions>) => {
      // An order id is unique, so there is one page and no cursor that could be ours.
      readCursor(call.query.cursor, 'transactions');
      const id = await transactions.idByExternal(call.caller.tenant, 'order', call.query.orderId);
      const found = id === null ? null : await transactions.read(call.caller.tenant, id, call.now);
      return { body: { data: found === null ? [] : [view(found)], nextCursor: null } };
    },

    [contract.listTransactionEvents.id]: async (call: Call<typeof contract.listTransactionEvents>) => {
      const { query, caller, params } = call;
      const id = await idOf(call, params.transactionId);
      const after = Number(readCursor(query.cursor, 'events') ?? 0);
      const { events, more } = await transactions.events(caller.tenant, id, after, query.limit);
      // It has events from its birth on.
      if (events.length === 0 && after === 0) throw notFound(params.transactionId);
      const last = events.at(-1)?.sequence;
      return { body: { data: events, nextCursor: more && last ? cursorText('events', String(last)) : null } };
    },

    [contract.cancelTransaction.id]: (call: Call<typeof contract.cancelTransaction>) =>
      change(call, call.params.transactionId, (found, fresh) => {
        return lifecycle.cancel(found.transaction, found.compartment, call.body.reason, fresh, call.now);
      }),

    [contract.extendTransaction.id]: (call: Call<typeof contract.extendTransaction>) => {
      const { charge, ...asked } = call.body;
      return change(call, call.params.transactionId, ({ transaction }) =>
        lifecycle.extend(transaction, asked, call.now, charge && { ...charge, by: call.caller.apiKeyId }),
      );
    },

    [contract.updateTransaction.id]: (call: Call<typeof contract.updateTransaction>) =>
      call.body.items === undefined
        ? change(call, call.params.transactionId, ({ transaction }) => lifecycle.update(transaction, call.body))
        : fitAnew(call, call.params.transactionId, { changes: call.body, reason: 'the items were changed' }),

    [contract.moveTransaction.id]: (call: Call<typeof contract.moveTransaction>) =>
      fitAnew(call, call.params.transactionId, { ...call.body, leave: true }),

    [contract.recallTransaction.id]: (call: Call<typeof contract.recallTransaction>) =>
      change(call, call.params.transactionId, ({ transaction }, fresh) =>
        lifecycle.recallItem(transaction, call.body.reason, fresh, call.now),
      ),

    [contract.completeTransaction.id]: (call: Call<typeof contract.completeTransaction>) =>
      change(call, call.params.transactionId, ({ transaction, compartment }) => {
        refuseUnless(compartment !== null, 'invalid_transition', `the transaction is ${transaction.state}`);
        const { reason, charge } = call.body;
        const charged = charge && { ...charge, by: call.caller.apiKeyId };
        return lifecycle.complete(transaction, compartment, reason, call.now, charged);
      }),

    [contract.confirmPayment.id]: (call: Call<typeof contract.confirmPayment>) =>
      change(call, call.params.transactionId, ({ transaction }) =>
        lifecycle.confirm(transaction, 'payment', { by: call.caller.apiKeyId, ...call.body }, call.now),
      ),

    [contract.confirmTransaction.id]: (call: Call<typeof contract.confirmTransaction>) =>
      change(call, call.params.transactionId, ({ transaction }) =>
        lifecycle.confirm(transaction, call.body.condition, { by: call.caller.apiKeyId, ...call.body }, call.now),
      ),

    [contract.refundTransaction.id]: (call: Call<typeof contract.refundTransaction>) =>
      change(call, call.params.transactionId, ({ transaction }) =>
        lifecycle.refund(transaction, { ...call.body, by: call.caller.apiKeyId }, call.now),
      ),

    [contract.disputeTransaction.id]: (call: Call<typeof contract.disputeTransaction>) =>
      change(call, call.params.transactionId, ({ transaction }) => lifecycle.dispute(transaction, call.body.reason)),

    [contract.issueCredential.id]: (call: Call<typeof contract.issueCredential>) =>
      change(call, call.params.transactionId, ({ transaction }, fresh) =>
        lifecycle.issue(transaction, call.body.step, fresh, call.now),
      ),

    [contract.revokeCredential.id]: (call: Call<typeof contract.revokeCredential>) =>
      change(call, call.params.transactionId, ({ transaction }) =>
        lifecycle.revoke(transaction, call.params.credentialId),
      ),

    [contract.holdTransaction.id]: (call: Call<typeof contract.holdTransaction>) =>
      change(call, call.params.transactionId, (found) => lifecycle.hold(found.transaction, call.body.reason)),

    [contract.liftHold.id]: (call: Call<typeof contract.liftHold>) =>
      change(call, call.params.transactionId, (found) => lifecycle.liftHold(found.transaction)),

    [contract.resendCredential.id]: (call: Call<typeof contract.resendCredential>) =>
      change(call, call.params.transactionId, (found, fresh) =>
        lifecycle.resend(found.transaction, call.params.credentialId, fresh),
      ),
  };
};

/** An external id that another transaction bears is refused, naming that one. */
const refuseTaken = (error: Lost): void => {
  const taken = error.to('unique');
  if (taken === undefined) return;
  const existing = String(taken.current?.transactionId ?? '');
  const [, , system, ...external] = taken.key.PK.split('#');
  throw new Refusal('already_exists', `${system} ${external.join('#')} already belongs to ${existing}`, { existing });
};

/** So many may wait at one bank: their rows are read with its compartments. */
const waitingMax = 200;

/** Refused only for what is taken now. */
const mayPass = (reason: ReservationReason): boolean => reason === 'bank_full' || reason === 'no_fitting_compartment';

const refusalText = {
  bank_full: 'no compartment of this bank is free',
  no_fitting_compartment: 'every compartment that would fit is taken',
  no_accessible_compartment: 'the item fits only where people cannot reach',
  thermal_class_unavailable: 'this bank has no compartment of that thermal class, or the items need several',
  dimensions_exceeded: 'the items are too large or too heavy for any compartment of this bank',
  bank_unavailable: 'this bank takes nothing at present',
  bank_unknown: 'there is no such bank',
} as const;

export const handler = endpoint(
  Object.values(contract).filter((it) => typeof it === 'object' && 'method' in it && 'path' in it),
  () => {
    const deps = live();
    return { deps, handlers: transactionHandlers(deps) };
  },
);
