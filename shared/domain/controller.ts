import * as z from 'zod';
import * as field from '../../events/fields.ts';
import type { Bank } from './bank.ts';
import type { Claim } from './claim.ts';
import type { Compartment } from './compartment.ts';
import { Refusal } from './refusal.ts';
import { type Instant, InstantText } from './time.ts';

/**
 * `pending`: handed to the controller, which has not shown yet that it can connect with it · `active`: it connects with
 * it. What is not in the list is not valid.
 */
export const Certificate = z.object({
  /** As AWS IoT names it. */
  id: field.text,
  state: z.enum(['pending', 'active']),
  since: InstantText,
  /** Of a pending one: what it was asked for with, so that the same question gets the same answer. */
  csrHash: field.maybeText,
});
export type Certificate = z.infer<typeof Certificate>;

/** The box at a bank that drives its doors, as far as it has to prove that it is the one. */
export const Controller = z.object({
  tenant: field.text,
  bankId: field.text,
  /** What it enrols with; null where certificates are attached by hand. */
  serialNumber: field.textOrNull,
  /** All that are valid; null: attached by hand, and not known here. */
  certificates: z.array(Certificate).nullable(),
  /** It is to get a new certificate; the same id stands in its `config` until the next one is asked for. */
  rotation: z.object({ id: field.text, requestedAt: InstantText }).nullable(),
  version: field.count,
});
export type Controller = z.infer<typeof Controller>;

/** Of a bank that was registered without one: an installer attaches its certificate. */
export const byHand = ({ tenant, id }: Pick<Bank, 'tenant' | 'id'>): Controller => ({
  tenant,
  bankId: id,
  serialNumber: null,
  certificates: null,
  rotation: null,
  version: 0,
});

/** Why a controller is not let in; null if it is. It may ask again until it has reported: an answer can get lost. */
export const whyNotEnrolled = (
  claim: Claim | null,
  found: { bank: Pick<Bank, 'tenant' | 'lifecycle'>; controller: Controller } | null,
  serialNumber: string,
): string | null => {
  if (claim === null) return 'claim_unknown';
  if (claim.revokedAt !== null) return 'claim_revoked';
  // Of another tenant's it is not even said that it exists.
  if (found === null || found.bank.tenant !== claim.tenant || found.controller.serialNumber !== serialNumber)
    return 'serial_number_unknown';
  return found.bank.lifecycle === 'provisioning' ? null : `bank_${found.bank.lifecycle}`;
};

/** What an act makes of a bank and its controller. */
export type Changed = { bank: Bank; controller: Controller };

const next = ({ bank, controller }: Changed, set: Partial<Bank>, of: Partial<Controller>): Changed => ({
  bank: { ...bank, ...set, version: bank.version + 1 },
  controller: { ...controller, ...of, version: controller.version + 1 },
});

const refuse = (bank: Pick<Bank, 'lifecycle'>, what: string): never => {
  throw new Refusal('invalid_transition', `cannot ${what} of a bank that is ${bank.lifecycle}`);
};

/** The config with this rotation, or with none: a controller that was replaced has nothing to rotate. */
const rotating = ({ config: { rotation: _, ...config } }: Bank, id?: string): Bank['config'] => ({
  ...config,
  rev: config.rev + 1,
  ...(id !== undefined && { rotation: id }),
});

/** Lets a controller in, with this certificate and no other. */
export const enrol = ({ controller }: Changed, certificateId: string, now: Instant): Controller => ({
  ...controller,
  certificates: [{ id: certificateId, state: 'active', since: now }],
  version: controller.version + 1,
});

/** The controller is to get a new certificate. One that was on its way is not waited for any more. */
export const rotate = (it: Changed, id: string, now: Instant): Changed => {
  if (it.bank.lifecycle !== 'active') refuse(it.bank, 'rotate the certificate');
  const certificates = it.controller.certificates?.filter(({ state }) => state === 'active') ?? null;
  return next(it, { config: rotating(it.bank, id) }, { rotation: { id, requestedAt: now }, certificates });
};

/**
 * A certificate beside the one that the controller connects with. `connectedBy`: that one; of controllers that were given
 * theirs by hand it is known only now.
 */
export const issueCertificate = (
  { certificates, ...it }: Controller,
  { id, connectedBy, csrHash, now }: { id: string; connectedBy: string; csrHash: string; now: Instant },
): Controller => ({
  ...it,
  certificates: [
    ...(certificates?.filter(({ state }) => state === 'active') ?? [{ id: connectedBy, state: 'active', since: now }]),
    { id, state: 'pending', since: now, csrHash },
  ],
  version: it.version + 1,
});

/** The one on its way that was asked for with this CSR. */
export const pendingFor = ({ certificates }: Controller, csrHash: string): Certificate | undefined =>
  certificates?.find((it) => it.state === 'pending' && it.csrHash === csrHash);

/** It has connected with the new one: that is all it needs. Null if there is nothing to it. */
export const confirmCertificate = (it: Controller, connectedBy: string, now: Instant): Controller | null => {
  const isPending = it.certificates?.some(({ id, state }) => id === connectedBy && state === 'pending');
  if (!isPending || it.rotation === null) return null;
  return {
    ...it,
    certificates: [{ id: connectedBy, state: 'active', since: now }],
    rotation: null,
    version: it.version + 1,
  };
};

/** These certificates, or all, are no longer valid. Without any its bank is out of reach, and takes no part. */
export const revokeCertificates = (it: Changed, certificateId: string | undefined): Changed & { revoked: string[] } => {
  const { bank, controller } = it;
  if (bank.lifecycle === 'decommissioned') refuse(bank, 'revoke certificates');
  const known = controller.certificates ?? [];
  if (certificateId !== undefined && !known.some(({ id }) => id === certificateId))
    throw new Refusal('not_found', `the bank ${bank.id} has no certificate ${certificateId}`);
  const left = certificateId === undefined ? [] : known.filter(({ id }) => id !== certificateId);
  const isReachable = left.some(({ state }) => state === 'active');
  const after = next(
    it,
    isReachable ? {} : { lifecycle: 'inactive', config: rotating(bank) },
    isReachable ? { certificates: left } : { certificates: [], rotation: null },
  );
  const kept = new Set(after.controller.certificates?.map(({ id }) => id));
  return { ...after, revoked: known.flatMap(({ id }) => (kept.has(id) ? [] : [id])) };
};

/** Another box, or the same one wiped: what the old one knew is worth nothing, what the bank lived through stays. */
export const replaceController = (it: Changed, serialNumber: string, keyVersion: number): Changed => {
  const { bank } = it;
  if (bank.lifecycle === 'decommissioned') refuse(bank, 'replace the controller');
  return next(
    it,
    {
      lifecycle: 'provisioning',
      bankKey: { generation: bank.bankKey.generation + 1, keyVersion },
      config: rotating(bank),
    },
    { serialNumber, certificates: [], rotation: null },
  );
};

/** What still lies in a bank or is promised there, by door. */
export const inTheWay = (compartments: readonly Compartment[]): { door: string; why: string }[] =>
  compartments.flatMap(({ door, heldBy, contents, uncleared }) => {
    if (heldBy !== null) return [{ door, why: heldBy }];
    if (contents === 'filled') return [{ door, why: 'something is inside' }];
    return uncleared ? [{ door, why: 'nobody knows what is inside' }] : [];
  });

/** For good. Not while something is inside, or somebody counts on a door. */
export const decommission = (it: Changed, compartments: readonly Compartment[]): Changed => {
  if (it.bank.lifecycle === 'decommissioned') refuse(it.bank, 'end the life');
  const left = inTheWay(compartments);
  if (left.length > 0) {
    const named = left.slice(0, 10).map(({ door, why }) => `${door} (${why})`);
    const more = left.length > named.length ? ` and ${left.length - named.length} more` : '';
    throw new Refusal('conflict', `doors are in use: ${named.join(', ')}${more}`);
  }
  return next(
    it,
    { lifecycle: 'decommissioned', config: rotating(it.bank) },
    { serialNumber: null, certificates: [], rotation: null },
  );
};
