import type { AccessMethod, Step } from '#shared/device/access.ts';
import { isLabel, mustScan } from '#shared/device/label.ts';
import type { DoorGrants, Grant } from '#shared/device/shadow.ts';
import { credentialTag, type Token, transactionTag } from '#shared/device/token.ts';
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
  /** The nonce of the app's token that was shown. */
  tokenId?: string;
  /** That token has opened a door already, or has ended. */
  isTokenSpent: boolean;
  isTokenOver: boolean;
  /** Spent, but without a contents sensor still open to the same person for a while. */
  isReopening: boolean;
  /** The grant named by `after` has not been used up, by the bank's own journal. */
  isTooSoon: boolean;
  /** The bank has not heard from the cloud for longer than it may go by such grants. */
  isCutOff: boolean;
  /** Its step was done with another grant. */
  isStepDone: boolean;
  /** What was scanned before, if it counts still. */
  label: string | null;
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
  ({ isTokenOver }) => (isTokenOver ? 'code_expired' : null),
  ({ isCutOff }) => (isCutOff ? 'bank_offline' : null),
  ({ grant, isTooSoon }) => (isTooSoon ? notYet[grant.step] : null),
  ({ grant }) => grant.blocked ?? null,
  ({ grant, used, isReopening, isStepDone }) =>
    isStepDone || (used >= grant.uses && !isReopening) ? 'credential_revoked' : null,
  ({ isTokenSpent, isReopening }) => (isTokenSpent && !isReopening ? 'code_expired' : null),
  ({ memory }) => (memory.known.door !== 'closed' && opensByPerson(memory) ? 'door_not_closed' : null),
  (right) => (right.grant.step === 'deposit' && isOccupied(right) ? 'compartment_occupied' : null),
  // Only what is still in somebody's hands can be scanned before the door opens.
  ({ grant, held, label }) =>
    grant.step === 'deposit' && mustScan(held.label, 'deposit') ? labelRefusal(held, label) : null,
];

/** Where the reason is one of time, the moment that decides: from when, or until when it opens. */
export const limitOf = ({ grant, time, endsAt }: Right, reason: string): number | undefined => {
  // Too early as well is who comes before the person whose turn it is; nobody knows when that will be.
  const begins = grant.notBefore * 1000;
  if (reason === 'too_early') return time.latest < begins ? begins : undefined;
  return reason === 'too_late' ? endsAt : undefined;
};

const labelRefusal = (held: DoorGrants, label: string | null): string | null => {
  if (label === null) return 'scan_required';
  return isLabel(held.label, label) ? null : 'wrong_label';
};

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
    const reason = reasons[stopped] ?? null;
    // Of one badge for several doors, what was taken back says least.
    const passed = right.grant.blocked === 'credential_revoked' ? -1 : stopped;
    return { right, reason, passed: reason === null ? checks.length : passed };
  });
  return verdicts.reduce<(typeof verdicts)[number] | null>((a, b) => (a && a.passed >= b.passed ? a : b), null);
};

/** What somebody has shown or typed, as it is held against grants. */
export type Shown = { method: AccessMethod; verifier: string } | Token;

const fits = (shown: Shown, held: DoorGrants, grant: Grant): boolean => {
  if (grant.method !== shown.method) return false;
  if ('verifier' in shown) return grant.verifier !== undefined && sameVerifier(grant.verifier, shown.verifier);
  return (
    grant.step === shown.step &&
    credentialTag(grant.id) === shown.credential &&
    transactionTag(held.transactionId) === shown.transaction
  );
};

/** Whether the bank holds anything of the transaction that a token is for. */
export const holdsAnyOf = (state: BankState, { transaction }: Token): boolean =>
  heldDoors(state).some(([, { transactionId }]) => transactionTag(transactionId) === transaction);

/** Every grant of the bank that the credential fits; one badge may fit several doors. */
export const rightsFor = (state: BankState, now: Now, shown: Shown): Right[] => {
  const time = accessTime(state, now);
  if (!time) return [];
  const { label: scanned = null } = state.ram ?? {};
  const label = scanned && scanned.until > now.mono ? scanned.verifier : null;
  return heldDoors(state).flatMap(([door, held]) =>
    held.grants
      .filter((grant) => fits(shown, held, grant))
      .flatMap((grant) => {
        const memory = state.durable.doors[door];
        const use = memory && usage(state, held, grant, memory, time.estimate);
        if (!use) return [];
        const isCutOff = hasBeenCutOff(state, grant.method, time.latest);
        return [{ door, held, grant, memory, time, isCutOff, label, ...use, ...tokenUse(state, shown, time.latest) }];
      }),
  );
};

/** Without the cloud a bank goes by its grants for so long as it was told; a clock that may be late counts as late. */
const hasBeenCutOff = ({ durable, ram }: BankState, method: AccessMethod, latest: number): boolean => {
  const limit = durable.config?.offlineSeconds?.[method];
  return limit !== undefined && ram?.connected === false && latest > durable.heardAt + limit * 1000;
};

/** An app's token opens once, and for minutes; a printed one as often, and as long, as its grant says. */
const isSpent = ({ durable }: BankState, { method, nonce }: Token): boolean =>
  method === 'app' && Object.hasOwn(durable.spent, nonce);
const isOver = (latest: number, { notAfter }: Token): boolean => notAfter !== null && latest > notAfter * 1000;

export const isWornOut = (state: BankState, now: Now, token: Token): boolean =>
  isSpent(state, token) || isOver(accessTime(state, now)?.latest ?? 0, token);

const tokenUse = (
  state: BankState,
  shown: Shown,
  latest: number,
): Pick<Right, 'tokenId' | 'isTokenSpent' | 'isTokenOver'> =>
  'verifier' in shown
    ? { isTokenSpent: false, isTokenOver: false }
    : {
        ...(shown.method === 'app' && { tokenId: shown.nonce }),
        isTokenSpent: isSpent(state, shown),
        isTokenOver: isOver(latest, shown),
      };

const heldDoors = ({ durable }: BankState): [string, DoorGrants][] =>
  Object.values(durable.grants).flatMap(({ doors }) => Object.entries(doors));

const usage = ({ durable }: BankState, held: DoorGrants, grant: Grant, { known }: DoorMemory, time: number) => {
  const { after } = grant;
  const use = durable.uses[grant.id];
  const before = held.grants.find(({ id }) => id === after);
  // Several people may have a right to one step; whoever did it, it is done.
  const same = (step: Step | undefined) => held.grants.filter((it) => it.step === step);
  const usesBefore = [...new Set([...(after === undefined ? [] : [after]), ...same(before?.step).map(({ id }) => id)])];
  const first = usesBefore.flatMap((id) => durable.uses[id] ?? []).toSorted((a, b) => a.at - b.at)[0];
  const begun = after === undefined ? use : first;
  const within = grant.within === undefined || !begun ? Number.POSITIVE_INFINITY : begun.at + grant.within * 1000;
  return {
    used: use?.count ?? 0,
    isReopening: known.contents === 'unknown' && use !== undefined && use.reopenUntil > time,
    isTooSoon: after !== undefined && !usesBefore.some((id) => (durable.uses[id]?.count ?? 0) > 0),
    isStepDone:
      grant.step !== 'use' && same(grant.step).some(({ id }) => id !== grant.id && durable.uses[id] !== undefined),
    endsAt: Math.min(grant.notAfter * 1000, within),
  };
};
