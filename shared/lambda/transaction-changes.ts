import { methods } from '../device/access.ts';
import type { Access } from '../domain/credential.ts';
import { broughtVerifier, groupValue } from '../domain/derived.ts';
import type { Fresh } from '../domain/issuing.ts';
import type { TransactionDecision } from '../domain/lifecycle.ts';
import { from, requireOwner } from '../domain/ownership.ts';
import { Refusal } from '../domain/refusal.ts';
import type { RootKeys } from '../domain/root-key.ts';
import { badgeIndex } from '../domain/search.ts';
import type { Source } from '../domain/source.ts';
import type { Transaction } from '../domain/transaction.ts';
import { Lost, type Write } from '../store/table.ts';
import { type Found, openTransactions } from '../store/transactions.ts';
import type { Answer, AnyCall, HttpDeps } from './endpoint.ts';
import { requireFields } from './problem.ts';
import { mayShow } from './sandbox.ts';
import { transactionAnswer } from './transaction-view.ts';

export const unknownTransaction = (id: string): Refusal => new Refusal('not_found', `there is no transaction ${id}`);

/** A change may come from the system that owns the transaction. */
export type ChangeCall = AnyCall & { body: { source?: Source | undefined } };

/** A decision, and what else its commit writes. */
export type Moved = { decision: TransactionDecision; more?: Write[] };

type AskedValue = Pick<Access, 'method'> & { value?: string | undefined; group?: string | undefined };

/** What is asked for, with the verifier of a value that the caller brings in place of the value. */
export const withVerifier = <Asked extends AskedValue>(
  rootKeys: RootKeys,
  place: Pick<Transaction, 'tenant' | 'bankId' | 'bankKey'>,
  { value, ...asked }: Asked,
  pointer: string,
): Omit<Asked, 'value'> & { verifier?: string; index?: string } => {
  const isBrought = methods[asked.method].value === 'brought';
  if (asked.group !== undefined) {
    requireFields(asked.method === 'badge', `${pointer}/group`, 'is of badges only');
    requireFields(value === undefined, `${pointer}/value`, 'is that of one badge; the group has others');
    const common = groupValue(rootKeys, place.tenant, asked.group);
    return { ...asked, verifier: broughtVerifier(rootKeys, place, asked.method, common) };
  }
  requireFields(isBrought || value === undefined, `${pointer}/value`, `of a ${asked.method} is ours to make`);
  if (!isBrought) return asked;
  requireFields(value !== undefined, `${pointer}/value`, `is missing: a ${asked.method} is known by it`);
  return {
    ...asked,
    verifier: broughtVerifier(rootKeys, place, asked.method, value),
    ...(asked.method === 'badge' && { index: badgeIndex(rootKeys, place.tenant, value) }),
  };
};

/** Of a link every place is one transaction's. */
export const refusePlaceTaken = (lost: Lost): void => {
  const place = lost.to('link');
  if (place === undefined) return;
  const existing = String(place.current?.transactionId ?? '');
  const [, , , kind, id] = place.key.PK.split('#');
  const detail = `part ${Number(place.key.SK)} of ${kind} ${id} is ${existing} already`;
  throw new Refusal('conflict', detail, { existing });
};

/** How a caller's transactions are found and changed. */
export const openChanges = (deps: HttpDeps) => {
  const transactions = openTransactions(deps);

  /** Our own id of it, also where the caller names one of theirs. */
  const idOf = async ({ caller }: AnyCall, id: string): Promise<string> => {
    const [, system, external] = /^ext:([a-z][a-z0-9_]*):(.+)$/.exec(id) ?? [];
    const ours = system && external ? await transactions.idByExternal(caller.tenant, system, external) : id;
    if (ours === null) throw unknownTransaction(id);
    return ours;
  };

  const find = async (call: AnyCall, id: string): Promise<Found> => {
    const found = await transactions.read(call.caller.tenant, await idOf(call, id), call.now);
    if (found === null || !mayShow(call.caller, found.transaction)) throw unknownTransaction(id);
    return found;
  };

  /** Reads, decides and saves a change by its owner; its answer, and what changes with it, go into the same commit. */
  const change = async (
    call: ChangeCall,
    id: string,
    decide: (found: Found, fresh: Fresh) => TransactionDecision | Moved,
    alongside: (found: Found) => Promise<Write[]> = async () => [],
  ): Promise<Answer> => {
    let made: Answer | undefined;
    let besides: Write[] = [];
    const found = await find(call, id);
    const more = await alongside(found);
    const changed = transactions.change(
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
        made = transactionAnswer({ transaction: after, applied: null }, decision.locks.take);
        return [...besides, ...more, ...call.record(made)];
      },
    );
    await changed.catch((error: unknown) => {
      if (error instanceof Lost && !error.to('idempotency')) refusePlaceTaken(error);
      throw error;
    });
    if (made === undefined) throw new Error('a change was saved without an answer');
    return made;
  };

  return { transactions, idOf, find, change };
};
