import * as contract from '#shared/api/transactions.ts';
import { Asset } from '#shared/domain/asset.ts';
import { alternatives, assign, goesInto, policyOf, serveLine, softDoors, volume } from '#shared/domain/assignment.ts';
import { defaultPolicy } from '#shared/domain/assignment-policy.ts';
import type { Bank, LayoutDoor } from '#shared/domain/bank.ts';
import { Compartment, newCompartment } from '#shared/domain/compartment.ts';
import * as lifecycle from '#shared/domain/lifecycle.ts';
import { sourceOf } from '#shared/domain/ownership.ts';
import { Refusal, type ReservationReason } from '#shared/domain/refusal.ts';
import type { RootKeys } from '#shared/domain/root-key.ts';
import { seenText } from '#shared/domain/seen.ts';
import type { Source } from '#shared/domain/source.ts';
import type { Transaction } from '#shared/domain/transaction.ts';
import { type Answer, type Call, endpoint, type Handlers, type HttpDeps } from '#shared/lambda/endpoint.ts';
import { refuseUnless, requireFields } from '#shared/lambda/problem.ts';
import { mayShow, requireUsable } from '#shared/lambda/sandbox.ts';
import {
  type ChangeCall,
  openChanges,
  transactionAnswer,
  unknownTransaction,
  withVerifier,
} from '#shared/lambda/transaction-changes.ts';
import { findTransactions } from '#shared/lambda/transaction-search.ts';
import { live } from '#shared/live.ts';
import { parseBank, readBankWithDoors } from '#shared/store/banks.ts';
import { externalIdWrites, KeptCancellation, keptCancellationWrite } from '#shared/store/commit.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost, type Write } from '#shared/store/table.ts';
import { decisionWrites, drawFresh, newSalt, withNextPin } from '#shared/store/transactions.ts';

/**
 * How many commits one create attempts: two on the first read, two on a fresh one. Whoever loses them all in a race for
 * the last doors is told by one more read: `bank_full`, or `busy` while doors are still free (design.md section 4).
 */
const reservationReads = [
  { consistent: false, attempts: 2 },
  { consistent: true, attempts: 2 },
  { consistent: true, attempts: 0 },
] as const;

/** What is to be changed, without who says so. */
const changesIn = <Body extends { source?: Source | undefined }>({
  source: _,
  ...changes
}: Body): Omit<Body, 'source'> => changes;

type CreateCall = Call<typeof contract.createTransaction>;
type CheckCall = Call<typeof contract.checkTransaction>;

/** A transaction as it was asked for; how its door is to be had is no part of it, but whether it is softly. */
const inputOf = (
  { body, caller }: CreateCall,
  bank: Bank,
  rootKeys: RootKeys,
  id: string,
  salt: string,
): lifecycle.CreateInput => {
  const { waitUntil: _, reservation, access = [], ...asked } = body;
  const { siteId, bankKey, simulated } = bank;
  const place = { bankId: bank.id, bankKey };
  return {
    ...asked,
    ...(access.length > 0 && { access: access.map((it, nth) => withVerifier(rootKeys, place, it, `/access/${nth}`)) }),
    id,
    salt,
    tenant: caller.tenant,
    siteId,
    livemode: !simulated,
    bankKey,
    source: sourceOf(caller, body.source),
    payment: body.payment ?? null,
    ...(reservation === 'soft' && { reservation }),
  };
};

/** What every workflow needs but a loan, which is of an asset. */
const requireItems = ({ items, assetId, workflow }: CreateCall['body']): void => {
  requireFields(items.length > 0, '/items', 'name at least one: a compartment is chosen by their measures');
  requireFields(assetId === undefined, '/assetId', `is not a field of a ${workflow}`);
};

/** One for each step, and what is asked for besides. */
const credentialsMost = ({ access = [] }: lifecycle.CreateInput): number => 2 + access.length;

/** Why a loan has the door it has. */
const byAsset = 'the door of the asset';

export const transactionHandlers = (deps: HttpDeps): Handlers => {
  const { transactions, idOf, find, change } = openChanges(deps);

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
    // Who asks for a larger one gets it, whatever the policy says of taking larger ones than needed.
    const policy = policyOf(read.bank);
    const bank = larger ? { ...read.bank, assignmentPolicy: { ...policy, takeLarger: true } } : read.bank;
    const found = assign(items, transaction.id, bank, others, call.now);
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

  /**
   * The commit of a new transaction, with its answer and what else has to change for it; null when somebody else was
   * faster.
   */
  const commitCreate = async (
    call: CreateCall,
    decided: lifecycle.TransactionDecision,
    more: Write[] = [],
  ): Promise<Answer | null> => {
    const rootKeys = await deps.rootKeys();
    let decision = decided;
    let kept: string[] = [];
    for (;;) {
      const { after, writes, lockOwners } = decisionWrites(rootKeys, decision, null, call.circumstances);
      const made = transactionAnswer({ transaction: after, applied: null }, after.credentials);
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
        if (error.rows.some(({ kind }) => kind !== 'lock') || !lock) return null;
        decision = withNextPin(decision, lockOwners.get(lock.key.SK) ?? '');
      }
    }
  };

  /** Takes the door of a soft reservation; both are guarded by one commit. Null when it may not be, or not any more. */
  const reclaim = async (
    call: CreateCall,
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
    const rootKeys = await deps.rootKeys();
    const fresh = drawFresh(rootKeys.version, deps.newId, credentialsMost(input));
    const created = lifecycle.create(input, compartment, at.bank.pinDigits, at.assignment, fresh, now);
    // It is our rule that another has to give way, not the caller's wish.
    const byRule = { ...call.circumstances, actor: { type: 'system' as const, id: 'assignment' } };
    return commitCreate(call, created, decisionWrites(rootKeys, gaveWay, null, byRule).writes);
  };

  /** Tries doors in order until one commit wins; null when somebody else was faster at each of them. */
  const reserve = async (
    call: CreateCall,
    id: string,
    salt: string,
    { consistent, attempts }: (typeof reservationReads)[number],
  ): Promise<Answer | null> => {
    const { body, caller, now } = call;
    const read = await readBankWithDoors(deps.table, caller.tenant, body.bankId, consistent);
    if (read === null)
      throw new Refusal('reservation_refused', `there is no bank ${body.bankId}`, { reason: 'bank_unknown' });
    requireUsable(caller, read.bank);
    // Who waits already has the first claim to what is free.
    const { left } = serveLine(read.waiting, read.bank, read.compartments, now);
    const found = assign(body.items, id, read.bank, left, now);
    const { waitUntil, reservation } = body;
    const rootKeys = await deps.rootKeys();
    const input = inputOf(call, read.bank, rootKeys, id, salt);
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
        return commitCreate(call, lifecycle.wait(input, waitUntil, assignment, now));
      }
    }
    if (found.refused !== null)
      throw new Refusal('reservation_refused', refusalText[found.refused], { reason: found.refused });

    const { policy, candidates, reason } = found;
    const assignment = { policy, candidates, reason, seen: seenText(read.bank.layout, left, now) };
    const decideFor = (compartment: Compartment) =>
      lifecycle.create(
        input,
        compartment,
        read.bank.pinDigits,
        assignment,
        drawFresh(rootKeys.version, deps.newId, credentialsMost(input)),
        now,
      );
    for (const compartment of found.doors.slice(0, attempts)) {
      const made = await commitCreate(call, decideFor(compartment));
      if (made !== null) return made;
    }
    return null;
  };

  /** The asset that a loan asks for, with its door; refuses where it cannot be promised now. */
  const findLendable = async ({
    body,
    caller,
  }: CreateCall | CheckCall): Promise<{ asset: Asset; bank: Bank; compartment: Compartment }> => {
    const { assetId } = body;
    requireFields(assetId !== undefined, '/assetId', 'is missing: a loan is of an asset');
    requireFields(body.items.length === 0, '/items', 'are those of the asset; leave them out');
    // Its door is its asset's and nobody else's: it can neither give way nor wait for another.
    requireFields(body.waitUntil === undefined, '/waitUntil', 'is not a field of a loan');
    requireFields(body.reservation === 'hard', '/reservation', 'of a loan is always hard');
    const [bankRow, assetRow] = await deps.table.batchGet([
      keys.bank(body.bankId),
      keys.asset(caller.tenant, assetId ?? ''),
    ]);
    const asset = assetRow === undefined ? null : Asset.parse(assetRow);
    const bank = bankRow === undefined ? null : parseBank(bankRow);
    if (bank === null || bank.tenant !== caller.tenant)
      throw new Refusal('reservation_refused', `there is no bank ${body.bankId}`, { reason: 'bank_unknown' });
    requireUsable(caller, bank);
    if (asset === null) throw new Refusal('not_found', `there is no asset ${assetId}`);
    requireFields(asset.bankId === bank.id, '/bankId', `the asset is at ${asset.bankId}`);
    const unavailable = (why: string) => new Refusal('reservation_refused', why, { reason: 'bank_full' });
    if (asset.retired !== null) throw unavailable(`the asset is retired: ${asset.retired}`);
    if (bank.lifecycle !== 'active')
      throw new Refusal('reservation_refused', refusalText.bank_unavailable, { reason: 'bank_unavailable' });
    const doorRow = await deps.table.get(keys.compartment(bank.id, asset.door), true);
    const compartment = doorRow === undefined ? newCompartment(asset.door) : Compartment.parse(doorRow);
    if (compartment.heldBy !== asset.id)
      throw new Refusal('reservation_refused', `the asset is promised or lent to ${compartment.heldBy}`, {
        reason: 'bank_full',
        ...(compartment.heldBy === null ? {} : { existing: compartment.heldBy }),
      });
    if (compartment.contents === 'empty') throw unavailable('the asset is not in its door');
    return { asset, bank, compartment };
  };

  /** Promises an asset, and so its door, to a borrower. */
  const lend = async (call: CreateCall, id: string, salt: string): Promise<Answer> => {
    const { caller, now } = call;
    const { asset, bank, compartment } = await findLendable(call);
    const rootKeys = await deps.rootKeys();
    const input = { ...inputOf(call, bank, rootKeys, id, salt), items: [asset.item] };
    const assignment = { policy: policyOf(bank).id, candidates: 1, reason: byAsset };
    const fresh = drawFresh(rootKeys.version, deps.newId, credentialsMost(input));
    const made = await commitCreate(
      call,
      lifecycle.create(input, compartment, bank.pinDigits, assignment, fresh, now),
      [
        {
          kind: 'other',
          expects: 'absent',
          put: { ...keys.assetLoan(caller.tenant, asset.id, id), transactionId: id },
        },
      ],
    );
    if (made === null)
      throw new Refusal('busy', 'somebody else was faster at the door of the asset; try again', {
        retryAfterSeconds: 1,
      });
    return made;
  };

  /** The same of a loan: nothing is chosen, its asset has a door. */
  const checkLoan = async (call: CheckCall): Promise<contract.Precheck> => {
    const none = { ahead: 0, alternatives: [] };
    try {
      const { bank, compartment } = await findLendable(call);
      const { id: policy } = policyOf(bank);
      const { door } = compartment;
      return { ...none, outcome: 'reserved', door, candidates: 1, policy, refusal: null, reason: byAsset };
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'reservation_refused') throw error;
      const refusal = contract.Precheck.shape.refusal.parse(error.reason);
      const { message: reason } = error;
      return { ...none, outcome: 'refused', door: null, candidates: 0, policy: defaultPolicy.id, refusal, reason };
    }
  };

  /** What a create would come to, decided as it would be, on the same read; nothing is written. */
  const check = async (call: CheckCall): Promise<contract.Precheck> => {
    const { body, caller, now } = call;
    const id = deps.newId('txn');
    // Refuses what is wrong with the request itself.
    lifecycle.deadlinesOf(body, now);
    sourceOf(caller, body.source);
    if (body.workflow === 'loan') return checkLoan(call);
    requireItems(body);
    const refused = { outcome: 'refused' as const, ahead: 0, door: null, candidates: 0 };
    const read = await readBankWithDoors(deps.table, caller.tenant, body.bankId, false);
    if (read === null) {
      const refusal = 'bank_unknown' as const;
      return { ...refused, policy: defaultPolicy.id, refusal, reason: refusalText[refusal], alternatives: [] };
    }
    const { bank, waiting, compartments } = read;
    requireUsable(caller, bank);
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
    [contract.createTransaction.id]: async (call: CreateCall) => {
      const id = deps.newId('txn');
      const salt = newSalt();
      if (call.body.workflow === 'loan') return lend(call, id, salt);
      requireItems(call.body);
      for (const read of reservationReads) {
        const made = await reserve(call, id, salt, read);
        if (made !== null) return made;
      }
      throw new Refusal('busy', 'many callers want the last compartments of this bank; try again', {
        retryAfterSeconds: 1,
      });
    },

    [contract.checkTransaction.id]: async (call: CheckCall) => ({
      body: await check(call),
    }),

    [contract.getTransaction.id]: async (call: Call<typeof contract.getTransaction>) =>
      transactionAnswer(await find(call, call.params.transactionId)),

    [contract.listTransactions.id]: findTransactions(deps, transactions),

    [contract.listTransactionEvents.id]: async (call: Call<typeof contract.listTransactionEvents>) => {
      const { query, caller, params } = call;
      const id = await idOf(call, params.transactionId);
      const after = Number((await call.cursors.read()) ?? 0);
      const { events, more } = await transactions.events(caller.tenant, id, after, query.limit);
      // It has events from its birth on.
      const livemode = events.every(({ data }) => data.livemode !== false);
      if ((events.length === 0 && after === 0) || !mayShow(caller, { livemode }))
        throw unknownTransaction(params.transactionId);
      const last = events.at(-1)?.sequence;
      return { body: { data: events, nextCursor: await call.cursors.give(more && last ? String(last) : null) } };
    },

    [contract.cancelTransaction.id]: async (call: Call<typeof contract.cancelTransaction>) =>
      (await keepCancellation(call)) ??
      change(call, call.params.transactionId, (found, fresh) => {
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

    [contract.holdTransaction.id]: (call: Call<typeof contract.holdTransaction>) =>
      change(call, call.params.transactionId, (found) => lifecycle.hold(found.transaction, call.body.reason)),

    [contract.liftHold.id]: (call: Call<typeof contract.liftHold>) =>
      change(call, call.params.transactionId, (found) => lifecycle.liftHold(found.transaction)),
  };
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
