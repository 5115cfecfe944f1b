import { methods } from '../device/access.ts';
import { labelText } from '../device/label.ts';
import type { DoorGrants, Grant } from '../device/shadow.ts';
import { type Credential, liveCredential, liveCredentialsMost, ofCarrier, stepAtDoor } from './credential.ts';
import { unmet } from './deadline.ts';
import { epochMs, epochSecondsUp, type Instant, plusSeconds } from './time.ts';
import type { Transaction } from './transaction.ts';
import { type Condition, workflowOf } from './workflow.ts';

/** What the person at the door is told while something is not confirmed. */
const unmetReasons = {
  payment: 'payment_pending',
  approval: 'approval_pending',
  identity: 'identity_unconfirmed',
  age: 'age_unconfirmed',
} as const satisfies Record<Condition, string>;

/** Those that a hold and unmet conditions stop: whoever receives. */
export const receives = ({ step }: Pick<Credential, 'step'>): boolean => step === 'pickup' || step === 'use';

/**
 * Why a credential does not open now although the bank knows it; the reason the person at the door is told. `comes`: at a
 * door whose bank will know by itself when the item has come.
 */
const blockedBy = (it: Transaction, credential: Credential, comes = false): string | undefined => {
  if (credential.step === 'recall' || (ofCarrier(credential) && liveCredential(credential))) return undefined;
  if (credential.state === 'expired') return 'too_late';
  if (credential.state === 'revoked') return 'credential_revoked';
  if (credential.suspended) return 'delegated';
  if (!receives(credential)) return undefined;
  // Staff who act outside the plan do so in spite of it; what is being carried they find no more than others.
  const isOverride = credential.method === 'operator';
  if (it.flags.includes('held') && !isOverride) return 'on_hold';
  if (it.move && !comes) return 'moving';
  const [condition] = isOverride ? [] : unmet(it);
  return condition && unmetReasons[condition];
};

/**
 * Order in which they matter when a door has more than the four a shadow holds: whoever carries the item, since nothing
 * goes on without them, then what opens, then the newest.
 */
const weight = (it: Credential): number => {
  if (!liveCredential(it)) return 3;
  if (ofCarrier(it)) return 0;
  return it.suspended ? 2 : 1;
};

/** The window as the bank holds people to it: with what is tolerated before and after. */
export const windowOf = (
  { tolerance }: Pick<Transaction, 'tolerance'>,
  { notBefore, notAfter, step, method }: Credential,
): Pick<Credential, 'notBefore' | 'notAfter'> =>
  tolerance === undefined || step === 'recall' || ofCarrier({ step }) || method === 'operator'
    ? { notBefore, notAfter }
    : {
        notBefore: plusSeconds(notBefore, -tolerance.earlySeconds),
        notAfter: plusSeconds(notAfter, tolerance.lateSeconds),
      };

/** The door that a credential opens; null while it opens none. */
export const doorOf = (it: Transaction, { step }: Pick<Credential, 'step'>): string | null => {
  if (step === 'take_out') return it.move?.stage === 'planned' ? it.move.from : null;
  return step === 'put_in' ? (it.move?.to ?? null) : it.door;
};

/** The doors at which its bank has to have its grants: two while its item is brought from one to the other. */
export const grantedDoors = ({ door, move }: Pick<Transaction, 'door' | 'move'>): string[] => {
  const doors = move?.stage === 'planned' ? [move.from, move.to] : [door];
  return doors.filter((it) => it !== null);
};

/** Dead ones of whom no person at a door asks. */
const isForgotten = (it: Credential): boolean =>
  it.state === 'used' || it.state === 'superseded' || ((it.step === 'recall' || ofCarrier(it)) && !liveCredential(it));

/**
 * What a bank may decide alone at one door: the grants of all steps, of the transaction that has it. Used-up and
 * superseded ones are left out, others that may not open are `blocked`, so that people are told why. At the door that an
 * item is being moved to, the bank goes on by itself as well: taken out, put in, picked up.
 */
export const doorGrants = (
  it: Transaction,
  verifierFor: (credential: Credential) => string,
  door = it.door,
): DoorGrants => {
  const { steps } = workflowOf(it.workflow);
  const now = steps.findIndex(({ from }) => from === it.state);
  const firstGrantOf = (step: string) => it.credentials.find((c) => c.step === step && liveCredential(c))?.id;
  const isTarget = it.move != null && door === it.move.to;
  const grants = it.credentials
    .filter((c) => !isForgotten(c) && (!ofCarrier(c) || doorOf(it, c) === door))
    .toSorted((a, b) => weight(a) - weight(b) || (a.id < b.id ? 1 : -1))
    .slice(0, liveCredentialsMost)
    .map((c): Grant => {
      const nth = steps.findIndex(({ step }) => step === c.step);
      // Once the cloud knows the step before it done, the bank needs no proof of its own.
      const inTurn = now >= 0 && nth > now ? firstGrantOf(steps[nth - 1]?.step ?? '') : undefined;
      const after = isTarget ? firstGrantOf(c.step === 'put_in' ? 'take_out' : 'put_in') : inTurn;
      const blocked = blockedBy(it, c, isTarget && after !== undefined);
      const window = windowOf(it, c);
      return {
        id: c.id,
        step: stepAtDoor[c.step],
        ...(after ? { after } : {}),
        // A blocked one opens nothing, and is told anew before it does: its bytes are what a full shadow lacks.
        ...(blocked === undefined && withinOf(it, c, isTarget ? undefined : after)),
        method: c.method,
        // A token is checked by its signature.
        ...(methods[c.method].value === 'token' ? {} : { verifier: verifierFor(c) }),
        notBefore: Math.floor(epochMs(window.notBefore) / 1000),
        notAfter: epochSecondsUp(window.notAfter),
        uses: c.uses ?? (steps[nth]?.repeats && c.method !== 'operator' ? repeatedUses : 1),
        ...(blocked ? { blocked } : {}),
      };
    });
  const label = it.label === undefined ? undefined : labelText(it.label, scanSteps(it));
  return { transactionId: it.id, version: it.version, ...(label !== undefined && { label }), grants };
};

/** The steps at which its label has to be scanned. */
export const scanSteps = ({ scanAt }: Pick<Transaction, 'scanAt'>): string[] => scanAt?.split(',') ?? [];

/** What "again and again" is for a bank that counts. */
const repeatedUses = 10_000;

/** The bank ends a step by itself as the cloud will, once it learns when the one before was done, or the use began. */
const withinOf = (it: Transaction, { step }: Credential, after: string | undefined): Pick<Grant, 'within'> => {
  const late = it.tolerance?.lateSeconds ?? 0;
  if (step === 'pickup' && after !== undefined && it.pickupWithinSeconds !== null)
    return { within: it.pickupWithinSeconds + late };
  if (step === 'use' && it.startedAt === undefined && it.useWithinSeconds != null)
    return { within: it.useWithinSeconds + (it.overstaySeconds ?? 0) + late };
  return {};
};

/** Whether this version of the transaction changes what its bank must know, beyond what the bank did itself. */
export const changesGrants = ({ credentials, version }: Pick<Transaction, 'credentials' | 'version'>): boolean =>
  credentials.some((it) => it.sinceVersion === version);

/** Why not, and where that is a matter of time, the moment that decides. */
export type Denial = { reason: string; limitAt?: Instant };

/** Why a credential would not open its door now, by what the cloud knows; null if it would. */
export const whyNot = (it: Transaction, credential: Credential, now: Instant): Denial | null => {
  const blocked = blockedBy(it, credential);
  const { notBefore, notAfter } = windowOf(it, credential);
  if (blocked) return { reason: blocked, ...(blocked === 'too_late' && { limitAt: notAfter }) };
  if (notBefore > now) return { reason: 'too_early', limitAt: notBefore };
  if (notAfter < now) return { reason: 'too_late', limitAt: notAfter };
  if (credential.state === 'issued')
    return { reason: credential.step === 'pickup' ? 'compartment_empty' : 'too_early' };
  return credential.state === 'active' ? null : { reason: 'credential_revoked' };
};
