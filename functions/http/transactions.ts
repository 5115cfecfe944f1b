import * as contract from '#shared/api/transactions.ts';
import { Asset } from '#shared/domain/asset.ts';
import { assign, assignmentPolicy, goesInto, volume } from '#shared/domain/assignment.ts';
import type { LayoutDoor } from '#shared/domain/bank.ts';
import { Compartment, newCompartment } from '#shared/domain/compartment.ts';
import * as lifecycle from '#shared/domain/lifecycle.ts';
import { from, requireOwner, sourceOf } from '#shared/domain/ownership.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import type { Source } from '#shared/domain/source.ts';
import type { Transaction } from '#shared/domain/transaction.ts';
import { cursorText, readCursor } from '#shared/lambda/cursor.ts';
import {
  type Answer,
  type AnyCall,
  type Call,
  endpoint,
  type Handlers,
  type HttpDeps,
} from '#shared/lambda/endpoint.ts';
import { refuseUnless, requireFields } from '#shared/lambda/problem.ts';
import { findTransactions } from '#shared/lambda/transaction-search.ts';
import { type Seen, transactionView } from '#shared/lambda/transaction-view.ts';
import { live } from '#shared/live.ts';
import { parseBank, readBankWithDoors } from '#shared/store/banks.ts';
import { externalIdWrites, KeptCancellation, keptCancellationWrite } from '#shared/store/commit.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost, type Write } from '#shared/store/table.ts';
import {
  decisionWrites,
  drawFresh,
  type Found,
  newSalt,
  openTransactions,
  withNextPin,
} from '#shared/store/transactions.ts';

const answer = (found: Seen, issuedFrom: Transaction['credentials'] = []): Answer => ({
  body: transactionView(found),
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

/** There is one door that an asset lies behind; what happens at it meanwhile is read again. */
const loanAttempts = 4;

/** What is to be changed, without who says so. */
const changesIn = <Body extends { source?: Source | undefined }>({
  source: _,
  ...changes
}: Body): Omit<Body, 'source'> => changes;

/** A change may come from the system that owns the transaction. */
type ChangeCall = AnyCall & { body: { source?: Source | undefined } };

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

  /**
   * A system's messages may overtake one another: its cancellation of something that we do not know yet is kept, and wins.
   * Only of what it names by an id of its own; anything else that is not there is a mistake, and told so.
   */
  const keepCancellation = async (call: Call<typeof contract.cancelTransaction>): Promise<Answer | null> => {
    const [, system, id] = /^ext:([a-z][a-z0-9_]*):(.+)$/.exec(call.params.transactionId) ?? [];
    const source = sourceOf(call.caller, call.body.source);
    if (!system || !id || source === null) return null;
    const { tenant } = call.caller;
    if ((await transactions.idByExternal(tenant, system, id)) !== null) return null;
    const made: Answer = {
      body: { id: call.params.transactionId, state: 'cancelled', externalIds: { [system]: id }, kept: true },
    };
    try {
      await deps.table.write([
        keptCancellationWrite({ tenant, system, id }, call.body.reason, call.now),
        ...call.record(made),
      ]);
      return made;
    } catch (error) {
      const taken = error instanceof Lost ? error.to('unique') : undefined;
      if (taken === undefined || (error instanceof Lost && error.to('idempotency'))) throw error;
      // Kept already, or its create has just come after all.
      return KeptCancellation.safeParse(taken.current).success ? made : null;
    }
  };

  /** Reads, decides and saves a change by its owner; its answer is remembered in the same commit. */
  const change = async (
    call: ChangeCall,
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
        requireOwner(found.transaction, call.caller, call.body.source);
        return from(decide(found, fresh), call.body.source);
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
    call: ChangeCall,
    id: string,
    asked: {
      door?: string | undefined;
      reason: string;
      leave?: true;
      larger?: boolean;
      changes?: Partial<Pick<Transaction, 'recipient' | 'parties' | 'metadata' | 'items'>>;
    },
  ): Promise<Answer> => {
    const { changes = {}, reason, door, leave, larger = false } = asked;
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

    if (door !== undefined && !read.bank.layout.some((it) => it.door === door))
      throw new Refusal('not_found', `there is no door ${door} at this bank`);
    const isCandidate = (it: LayoutDoor): boolean =>
      (door === undefined || it.door === door) && !(larger && built && volume(it) <= volume(built));
    const candidates = read.bank.layout.filter(isCandidate).map((it) => it.door);
    const others = read.compartments.filter((it) => candidates.includes(it.door));
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

  /** The commit of a new transaction, with its answer; null when somebody else was faster at its door. */
  const commitCreate = async (
    call: Call<typeof contract.createTransaction>,
    decided: lifecycle.TransactionDecision,
    more: Write[] = [],
  ): Promise<Answer | null> => {
    const rootKeys = await deps.rootKeys();
    let decision = decided;
    let kept: string[] = [];
    for (;;) {
      const { after, writes, lockOwners } = decisionWrites(rootKeys, decision, null, call.circumstances);
      const made = answer({ transaction: after, applied: null }, after.credentials);
      try {
        await deps.table.write([
          ...writes,
          ...externalIdWrites(after, kept),
          ...(kept.length === 0 ? more : []),
          ...call.record(made),
        ]);
        return made;
      } catch (error) {
        if (!(error instanceof Lost) || error.to('idempotency')) throw error;
        const taken = error.to('unique');
        const cancelled = KeptCancellation.safeParse(taken?.current).data?.cancelled;
        if (taken && cancelled && kept.length === 0) {
          kept = [taken.key.PK];
          decision = lifecycle.createCancelled(decided, cancelled.reason, call.now);
          continue;
        }
        if (taken) {
          const existing = String(taken.current?.transactionId ?? '');
          const [, , system, ...external] = taken.key.PK.split('#');
          const detail = `${system} ${external.join('#')} already belongs to ${existing}`;
          throw new Refusal('already_exists', detail, { existing });
        }
        const lock = error.to('lock');
        if (error.to('compartment') || !lock) return null;
        decision = withNextPin(decision, lockOwners.get(lock.key.SK) ?? '');
      }
    }
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
    const found = assign(body.items, id, read.bank, read.compartments, now);
    if (found.refused === 'bank_full' || found.refused === 'no_fitting_compartment') {
      if (!consistent) return null;
    }
    if (found.refused !== null)
      throw new Refusal('reservation_refused', refusalText[found.refused], { reason: found.refused });

    const rootKeys = await deps.rootKeys();
    const assignment = {
      policy: assignmentPolicy.name,
      candidates: found.candidates,
      reason: 'the smallest that fits, ties in an order of the transaction',
    };
    const input = { ...body, id, salt, tenant: caller.tenant, siteId: read.bank.siteId, bankKey: read.bank.bankKey };
    const decideFor = (compartment: Compartment) =>
      lifecycle.create(
        { ...input, source: sourceOf(caller, body.source), payment: body.payment ?? null },
        compartment,
        read.bank.pinDigits,
        assignment,
        drawFresh(rootKeys.version, deps.newId),
        now,
      );
    for (const compartment of found.doors.slice(0, attempts)) {
      const made = await commitCreate(call, decideFor(compartment));
      if (made !== null) return made;
    }
    return null;
  };

  /** Promises an asset, and so its door, to a borrower. */
  const lend = async (call: Call<typeof contract.createTransaction>, id: string, salt: string): Promise<Answer> => {
    const { body, caller, now } = call;
    const { assetId } = body;
    requireFields(assetId !== undefined, '/assetId', 'is missing: a loan is of an asset');
    requireFields(body.items.length === 0, '/items', 'are those of the asset; leave them out');
    const [bankRow, assetRow] = await deps.table.batchGet([
      keys.bank(body.bankId),
      keys.asset(caller.tenant, assetId ?? ''),
    ]);
    const asset = assetRow === undefined ? null : Asset.parse(assetRow);
    const bank = bankRow === undefined ? null : parseBank(bankRow);
    if (bank === null || bank.tenant !== caller.tenant)
      throw new Refusal('reservation_refused', `there is no bank ${body.bankId}`, { reason: 'bank_unknown' });
    if (asset === null) throw new Refusal('not_found', `there is no asset ${assetId}`);
    requireFields(asset.bankId === bank.id, '/bankId', `the asset is at ${asset.bankId}`);
    const unavailable = (why: string) => new Refusal('reservation_refused', why, { reason: 'bank_full' });
    if (asset.retired !== null) throw unavailable(`the asset is retired: ${asset.retired}`);
    if (bank.lifecycle !== 'active')
      throw new Refusal('reservation_refused', refusalText.bank_unavailable, { reason: 'bank_unavailable' });

    const rootKeys = await deps.rootKeys();
    const input = {
      ...body,
      id,
      salt,
      tenant: caller.tenant,
      siteId: bank.siteId,
      bankKey: bank.bankKey,
      items: [asset.item],
      source: sourceOf(caller, body.source),
      payment: body.payment ?? null,
    };
    const assignment = { policy: assignmentPolicy.name, candidates: 1, reason: 'the door of the asset' };
    // What its bank tells of the door at the same time is no reason to refuse.
    for (let attempt = 0; attempt < loanAttempts; attempt += 1) {
      const doorRow = await deps.table.get(keys.compartment(bank.id, asset.door), true);
      const compartment = doorRow === undefined ? newCompartment(asset.door) : Compartment.parse(doorRow);
      if (compartment.heldBy === null) throw unavailable('the asset has no door any more');
      if (compartment.heldBy !== asset.id)
        throw new Refusal('reservation_refused', `the asset is promised or lent to ${compartment.heldBy}`, {
          reason: 'bank_full',
          existing: compartment.heldBy,
        });
      if (compartment.contents === 'empty') throw unavailable('the asset is not in its door');
      const made = await commitCreate(
        call,
        lifecycle.create(input, compartment, bank.pinDigits, assignment, drawFresh(rootKeys.version, deps.newId), now),
        [
          {
            kind: 'other',
            expects: 'absent',
            put: { ...keys.assetLoan(caller.tenant, asset.id, id), transactionId: id },
          },
        ],
      );
      if (made !== null) return made;
    }
    throw new Refusal('busy', 'somebody else was faster at the door of the asset; try again', { retryAfterSeconds: 1 });
  };

  return {
    [contract.createTransaction.id]: async (call: Call<typeof contract.createTransaction>) => {
      const id = deps.newId('txn');
      const salt = newSalt();
      if (call.body.workflow === 'loan') return lend(call, id, salt);
      requireFields(
        call.body.items.length > 0,
        '/items',
        'name at least one: a compartment is chosen by their measures',
      );
      requireFields(call.body.assetId === undefined, '/assetId', `is not a field of a ${call.body.workflow}`);
      for (const read of reservationReads) {
        const made = await reserve(call, id, salt, read);
        if (made !== null) return made;
      }
      throw new Refusal('busy', 'many callers want the last compartments of this bank; try again', {
        retryAfterSeconds: 1,
      });
    },

    [contract.getTransaction.id]: async (call: Call<typeof contract.getTransaction>) =>
      answer(await find(call, call.params.transactionId)),

    [contract.listTransactions.id]: findTransactions(deps, transactions),

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

    [contract.cancelTransaction.id]: async (call: Call<typeof contract.cancelTransaction>) =>
      (await keepCancellation(call)) ??
      change(call, call.params.transactionId, (found, fresh) => {
        refuseUnless(found.compartment !== null, 'invalid_transition', `the transaction is ${found.transaction.state}`);
        return lifecycle.cancel(found.transaction, found.compartment, call.body.reason, fresh, call.now);
      }),

    [contract.extendTransaction.id]: (call: Call<typeof contract.extendTransaction>) => {
      const { charge, source: _, ...asked } = call.body;
      return change(call, call.params.transactionId, ({ transaction }) =>
        lifecycle.extend(transaction, asked, call.now, charge && { ...charge, by: call.caller.apiKeyId }),
      );
    },

    [contract.updateTransaction.id]: (call: Call<typeof contract.updateTransaction>) =>
      call.body.items === undefined
        ? change(call, call.params.transactionId, ({ transaction }) =>
            lifecycle.update(transaction, changesIn(call.body)),
          )
        : fitAnew(call, call.params.transactionId, { changes: changesIn(call.body), reason: 'the items were changed' }),

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
        lifecycle.confirm(
          transaction,
          'payment',
          { by: call.caller.apiKeyId, reference: call.body.reference },
          call.now,
        ),
      ),

    [contract.confirmTransaction.id]: (call: Call<typeof contract.confirmTransaction>) =>
      change(call, call.params.transactionId, ({ transaction }) =>
        lifecycle.confirm(
          transaction,
          call.body.condition,
          { by: call.caller.apiKeyId, reference: call.body.reference },
          call.now,
        ),
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
