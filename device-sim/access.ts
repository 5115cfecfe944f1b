import type { AccessMethod, Step } from '#shared/device/access.ts';
import type { DoorGrants, Grant } from '#shared/device/shadow.ts';
import { sameVerifier } from '#shared/device/verifier.ts';
import type { BankState, DoorMemory } from './state.ts';
import { accessTime } from './time.ts';
import type { Now } from './turn.ts';

/** A grant that fits the credential entered, with all that decides whether it opens its door now. */
export type Right = {
  door: string;
  held: DoorGrants;
  grant: Grant;
  memory: DoorMemory;
  /** Bank time, milliseconds: as estimated, and as late as it may already be. */
  time: { estimate: number; latest: number };
  used: number;
  /** Spent, but without a contents sensor still open to the same person for a while. */
  isReopening: boolean;
  /** The grant named by `after` has not been used up, by the bank's own journal. */
  isTooSoon: boolean;
  /** When it ends, bank time in milliseconds. */
  endsAt: number;
};

/** What a person is told whose turn has not come yet. */
const notYet = {
  deposit: 'too_early',
  pickup: 'compartment_empty',
  recall: 'compartment_empty',
  use: 'too_early',
} as const satisfies Record<Step, string>;

/** Each answers with the reason it refuses for, or null (design.md sections 4 and 5). */
const checks: ((right: Right) => string | null)[] = [
  ({ grant, time }) => (time.latest < grant.notBefore * 1000 ? 'too_early' : null),
  ({ time, endsAt }) => (time.estimate > endsAt ? 'too_late' : null),
  ({ grant, isTooSoon }) => (isTooSoon ? notYet[grant.step] : null),
  ({ grant }) => grant.blocked ?? null,
  ({ grant, used, isReopening }) => (used >= grant.uses && !isReopening ? 'credential_revoked' : null),
  ({ memory }) => (memory.known.door !== 'closed' && opensByPerson(memory) ? 'door_not_closed' : null),
  (right) => (right.grant.step === 'deposit' && isOccupied(right) ? 'compartment_occupied' : null),
];

const isOccupied = ({ memory, held }: Right): boolean =>
  memory.known.contents === 'filled' || (memory.item !== null && memory.item !== held.transactionId);

/** It stands open for somebody else's credential, not for a command that this person may have asked for. */
const opensByPerson = ({ cycle }: DoorMemory): boolean => cycle?.cause != null && 'step' in cycle.cause;

export const standsOpenFor = ({ memory, grant }: Right): boolean => {
  const cause = memory.cycle?.cause;
  return memory.known.door !== 'closed' && cause != null && 'grantId' in cause && cause.grantId === grant.id;
};

export type Verdict = { right: Right; reason: string | null };

/** The right to use now; if none may be used, the one that came furthest, with what stopped it; null if none fits. */
export const judge = (rights: Right[]): Verdict | null => {
  const verdicts = rights.map((right) => {
    const reasons = standsOpenFor(right) ? [] : checks.map((check) => check(right));
    const stopped = reasons.findIndex((reason) => reason !== null);
    return { right, reason: reasons[stopped] ?? null, passed: stopped === -1 ? checks.length : stopped };
  });
  return verdicts.reduce<(typeof verdicts)[number] | null>((a, b) => (a && a.passed >= b.passed ? a : b), null);
};

/** Every grant of the bank that the credential fits; one badge may fit several doors. */
export const rightsFor = (state: BankState, now: Now, method: AccessMethod, verifier: string): Right[] => {
  const time = accessTime(state, now);
  if (!time) return [];
  return heldDoors(state).flatMap(([door, held]) =>
    held.grants
      .filter((grant) => grant.method === method && grant.verifier && sameVerifier(grant.verifier, verifier))
      .flatMap((grant) => {
        const memory = state.durable.doors[door];
        return memory ? [{ door, held, grant, memory, time, ...usage(state, held, grant, memory, time.estimate) }] : [];
      }),
  );
};

const heldDoors = ({ durable }: BankState): [string, DoorGrants][] =>
  Object.values(durable.grants).flatMap(({ doors }) => Object.entries(doors));

const usage = ({ durable }: BankState, held: DoorGrants, grant: Grant, { known }: DoorMemory, time: number) => {
  const use = durable.uses[grant.id];
  const before = held.grants.find(({ id }) => id === grant.after);
  const useBefore = grant.after === undefined ? undefined : durable.uses[grant.after];
  const begun = grant.after === undefined ? use : useBefore;
  const within = grant.within === undefined || !begun ? Number.POSITIVE_INFINITY : begun.at + grant.within * 1000;
  return {
    used: use?.count ?? 0,
    isReopening: known.contents === 'unknown' && use !== undefined && use.reopenUntil > time,
    isTooSoon: grant.after !== undefined && (useBefore?.count ?? 0) < (before?.uses ?? 1),
    endsAt: Math.min(grant.notAfter * 1000, within),
  };
};
