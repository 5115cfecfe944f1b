import * as contract from '#shared/api/transactions.ts';
import { Asset } from '#shared/domain/asset.ts';
import { alternatives, assign, goesInto, policyOf, serveLine, softDoors, volume } from '#shared/domain/assignment.ts';
import { defaultPolicy } from '#shared/domain/assignment-policy.ts';
import type { Bank, LayoutDoor } from '#shared/domain/bank.ts';
import { Compartment, newCompartment } from '#shared/domain/compartment.ts';
import { apply } from '#shared/domain/decision.ts';
import * as lifecycle from '#shared/domain/lifecycle.ts';
import * as moving from '#shared/domain/moving.ts';
import { from, requireOwner, sourceOf } from '#shared/domain/ownership.ts';
import { Refusal, type ReservationReason } from '#shared/domain/refusal.ts';
import { seenText } from '#shared/domain/seen.ts';
import type { Source } from '#shared/domain/source.ts';
import { hasLeftStock, type InDoor, sellable, sold, unsellable } from '#shared/domain/stock.ts';
import type { Instant } from '#shared/domain/time.ts';
import type { Transaction } from '#shared/domain/transaction.ts';
import { workflowOf } from '#shared/domain/workflow.ts';
import {
  type Answer,
  type AnyCall,
  type Call,
  endpoint,
  type Handlers,
  type HttpDeps,
} from '#shared/lambda/endpoint.ts';
import { refuseUnless, requireFields } from '#shared/lambda/problem.ts';
import { mayShow, requireUsable } from '#shared/lambda/sandbox.ts';
import { findTransactions } from '#shared/lambda/transaction-search.ts';
import { type Seen, transactionView } from '#shared/lambda/transaction-view.ts';
import { live } from '#shared/live.ts';
import { parseBank, readBankWithDoors } from '#shared/store/banks.ts';
import {
  commitAsset,
  commitStockUnit,
  externalIdWrites,
  KeptCancellation,
  keptCancellationWrite,
} from '#shared/store/commit.ts';
import { keys } from '#shared/store/rows.ts';
import { readStockAt, readStockUnit, readUnitAtBank } from '#shared/store/stock.ts';
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

/** The same of goods in stock, of which everybody wants those first that should go first. */
const stockReads = [
  { consistent: false, attempts: 3 },
  { consistent: true, attempts: 3 },
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
  { siteId, bankKey, simulated }: Pick<Bank, 'siteId' | 'bankKey' | 'simulated'>,
  id: string,
  salt: string,
): lifecycle.CreateInput => {
  const { waitUntil: _, sku: __, reservation, ...asked } = body;
  return {
    ...asked,
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

/** What a transaction is about: measured items, for which a compartment is chosen, or a thing that has its door. */
const subjectOf = ({ workflow, items, assetId, stockUnitId, sku }: CreateCall['body']): 'items' | 'asset' | 'stock' => {
  const { of } = workflowOf(workflow);
  const named = { assetId, stockUnitId, sku };
  const own: readonly string[] = of === undefined ? [] : { asset: ['assetId'], stock: ['stockUnitId', 'sku'] }[of];
  for (const [name, value] of Object.entries(named))
    requireFields(value === undefined || own.includes(name), `/${name}`, `is not a field of a ${workflow}`);
  requireFields(stockUnitId === undefined || sku === undefined, '/sku', 'is that of the unit; leave it out');
  if (of === 'asset') return 'asset';
  if (stockUnitId !== undefined || sku !== undefined) return 'stock';
  requireFields(items.length > 0, '/items', 'name at least one: a compartment is chosen by their measures');
  return 'items';
};

/** What has its own door can neither give way nor wait for another. */
const requireOwnDoor = ({ items, waitUntil, reservation }: CreateCall['body'], of: string): void => {
  requireFields(items.length === 0, '/items', `are those of the ${of}; leave them out`);
  requireFields(waitUntil === undefined, '/waitUntil', `is not a field where it is about ${of}`);
  requireFields(reservation === 'hard', '/reservation', `about ${of} is always hard`);
};

/** Why it has the door it has. */
const byAsset = 'the door of the asset';
const byStock = 'the door in which the goods lie';

/** Why items are not changed any more. */
const itemsInside = 'the items are inside already';

/** A decision, and what else its commit writes. */
type Moved = { decision: lifecycle.TransactionDecision; more?: Write[] };

type Changes = Partial<Pick<Transaction, 'recipient' | 'parties' | 'metadata' | 'items'>>;

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
    if (found === null || !mayShow(call.caller, found.transaction)) throw notFound(id);
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

  /** Reads, decides and saves a change by its owner; its answer, and what changes with it, go into the same commit. */
  const change = async (
    call: ChangeCall,
    id: string,
    decide: (found: Found, fresh: lifecycle.Fresh) => lifecycle.TransactionDecision | Moved,
    alongside: (found: Found) => Promise<Write[]> = async () => [],
  ): Promise<Answer> => {
    let made: Answer | undefined;
    let besides: Write[] = [];
    const found = await find(call, id);
    const more = await alongside(found);
    await transactions.change(
      found,
      call.circumstances,
      (found, fresh) => {
        if (call.ifMatch !== undefined && call.ifMatch !== found.transaction.version)
          throw new Refusal('precondition_failed', `the transaction is at version ${found.transaction.version} now`);
        requireOwner(found.transaction, call.caller, call.body.source);
        const decided = decide(found, fresh);
        besides = 'decision' in decided ? (decided.more ?? []) : [];
        return from('decision' in decided ? decided.decision : decided, call.body.source);
      },
      (after, decision) => {
        made = answer({ transaction: after, applied: null }, decision.locks.take);
        return [...besides, ...more, ...call.record(made)];
      },
    );
    if (made === undefined) throw new Error('a change was saved without an answer');
    return made;
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
    changes: Changes,
  ): Promise<(found: Found, to: Compartment, fresh: lifecycle.Fresh) => Moved> => {
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
      changes?: Changes;
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
    const fresh = drawFresh(rootKeys.version, deps.newId);
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
    const input = inputOf(call, read.bank, id, salt);
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
    requireOwnDoor(body, 'asset');
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
    const rootKeys = await deps.rootKeys();
    // What its bank tells of the door at the same time is no reason to refuse.
    for (let attempt = 0; attempt < loanAttempts; attempt += 1) {
      const { asset, bank, compartment } = await findLendable(call);
      const input = { ...inputOf(call, bank, id, salt), items: [asset.item] };
      const assignment = { policy: policyOf(bank).id, candidates: 1, reason: byAsset };
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

  /** The goods that a sale asks for, with their doors, those first that should go first; refuses where there are none. */
  const findSellable = async (
    { body, caller, now }: CreateCall | CheckCall,
    consistent: boolean,
  ): Promise<{ bank: Bank; found: InDoor[] }> => {
    const { stockUnitId, sku, bankId } = body;
    requireOwnDoor(body, 'goods in stock');
    const requireBank = (bank: Bank | undefined | null): Bank => {
      if (!bank) throw new Refusal('reservation_refused', `there is no bank ${bankId}`, { reason: 'bank_unknown' });
      requireUsable(caller, bank);
      if (bank.lifecycle !== 'active')
        throw new Refusal('reservation_refused', refusalText.bank_unavailable, { reason: 'bank_unavailable' });
      return bank;
    };
    if (sku !== undefined) {
      const read = await readStockAt(deps.table, caller.tenant, bankId, { sku, consistent });
      const bank = requireBank(read?.bank);
      const found = sellable(read?.units ?? [], read?.compartments ?? [], now);
      if (found.length === 0)
        throw new Refusal('reservation_refused', `no ${sku} is for sale at this bank now`, { reason: 'out_of_stock' });
      return { bank, found };
    }
    const { unit, compartment, ...read } = await readUnitAtBank(deps.table, caller.tenant, bankId, stockUnitId ?? '');
    const bank = requireBank(read.bank);
    if (unit === null) throw new Refusal('not_found', `there is no stock unit ${stockUnitId}`);
    requireFields(unit.bankId === null || unit.bankId === bank.id, '/bankId', `the unit is at ${unit.bankId}`);
    const refusal = unsellable({ unit, compartment }, now);
    if (refusal !== null || compartment === null) throw refusal;
    return { bank, found: [{ unit, compartment }] };
  };

  /** Sells goods that lie in stock: the first that nobody else was faster at. */
  const sell = async (call: CreateCall, id: string, salt: string): Promise<Answer> => {
    const rootKeys = await deps.rootKeys();
    for (const { consistent, attempts } of stockReads) {
      const { bank, found } = await findSellable(call, consistent);
      const assignment = { policy: policyOf(bank).id, candidates: found.length, reason: byStock };
      for (const { unit, compartment } of found.slice(0, attempts)) {
        const input = { ...inputOf(call, bank, id, salt), items: [unit.item], stockUnitId: unit.id };
        const at = { compartment, stockedAt: unit.stockedAt ?? call.now };
        const fresh = drawFresh(rootKeys.version, deps.newId);
        const decided = lifecycle.createFromStock(input, at, bank.pinDigits, assignment, fresh, call.now);
        const made = await commitCreate(call, decided);
        if (made !== null) return made;
      }
    }
    throw new Refusal('busy', 'many callers want the last of these goods; try again', { retryAfterSeconds: 1 });
  };

  /** What a create would come to that chooses no compartment: what it is about has one. */
  const checkThing = async (
    find: () => Promise<{ bank: Bank; doors: string[] }>,
    reason: string,
  ): Promise<contract.Precheck> => {
    const none = { ahead: 0, alternatives: [] };
    try {
      const { bank, doors } = await find();
      const { id: policy } = policyOf(bank);
      const [door = null] = doors;
      return { ...none, outcome: 'reserved', door, candidates: doors.length, policy, refusal: null, reason };
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'reservation_refused') throw error;
      const refusal = contract.Precheck.shape.refusal.parse(error.reason);
      const refused = { outcome: 'refused' as const, door: null, candidates: 0, policy: defaultPolicy.id };
      return { ...none, ...refused, refusal, reason: error.message };
    }
  };

  const checkLoan = (call: CheckCall) =>
    checkThing(async () => {
      const { bank, compartment } = await findLendable(call);
      return { bank, doors: [compartment.door] };
    }, byAsset);

  const checkSale = (call: CheckCall) =>
    checkThing(async () => {
      const { bank, found } = await findSellable(call, false);
      return { bank, doors: found.map(({ compartment }) => compartment.door) };
    }, byStock);

  /** What a create would come to, decided as it would be, on the same read; nothing is written. */
  const check = async (call: CheckCall): Promise<contract.Precheck> => {
    const { body, caller, now } = call;
    const id = deps.newId('txn');
    // Refuses what is wrong with the request itself.
    const subject = subjectOf(body);
    (subject === 'stock' ? lifecycle.stockDeadlines : lifecycle.deadlinesOf)(body, now);
    sourceOf(caller, body.source);
    if (subject === 'asset') return checkLoan(call);
    if (subject === 'stock') return checkSale(call);
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
      const subject = subjectOf(call.body);
      if (subject === 'asset') return lend(call, id, salt);
      if (subject === 'stock') return sell(call, id, salt);
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
      answer(await find(call, call.params.transactionId)),

    [contract.listTransactions.id]: findTransactions(deps, transactions),

    [contract.listTransactionEvents.id]: async (call: Call<typeof contract.listTransactionEvents>) => {
      const { query, caller, params } = call;
      const id = await idOf(call, params.transactionId);
      const after = Number((await call.cursors.read()) ?? 0);
      const { events, more } = await transactions.events(caller.tenant, id, after, query.limit);
      // It has events from its birth on.
      const livemode = events.every(({ data }) => data.livemode !== false);
      if ((events.length === 0 && after === 0) || !mayShow(caller, { livemode })) throw notFound(params.transactionId);
      const last = events.at(-1)?.sequence;
      return { body: { data: events, nextCursor: await call.cursors.give(more && last ? String(last) : null) } };
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
  out_of_stock: 'nothing of the kind is in stock at this bank',
  best_before_passed: 'it is past its best-before date',
} as const satisfies Record<ReservationReason, string>;

export const handler = endpoint(
  Object.values(contract).filter((it) => typeof it === 'object' && 'method' in it && 'path' in it),
  () => {
    const deps = live();
    return { deps, handlers: transactionHandlers(deps) };
  },
);
