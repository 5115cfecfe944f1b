import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { BankKey, BankLifecycle } from '../domain/bank.ts';
import { Certificate, Controller } from '../domain/controller.ts';
import type { Route } from './route.ts';
import { idParam } from './shapes.ts';

export const SerialNumber = z
  .string()
  .regex(/^[A-Za-z0-9._:-]{1,64}$/, 'one to 64 letters, digits, dots, colons, hyphens or underscores');

export const ControllerView = Controller.omit({ tenant: true, bankId: true, version: true })
  .extend({
    /** That of its bank. */
    id: Controller.shape.bankId,
    /** Of the bank's events: that of the newest one, which in the answer to an act is the act itself. */
    bankSequence: field.count,
    lifecycle: BankLifecycle,
    /** Of its key: controllers of a bank are counted. */
    generation: BankKey.shape.generation,
    certificates: z.array(Certificate.omit({ csrHash: true })).nullable(),
  })
  .meta({ id: 'Controller' });
export type ControllerView = z.infer<typeof ControllerView>;

/** Why, in the words of whoever does it. */
const reason = z.string().min(1).max(200);

const acts = {
  noun: 'banks',
  method: 'POST',
  permission: 'banks:write',
  params: z.object({ bankId: idParam }),
  status: 200,
  response: () => ControllerView,
  etag: true,
} as const;

const always = ['precondition_failed', 'invalid_transition', 'idempotency_key_reused'] as const;

export const getController = {
  id: 'get-controller',
  noun: 'banks',
  method: 'GET',
  path: '/v1/banks/{bankId}/controller',
  summary: "Read who may connect as a bank: its controller's serial number and certificates",
  permission: 'banks:read',
  params: acts.params,
  status: 200,
  response: acts.response,
  problems: [],
  etag: true,
} as const satisfies Route;

export const rotateCertificate = {
  ...acts,
  id: 'rotate-certificate',
  path: '/v1/banks/{bankId}/rotate-certificate',
  summary: 'Have a bank change its certificate; the old one ends when it has connected with the new one',
  body: once(() => z.strictObject({ reason })),
  problems: always,
} as const satisfies Route;

export const revokeCertificate = {
  ...acts,
  id: 'revoke-certificate',
  path: '/v1/banks/{bankId}/revoke-certificate',
  summary: 'End a certificate of a bank, or all of them, and the connection with it',
  body: once(() =>
    z.strictObject({
      /** Left out: all. */
      certificateId: field.maybeText,
      reason,
    }),
  ),
  problems: always,
} as const satisfies Route;

export const replaceController = {
  ...acts,
  id: 'replace-controller',
  path: '/v1/banks/{bankId}/replace-controller',
  summary: 'Have another controller take the place of a bank’s: what the old one knew opens nothing any more',
  body: once(() => z.strictObject({ serialNumber: SerialNumber, reason })),
  problems: [...always, 'already_exists'],
} as const satisfies Route;

export const decommissionBank = {
  ...acts,
  id: 'decommission-bank',
  path: '/v1/banks/{bankId}/decommission',
  summary: 'End the life of a bank in which nothing is left',
  body: once(() => z.strictObject({ reason })),
  problems: [...always, 'conflict'],
} as const satisfies Route;
