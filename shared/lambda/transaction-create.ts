import * as contract from '../api/transactions.ts';
import { Asset } from '../domain/asset.ts';
import { alternatives, assign, policyOf, serveLine, softDoors } from '../domain/assignment.ts';
import { defaultPolicy } from '../domain/assignment-policy.ts';
import type { Bank } from '../domain/bank.ts';
import { Compartment, newCompartment } from '../domain/compartment.ts';
import { broughtVerifier } from '../domain/derived.ts';
import { credentialsMost } from '../domain/issuing.ts';
import * as lifecycle from '../domain/lifecycle.ts';
import { sourceOf } from '../domain/ownership.ts';
import { Refusal, type ReservationReason } from '../domain/refusal.ts';
import type { RootKeys } from '../domain/root-key.ts';
import { seenText } from '../domain/seen.ts';
import { type InDoor, sellable, unsellable } from '../domain/stock.ts';
import { type Agreed, agreedAt } from '../domain/terms.ts';
import type { Transaction } from '../domain/transaction.ts';
import { type ScanStep, type Workflow, workflowOf } from '../domain/workflow.ts';
import { parseBank, readBankWithDoors } from '../store/banks.ts';
import { externalIdWrites, KeptCancellation } from '../store/commit.ts';
import { keys } from '../store/rows.ts';
import { readStockAt, readUnitAtBank } from '../store/stock.ts';
import { Lost, type Write } from '../store/table.ts';
import { decisionWrites, drawFresh, newSalt, openTransactions, withNextPin } from '../store/transactions.ts';
import type { Answer, Call, HttpDeps } from './endpoint.ts';
import { requireFields } from './problem.ts';
import { requireUsable } from './sandbox.ts';
import { refusePlaceTaken, withVerifier } from './transaction-changes.ts';
import { transactionAnswer } from './transaction-view.ts';

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

/** What a create is asked with, by whichever way it comes. */
export type CreateCall = Pick<
  Call<typeof contract.createTransaction>,
  'body' | 'caller' | 'now' | 'circumstances' | 'record'
>;
type CheckCall = Pick<Call<typeof contract.checkTransaction>, 'body' | 'caller' | 'now'>;

const custodyOf = (
  rootKeys: RootKeys,
  place: { bankId: string; bankKey: Bank['bankKey'] },
  workflow: Workflow,
  { label, scanAt }: { label: string; scanAt: readonly ScanStep[] },
): Pick<lifecycle.CreateInput, 'label' | 'scanAt'> => {
  const steps: readonly string[] = workflowOf(workflow).steps.map(({ step }) => step);
  requireFields(
    scanAt.every((it) => steps.includes(it)),
    '/custody/scanAt',
    `names a step that no ${workflow} has`,
  );
  return {
    label: broughtVerifier(rootKeys, place, 'barcode', label),
    ...(scanAt.length > 0 && { scanAt: scanAt.join(',') }),
  };
};

const requireLabel = ({ custody }: CreateCall['body'], { scanAt }: Pick<Agreed, 'scanAt'>): void =>
  requireFields(
    scanAt.length === 0 || custody !== undefined,
    '/custody',
    `is missing: a label has to be scanned at the ${scanAt.join(' and the ')}`,
  );

/** A transaction as it was asked for; how its door is to be had is no part of it, but whether it is softly. */
const inputOf = (
  { body, caller }: CreateCall,
  bank: Bank,
  rootKeys: RootKeys,
  id: string,
  salt: string,
): lifecycle.CreateInput => {
  const { waitUntil: _, sku: __, reservation, access = [], custody, ...asked } = body;
  const { siteId, bankKey, simulated } = bank;
  const place = { tenant: caller.tenant, bankId: bank.id, bankKey };
  const agreed = agreedAt(bank, body.workflow);
  requireLabel(body, agreed);
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
    agreed,
    ...(custody && custodyOf(rootKeys, place, body.workflow, { ...custody, scanAt: custody.scanAt ?? agreed.scanAt })),
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

const requireWhatItIsOf = (body: CreateCall['body']): ReturnType<typeof subjectOf> => {
  const subject = subjectOf(body);
  if (subject === 'asset') requireFields(body.assetId !== undefined, '/assetId', 'is missing: a loan is of an asset');
  if (subject !== 'items') requireOwnDoor(body, subject === 'asset' ? 'asset' : 'goods in stock');
  return subject;
};

/** Refuses what is wrong with the request itself, whatever is free and whichever its bank; answers what it is about. */
export const requireSound = ({ body, caller, now }: CheckCall): ReturnType<typeof subjectOf> => {
  const subject = requireWhatItIsOf(body);
  (subject === 'stock' ? lifecycle.requireInStock : lifecycle.requireKnown)(body, now);
  sourceOf(caller, body.source);
  return subject;
};

/** Refuses what does not go together with what is agreed on at its bank: times, and a label that has to be scanned. */
export const requireAgreed = ({ body, now }: Pick<CheckCall, 'body' | 'now'>, bank: Pick<Bank, 'terms'>): void => {
  const agreed = agreedAt(bank, body.workflow);
  requireLabel(body, agreed);
  const input = { ...body, agreed };
  (subjectOf(body) === 'stock' ? lifecycle.stockDeadlines : lifecycle.deadlinesOf)(input, now);
};

/** Why it has the door it has. */
const byAsset = 'the door of the asset';
const byStock = 'the door in which the goods lie';

/** New transactions, and what would come of one: the way of every create, whether it is a request or a row of a file. */
export const openCreation = (deps: HttpDeps) => {
  const transactions = openTransactions(deps);

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
        refusePlaceTaken(error);
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
    const fresh = drawFresh(rootKeys.version, deps.newId, credentialsMost(input.access));
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
        drawFresh(rootKeys.version, deps.newId, credentialsMost(input.access)),
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
    if (compartment.heldBy === null) throw unavailable('the asset has no door any more');
    if (compartment.heldBy !== asset.id)
      throw new Refusal('reservation_refused', `the asset is promised or lent to ${compartment.heldBy}`, {
        reason: 'bank_full',
        existing: compartment.heldBy,
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
      const input = { ...inputOf(call, bank, rootKeys, id, salt), items: [asset.item] };
      const assignment = { policy: policyOf(bank).id, candidates: 1, reason: byAsset };
      const made = await commitCreate(
        call,
        lifecycle.create(
          input,
          compartment,
          bank.pinDigits,
          assignment,
          drawFresh(rootKeys.version, deps.newId, credentialsMost(input.access)),
          now,
        ),
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
        const input = { ...inputOf(call, bank, rootKeys, id, salt), items: [unit.item], stockUnitId: unit.id };
        const at = { compartment, stockedAt: unit.stockedAt ?? call.now };
        const fresh = drawFresh(rootKeys.version, deps.newId, credentialsMost(input.access));
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
      const refusal = contract.Precheck().shape.refusal.parse(error.reason);
      const refused = { outcome: 'refused' as const, door: null, candidates: 0, policy: defaultPolicy.id };
      return { ...none, ...refused, refusal, reason: error.message };
    }
  };

  const checkLoan = (call: CheckCall) =>
    checkThing(async () => {
      const { bank, compartment } = await findLendable(call);
      requireAgreed(call, bank);
      return { bank, doors: [compartment.door] };
    }, byAsset);

  const checkSale = (call: CheckCall) =>
    checkThing(async () => {
      const { bank, found } = await findSellable(call, false);
      requireAgreed(call, bank);
      return { bank, doors: found.map(({ compartment }) => compartment.door) };
    }, byStock);

  /** What a create would come to, decided as it would be, on the same read; nothing is written. */
  const check = async (call: CheckCall): Promise<contract.Precheck> => {
    const { body, caller, now } = call;
    const id = deps.newId('txn');
    const subject = requireSound(call);
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
    requireAgreed(call, bank);
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
    create: async (call: CreateCall): Promise<Answer> => {
      const id = deps.newId('txn');
      const salt = newSalt();
      const subject = requireWhatItIsOf(call.body);
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

    check,
  };
};

/** So many may wait at one bank: their rows are read with its compartments. */
const waitingMax = 200;

/** Refused only for what is taken now. */
const mayPass = (reason: ReservationReason): boolean => reason === 'bank_full' || reason === 'no_fitting_compartment';

/** What to say of a reservation that is refused. */
export const refusalText = {
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
