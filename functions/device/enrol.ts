import { createHash } from 'node:crypto';
import * as z from 'zod';
import * as field from '#events/fields.ts';
import { CertificateRequest, EnrolmentParameters } from '#shared/device/certificate.ts';
import type { ChainHead } from '#shared/domain/chain-head.ts';
import {
  type Controller,
  confirmCertificate,
  enrol,
  issueCertificate,
  pendingFor,
  whyNotEnrolled,
} from '#shared/domain/controller.ts';
import { apply, type Emission } from '#shared/domain/decision.ts';
import { instant } from '#shared/domain/time.ts';
import { env } from '#shared/lambda/env.ts';
import { log } from '#shared/lambda/log.ts';
import { liveTable } from '#shared/live.ts';
import { type CertificateLink, openCertificateLink } from '#shared/outside/certificate-link.ts';
import { type Certificates, openCertificates } from '#shared/outside/certificates.ts';
import { anew } from '#shared/store/anew.ts';
import { readClaim } from '#shared/store/claims.ts';
import { commitBankLog } from '#shared/store/commit.ts';
import {
  bankOfSerialNumber,
  controllerWrites,
  type FoundController,
  readController,
} from '#shared/store/controllers.ts';
import type { Table } from '#shared/store/table.ts';

/**
 * What AWS IoT asks before it lets a controller in (developer guide, "Pre-provisioning hooks"). The certificate is made
 * already, and not valid yet.
 */
const HookEvent = z.object({
  claimCertificateId: field.text,
  certificateId: field.text,
  parameters: EnrolmentParameters,
});
type HookEvent = z.infer<typeof HookEvent>;

/** AWS IoT waits five seconds for it. `BankId` is what the template names the thing by. */
export type HookAnswer = { allowProvisioning: boolean; parameterOverrides?: { BankId: string } };

/** A bank's own request, as the IoT rule hands it on: the certificate is the one that it is connected with. */
const RequestMessage = CertificateRequest.extend({ bankId: field.text, certificateId: field.text });
type RequestMessage = z.infer<typeof RequestMessage>;

const Message = z.union([HookEvent, RequestMessage]);

export type EnrolDeps = {
  table: Table;
  newId: (prefix: string) => string;
  /** Milliseconds since 1970. */
  clock: () => number;
  certificates: Certificates;
  link: CertificateLink;
};

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export const enrolment = (deps: EnrolDeps) => {
  const { table, certificates, link } = deps;

  /** Reads, decides and writes under what was read. `decide` gives null where there is nothing to write. */
  const change = async (
    bankId: string,
    decide: (found: FoundController) => { controller: Controller; emission: Emission<ChainHead> } | null,
  ): Promise<void> => {
    // The bank's journal, which shares the bank's chain of events, may be written at the same moment.
    await anew(async () => {
      const found = await readController(table, bankId);
      const decided = found && decide(found);
      if (!found || !decided) return;
      const circumstances = {
        actor: { type: 'bank' as const, id: bankId },
        now: instant(deps.clock()),
        newId: deps.newId,
      };
      await table.write([
        ...controllerWrites(found.controller, decided.controller),
        ...commitBankLog(apply(found.log, [decided.emission]), circumstances).writes,
      ]);
    });
  };

  /** Lets a controller in that a bank of the claim's tenant waits for, and nobody else. */
  const admit = async ({ claimCertificateId, certificateId, parameters }: HookEvent): Promise<HookAnswer> => {
    const serialNumber = parameters.SerialNumber;
    const claim = await readClaim(table, claimCertificateId);
    const bankId = claim && (await bankOfSerialNumber(table, claim.tenant, serialNumber));
    let refused = whyNotEnrolled(claim, null, serialNumber);
    if (claim && bankId)
      await change(bankId, (found) => {
        refused = whyNotEnrolled(claim, found, serialNumber);
        if (refused !== null) return null;
        return {
          controller: enrol(found, certificateId, instant(deps.clock())),
          emission: {
            type: 'bank.enrolled',
            set: {},
            data: { serialNumber, certificateId, claimId: claim.id, changesGrants: true },
          },
        };
      });
    if (refused !== null || !bankId) {
      log.warn('controller not let in', { reason: refused, claimId: claimCertificateId, serialNumber });
      return { allowProvisioning: false };
    }
    log.info('controller let in', { bankId, certificateId });
    return { allowProvisioning: true, parameterOverrides: { BankId: bankId } };
  };

  /** A certificate beside the one in use. Asked again, the bank gets the same one again: its answer was lost. */
  const issue = async (bankId: string, rotation: string, csr: string, connectedBy: string): Promise<void> => {
    const isAsked = (it: FoundController | null): it is FoundController =>
      it?.bank.lifecycle === 'active' && it.controller.rotation?.id === rotation;
    const found = await readController(table, bankId);
    if (!isAsked(found)) {
      log.info('no such rotation', { bankId, rotation });
      return;
    }
    const csrHash = sha256(csr);
    const waiting = pendingFor(found.controller, csrHash);
    const certificate = waiting ? await certificates.find(waiting.id) : await certificates.create(csr);
    let isListed = waiting !== undefined;
    if (!waiting)
      await change(bankId, (it) => {
        isListed = isAsked(it) && pendingFor(it.controller, csrHash) === undefined;
        if (!isListed) return null;
        const { id } = certificate;
        return {
          controller: issueCertificate(it.controller, { id, connectedBy, csrHash, now: instant(deps.clock()) }),
          emission: { type: 'bank.certificate_issued', set: {}, data: { rotation, certificateId: id } },
        };
      });
    // Whoever asked at the same moment was faster; the bank asks again if it does not hear.
    if (!isListed) return;
    await certificates.admit(certificate, bankId);
    await link.answer(bankId, { rotation, certificatePem: certificate.pem });
  };

  const confirm = async (bankId: string, rotation: string, certificateId: string): Promise<void> => {
    await change(bankId, ({ controller }) => {
      const confirmed = confirmCertificate(controller, certificateId, instant(deps.clock()));
      return (
        confirmed && {
          controller: confirmed,
          emission: { type: 'bank.certificate_rotated', set: {}, data: { rotation, certificateId } },
        }
      );
    });
    await link.answer(bankId, { rotation, done: true });
  };

  return async (message: z.infer<typeof Message>): Promise<HookAnswer | undefined> => {
    if ('claimCertificateId' in message) return admit(message);
    const { bankId, certificateId, rotation, csr }: RequestMessage = message;
    if (csr === undefined) await confirm(bankId, rotation, certificateId);
    else await issue(bankId, rotation, csr, certificateId);
    return undefined;
  };
};

let handle: ReturnType<typeof enrolment> | undefined;

/** Called by AWS IoT: as the hook of the provisioning template, and by the rule of certificates. */
export const handler = async (event: unknown): Promise<HookAnswer | undefined> => {
  const parsed = Message.safeParse(event);
  if (!parsed.success) {
    log.warn('not a request for a certificate', { error: parsed.error });
    return { allowProvisioning: false };
  }
  handle ??= enrolment({
    ...liveTable(),
    certificates: openCertificates(env('DEVICE_POLICY_NAME')),
    link: openCertificateLink(),
  });
  return handle(parsed.data);
};
