import { getLink } from '#shared/api/links.ts';
import { listMessages, MessageView } from '#shared/api/messages.ts';
import * as contract from '#shared/api/transactions.ts';
import { Asset } from '#shared/domain/asset.ts';
import { assign, goesInto, policyOf, volume } from '#shared/domain/assignment.ts';
import type { LayoutDoor } from '#shared/domain/bank.ts';
import type { Compartment } from '#shared/domain/compartment.ts';
import { apply } from '#shared/domain/decision.ts';
import type { Fresh } from '#shared/domain/issuing.ts';
import * as lifecycle from '#shared/domain/lifecycle.ts';
import * as moving from '#shared/domain/moving.ts';
import { sourceOf } from '#shared/domain/ownership.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import type { Source } from '#shared/domain/source.ts';
import { hasLeftStock, sold } from '#shared/domain/stock.ts';
import type { Instant } from '#shared/domain/time.ts';
import type { Transaction } from '#shared/domain/transaction.ts';
import {
  type Answer,
  type AnyCall,
  type Call,
  endpoint,
  type Handlers,
  type HttpDeps,
} from '#shared/lambda/endpoint.ts';
import { readLinked } from '#shared/lambda/linked.ts';
import { refuseUnless } from '#shared/lambda/problem.ts';
import { mayShow } from '#shared/lambda/sandbox.ts';
import { type ChangeCall, type Moved, openChanges, unknownTransaction } from '#shared/lambda/transaction-changes.ts';
import { openCreation, refusalText } from '#shared/lambda/transaction-create.ts';
import { findTransactions } from '#shared/lambda/transaction-search.ts';
import { transactionAnswer } from '#shared/lambda/transaction-view.ts';
import { live, publicUrl } from '#shared/live.ts';
import { readBankWithDoors } from '#shared/store/banks.ts';
import { commitAsset, KeptCancellation, keptCancellationWrite } from '#shared/store/commit.ts';
import { readMessages } from '#shared/store/messages.ts';
import { keys } from '#shared/store/rows.ts';
import { commitStockUnit, readStockUnit } from '#shared/store/stock.ts';
import { Lost, type Write } from '#shared/store/table.ts';
import type { Found } from '#shared/store/transactions.ts';

/** What is to be changed, without who says so. */
const changesIn = <Body extends { source?: Source | undefined }>({
  source: _,
  ...changes
}: Body): Omit<Body, 'source'> => changes;

/** Why items are not changed any more. */
const itemsInside = 'the items are inside already';

export const transactionHandlers = (deps: HttpDeps): Handlers => {
  const { transactions, idOf, find, change } = openChanges(deps);
  const creation = openCreation(deps);

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

  /** The goods of a sale that is completed by hand are in stock no more. */
  const leaveStock = async (call: AnyCall, { id, tenant, stockUnitId }: Transaction): Promise<Write[]> => {
    const unit = stockUnitId === undefined ? null : await readStockUnit(deps.table, tenant, stockUnitId);
    if (unit === null || hasLeftStock(unit)) return [];
    return commitStockUnit(apply(unit, [sold(id)]), call.circumstances).writes;
  };

  /** What a move to that compartment comes to, by where the item is now; with the asset, if that moves as well. */
  const moveTo = async (
    call: ChangeCall,
    { transaction }: Pick<Found, 'transaction'>,
    { reason, moveBy }: { reason: string; moveBy?: Instant | undefined },
    changes: lifecycle.Changes,
  ): Promise<(found: Found, to: Compartment, fresh: Fresh) => Moved> => {
    const { now, circumstances } = call;
    const input = { reason, moveBy, by: circumstances.actor };
    const held = ({ compartment, transaction: { state } }: Found): Compartment => {
      refuseUnless(compartment !== null, 'invalid_transition', `the transaction is ${state}`);
      return compartment;
    };
    const kind = moving.requireMovable(transaction);
    refuseUnless(moveBy === undefined || kind === 'inside', 'invalid_transition', 'nothing is inside that takes time');
    if (kind === 'before')
      return (found, to) => ({ decision: lifecycle.move(found.transaction, held(found), to, reason, changes) });
    if (kind === 'inside')
      return (found, to, fresh) => ({
        decision: found.transaction.move
          ? moving.redirect(found.transaction, found, to, input, fresh, now)
          : moving.startMove(found.transaction, to, input, fresh, now),
      });
    const row = await deps.table.get(keys.asset(call.caller.tenant, transaction.assetId ?? ''), true);
    const asset = Asset.parse(row);
    return (found, to) => {
      const { decision, asset: moved } = moving.returnElsewhere(found.transaction, asset, held(found), to, reason);
      return { decision, more: commitAsset(moved, circumstances).writes };
    };
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
      moveBy?: Instant | undefined;
      changes?: lifecycle.Changes;
    },
  ): Promise<Answer> => {
    const { changes = {}, door, leave, larger = false } = asked;
    const found = await find(call, id);
    const { transaction } = found;
    const items = changes.items ?? transaction.items;
    const read = await readBankWithDoors(deps.table, call.caller.tenant, transaction.bankId, true);
    if (read === null) throw new Error(`there is no bank ${transaction.bankId}`);
    const built = read.bank.layout.find((it) => it.door === transaction.door);
    if (leave === undefined && built && goesInto(items, built))
      return change(call, id, (found) => {
        refuseUnless(found.transaction.state === 'reserved', 'invalid_transition', itemsInside);
        return lifecycle.update(found.transaction, changes);
      });

    if (door !== undefined && !read.bank.layout.some((it) => it.door === door))
      throw new Refusal('not_found', `there is no door ${door} at this bank`);
    const isCandidate = (it: LayoutDoor): boolean =>
      (door === undefined || it.door === door) && !(larger && built && volume(it) <= volume(built));
    const candidates = read.bank.layout.filter(isCandidate).map((it) => it.door);
    // Where whoever carries the item has just taken it out, they may put it back, whoever else would have to wait.
    const origin = transaction.move?.from;
    const others = read.compartments
      .filter((it) => candidates.includes(it.door))
      .map((it) => (it.door === origin ? { ...it, until: null } : it));
    // What cannot be done whatever is free is said first.
    refuseUnless(leave === true || transaction.state === 'reserved', 'invalid_transition', itemsInside);
    const decide = await moveTo(call, found, asked, changes);
    // Who asks for a larger one gets it, whatever the policy says of taking larger ones than needed.
    const policy = policyOf(read.bank);
    const bank = larger ? { ...read.bank, assignmentPolicy: { ...policy, takeLarger: true } } : read.bank;
    const fitting = assign(items, transaction.id, bank, others, call.now);
    if (fitting.refused !== null)
      throw new Refusal('reservation_refused', refusalText[fitting.refused], { reason: fitting.refused });
    for (const to of fitting.doors.slice(0, 3)) {
      try {
        return await change(call, id, (now, fresh) => decide(now, to, fresh));
      } catch (error) {
        if (!(error instanceof Lost) || error.to('compartment') === undefined) throw error;
      }
    }
    throw new Refusal('busy', 'others took the compartments that fit at this very moment; try again', {
      retryAfterSeconds: 1,
    });
  };

  return {
    [contract.createTransaction.id]: (call: Call<typeof contract.createTransaction>) => creation.create(call),

    [contract.checkTransaction.id]: async (call: Call<typeof contract.checkTransaction>) => ({
      body: await creation.check(call),
    }),

    [contract.getTransaction.id]: async (call: Call<typeof contract.getTransaction>) =>
      transactionAnswer(await find(call, call.params.transactionId)),

    [contract.listTransactions.id]: findTransactions(deps, transactions),

    [getLink.id]: readLinked(deps, transactions),

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

    [listMessages.id]: async (call: Call<typeof listMessages>) => {
      const { caller, params, query, cursors } = call;
      const transactionId = await idOf(call, params.transactionId);
      const after = await cursors.read();
      const found = await readMessages(deps.table, { tenant: caller.tenant, transactionId }, { ...query, after });
      // Its own row comes with the first page; a message is as real as what it is about.
      const isShown =
        after === undefined
          ? found.transaction !== undefined && mayShow(caller, { livemode: found.transaction.livemode !== false })
          : found.messages.every((it) => mayShow(caller, it));
      if (!isShown) throw unknownTransaction(params.transactionId);
      const data = found.messages.map((it) => MessageView.parse(it));
      return { body: { data, nextCursor: await cursors.give(found.next) } };
    },

    [contract.cancelTransaction.id]: async (call: Call<typeof contract.cancelTransaction>) =>
      (await keepCancellation(call)) ??
      change(call, call.params.transactionId, (found, fresh) => {
        const { transaction, compartment, target } = found;
        return lifecycle.cancel(transaction, compartment, call.body.reason, fresh, call.now, target);
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

    [contract.cancelMove.id]: (call: Call<typeof contract.cancelMove>) =>
      change(call, call.params.transactionId, ({ transaction, target }) =>
        moving.cancelMove(transaction, target, call.body.reason, call.now),
      ),

    [contract.recallTransaction.id]: (call: Call<typeof contract.recallTransaction>) =>
      change(call, call.params.transactionId, (found, fresh) =>
        lifecycle.recallItem(found.transaction, found, call.body.reason, fresh, call.now),
      ),

    [contract.completeTransaction.id]: (call: Call<typeof contract.completeTransaction>) =>
      change(
        call,
        call.params.transactionId,
        ({ transaction, compartment, target }) => {
          refuseUnless(compartment !== null, 'invalid_transition', `the transaction is ${transaction.state}`);
          const { reason, charge } = call.body;
          const charged = charge && { ...charge, by: call.caller.apiKeyId };
          return lifecycle.complete(transaction, compartment, reason, call.now, charged, target);
        },
        ({ transaction }) => leaveStock(call, transaction),
      ),

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

    [contract.chargeTransaction.id]: (call: Call<typeof contract.chargeTransaction>) => {
      const { source: _, ...asked } = call.body;
      return change(call, call.params.transactionId, ({ transaction }) =>
        lifecycle.charge(transaction, { ...asked, by: call.caller.apiKeyId }, call.now),
      );
    },

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

export const handler = endpoint(
  [
    ...Object.values(contract).filter((it) => typeof it === 'object' && 'method' in it && 'path' in it),
    getLink,
    listMessages,
  ],
  () => {
    const deps = { ...live(), publicUrl: publicUrl() };
    return { deps, handlers: transactionHandlers(deps) };
  },
);
