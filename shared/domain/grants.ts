import type { DoorGrants, Grant } from '../device/shadow.ts';
import type { Credential } from './credential.ts';
import { liveCredential, ofCarrier, stepAtDoor } from './credential.ts';
import { unmet } from './deadline.ts';
import { epochMs, epochSecondsUp, type Instant } from './time.ts';
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
  if (!receives(credential)) return undefined;
  if (it.flags.includes('held')) return 'on_hold';
  if (it.move && !comes) return 'moving';
  const [condition] = unmet(it);
  return condition && unmetReasons[condition];
};

/** Order in which they matter when a door has more than the four a shadow holds: what opens first, then the newest. */
const weight = (it: Credential): number => (liveCredential(it) ? 0 : 1);

/** The door that a credential opens; null while it opens none. */
export const doorOf = (it: Transaction, { step }: Pick<Credential, 'step'>): string | null => {
  if (step === 'take_out') return it.move?.stage === 'planned' ? it.move.from : null;
  return step === 'put_in' ? (it.move?.to ?? null) : it.door;
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
    .slice(0, 4)
    .map((c): Grant => {
      const nth = steps.findIndex(({ step }) => step === c.step);
      // Once the cloud knows the step before it done, the bank needs no proof of its own.
      const inTurn = now >= 0 && nth > now ? firstGrantOf(steps[nth - 1]?.step ?? '') : undefined;
      const after = isTarget ? firstGrantOf(c.step === 'put_in' ? 'take_out' : 'put_in') : inTurn;
      const blocked = blockedBy(it, c, isTarget && after !== undefined);
      return {
        id: c.id,
        step: stepAtDoor[c.step],
        ...(after ? { after } : {}),
        ...withinOf(it, c, isTarget ? undefined : after),
        method: c.method,
        verifier: verifierFor(c),
        notBefore: Math.floor(epochMs(c.notBefore) / 1000),
        notAfter: epochSecondsUp(c.notAfter),
        uses: steps[nth]?.repeats ? repeatedUses : 1,
        ...(blocked ? { blocked } : {}),
      };
    });
  return { transactionId: it.id, version: it.version, grants };
};

/** What "again and again" is for a bank that counts. */
const repeatedUses = 10_000;

/** The bank ends a step by itself as the cloud will, once it learns when the one before was done, or the use began. */
const withinOf = (it: Transaction, { step }: Credential, after: string | undefined): Pick<Grant, 'within'> => {
  if (step === 'pickup' && after !== undefined && it.pickupWithinSeconds !== null)
    return { within: it.pickupWithinSeconds };
  if (step === 'use' && it.startedAt === undefined && it.useWithinSeconds != null)
    return { within: it.useWithinSeconds + (it.overstaySeconds ?? 0) };
  return {};
};

/** Whether this version of the transaction changes what its bank must know, beyond what the bank did itself. */
export const changesGrants = ({ credentials, version }: Pick<Transaction, 'credentials' | 'version'>): boolean =>
  credentials.some((it) => it.sinceVersion === version);

/** Why a credential would not open its door now, by what the cloud knows; null if it would. */
export const whyNot = (it: Transaction, credential: Credential, now: Instant): string | null => {
  const blocked = blockedBy(it, credential);
  if (blocked) return blocked;
  if (credential.notBefore > now) return 'too_early';
  if (credential.notAfter < now) return 'too_late';
  if (credential.state === 'issued') return credential.step === 'pickup' ? 'compartment_empty' : 'too_early';
  return credential.state === 'active' ? null : 'credential_revoked';
};
