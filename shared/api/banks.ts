import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { Bank, doorsPerBankMax, LayoutDoor } from '../domain/bank.ts';
import { Compartment } from '../domain/compartment.ts';
import { SerialNumber } from './controllers.ts';
import { once, type Route } from './route.ts';
import { idParam, listOf, page } from './shapes.ts';

export const BankView = Bank.omit({ tenant: true, bankKey: true }).meta({ id: 'Bank' });
export type BankView = z.infer<typeof BankView>;

export const BankSummary = BankView.pick({ id: true, siteId: true, name: true, lifecycle: true, createdAt: true }).meta(
  {
    id: 'BankSummary',
  },
);

export const CompartmentView = Compartment.omit({ lastEntry: true, until: true, commandId: true })
  .extend(LayoutDoor.shape)
  .meta({ id: 'Compartment' });
export type CompartmentView = z.infer<typeof CompartmentView>;

export const createBank = {
  id: 'create-bank',
  noun: 'banks',
  method: 'POST',
  path: '/v1/banks',
  summary: 'Register a bank with its compartments',
  permission: 'banks:write',
  body: once(() =>
    z.strictObject({
      siteId: z.string().min(1).max(64),
      name: z.string().min(1).max(120),
      layout: z
        .array(z.strictObject(LayoutDoor.shape))
        .min(1)
        .max(doorsPerBankMax)
        .refine(
          (doors) => new Set(doors.map((it) => it.door)).size === doors.length,
          'every door needs a label of its own',
        ),
      /** Of the controller: without a battery it opens nothing after a power cut until the cloud has told it the time. */
      batteryBackedClock: field.yesNo.default(false),
      /** There is no hardware behind it. It stays so: test keys may use it, and its transactions are not `livemode`. */
      simulated: field.yesNo.default(false),
      /** Of its controller, which enrols with it; left out, an installer attaches its certificate by hand. */
      serialNumber: SerialNumber.optional(),
    }),
  ),
  status: 201,
  response: () => BankView,
  problems: ['already_exists', 'idempotency_key_reused'],
  etag: true,
} as const satisfies Route;

export const listBanks = {
  id: 'list-banks',
  noun: 'banks',
  method: 'GET',
  path: '/v1/banks',
  summary: 'List banks',
  permission: 'banks:read',
  query: once(() => z.strictObject(page)),
  status: 200,
  response: once(() => listOf(BankSummary)),
  problems: [],
} as const satisfies Route;

export const getBank = {
  id: 'get-bank',
  noun: 'banks',
  method: 'GET',
  path: '/v1/banks/{bankId}',
  summary: 'Read a bank and its layout',
  permission: 'banks:read',
  params: z.object({ bankId: idParam }),
  status: 200,
  response: () => BankView,
  problems: [],
  etag: true,
} as const satisfies Route;

export const listCompartments = {
  id: 'list-compartments',
  noun: 'banks',
  method: 'GET',
  path: '/v1/banks/{bankId}/compartments',
  summary: "Read the state of a bank's compartments",
  permission: 'banks:read',
  params: z.object({ bankId: idParam }),
  query: once(() => z.strictObject({})),
  status: 200,
  response: once(() => listOf(CompartmentView)),
  problems: [],
} as const satisfies Route;

export const getCompartment = {
  id: 'get-compartment',
  noun: 'banks',
  method: 'GET',
  path: '/v1/banks/{bankId}/compartments/{door}',
  summary: 'Read one compartment',
  permission: 'banks:read',
  params: z.object({ bankId: idParam, door: idParam }),
  status: 200,
  response: () => CompartmentView,
  problems: [],
  etag: true,
} as const satisfies Route;

export const updateCompartment = {
  id: 'update-compartment',
  noun: 'banks',
  method: 'PATCH',
  path: '/v1/banks/{bankId}/compartments/{door}',
  summary: 'Take a compartment out of service, return it, or say that it is empty',
  permission: 'banks:write',
  params: z.object({ bankId: idParam, door: idParam }),
  body: once(() =>
    z.strictObject({
      /** Why it is out of service; null returns it. */
      outOfService: z.string().min(1).max(80).nullable().optional(),
      /** Somebody has looked inside, and it is empty. */
      cleared: z.literal(true).optional(),
    }),
  ),
  status: 200,
  response: () => CompartmentView,
  problems: ['precondition_failed', 'conflict'],
  etag: true,
} as const satisfies Route;
