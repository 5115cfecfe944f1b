import { apply } from './decision.ts';
import type { TransactionDecision } from './lifecycle.ts';
import { Refusal } from './refusal.ts';
import type { Source } from './source.ts';
import type { Transaction } from './transaction.ts';

/** A key may be bound to a system; then it speaks for that one only. */
export type Speaker = { system: string | null };

/** The source of what a caller says: named, or that of its key. */
export const sourceOf = ({ system }: Speaker, named: Source | undefined): Source | null => {
  if (system !== null && named !== undefined && named.system !== system)
    throw new Refusal('not_owner', `this API key speaks for ${system}, not for ${named.system}`);
  return named ?? (system === null ? null : { system, version: 0 });
};

/**
 * A system that does not own a transaction cannot change it, and of its owner only what is not older than what was
 * applied. A key that is bound to no system and names none acts for the tenant itself.
 */
export const requireOwner = ({ id, source: owner }: Transaction, speaker: Speaker, named: Source | undefined): void => {
  const source = sourceOf(speaker, named);
  if (owner === null || source === null) return;
  if (source.system !== owner.system)
    throw new Refusal('not_owner', `${id} belongs to ${owner.system}; ${source.system} may read it, not change it`);
  if (named !== undefined && named.version < owner.version)
    throw new Refusal('stale_source', `version ${owner.version} of ${owner.system} was applied already`);
};

/** The decision, with the version of the source that it came from. */
export const from = (decision: TransactionDecision, source: Source | undefined): TransactionDecision => {
  const { before, emissions } = decision.transaction;
  if (source === undefined || before === null) return decision;
  const noted = emissions.map((it, nth) => (nth === 0 ? { ...it, set: { ...it.set, source } } : it));
  return { ...decision, transaction: apply(before, noted) };
};
