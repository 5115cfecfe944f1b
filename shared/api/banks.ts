import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { OfflineSeconds, ThermalRange } from '../device/config.ts';
import { Bank, BankLifecycle, doorsPerBankMax, LayoutDoor, ThermalClass } from '../domain/bank.ts';
import { Compartment } from '../domain/compartment.ts';
import { Connectivity } from '../domain/connectivity.ts';
import { InstantInput } from '../domain/time.ts';
import { SerialNumber } from './controllers.ts';
import type { Route } from './route.ts';
import { idParam, listOf, page } from './shapes.ts';
import { Vendor } from './vendors.ts';

/** Whether it is there, and since when; one that never was is offline. */
const connection = { connectivity: Connectivity, connectivitySince: field.momentOrNull };

export const BankView = Bank.omit({ tenant: true, bankKey: true, terms: true }).extend(connection).meta({ id: 'Bank' });
export type BankView = z.infer<typeof BankView>;

/** As the answer shows it that registered it. */
export const RegisteredBank = once(() =>
  BankView.extend({
    /** Of a bank with a `vendor`, `whsec_…`: our calls to it are signed with it. Only here, and only once. */
    secret: field.maybeText,
  }).meta({ id: 'RegisteredBank' }),
);

export const BankSummary = BankView.pick({ id: true, siteId: true, name: true, lifecycle: true, createdAt: true }).meta(
  {
    id: 'BankSummary',
  },
);

export const CompartmentView = Compartment.omit({
  lastEntry: true,
  until: true,
  commandId: true,
  outOfServiceAt: true,
  outsideSince: true,
  climateSeq: true,
})
  .extend(LayoutDoor.shape)
  .meta({ id: 'Compartment' });
export type CompartmentView = z.infer<typeof CompartmentView>;

export const BankHealth = once(() => {
  const uptime = z
    .object({
      from: field.moment,
      to: field.moment,
      /** Of the period, and those of them that it was not there. */
      seconds: field.count,
      downSeconds: field.count,
      outages: field.count,
      /** 0 to 1; null of a period without a second. */
      share: z.number().nullable(),
    })
    .meta({ id: 'Uptime' });
  const outage = z
    .object({
      /** Null: of the whole bank, which was offline. */
      door: field.textOrNull,
      reason: field.text,
      startedAt: field.moment,
      /** Null: it goes on. */
      endedAt: field.momentOrNull,
    })
    .meta({ id: 'Outage' });
  const door = z.object({
    door: field.text,
    ...Compartment.pick({ availability: true, doorState: true, contents: true, lock: true }).shape,
    outOfService: field.textOrNull,
    outOfServiceSince: field.momentOrNull,
    temperatureOutOfRangeSince: field.momentOrNull,
    /** How long it was in service, whether its bank was online or not. */
    uptime,
  });
  return z
    .object({
      bankId: field.text,
      lifecycle: BankLifecycle,
      ...connection,
      /** How often its connection broke since it last was steadily there. */
      drops: field.count,
      /** How long it was online, from when it first was. */
      uptime,
      doors: z.array(door),
      /** Those that touch the period, the newest first. */
      outages: z.array(outage),
    })
    .meta({ id: 'BankHealth' });
});
export type BankHealth = z.infer<ReturnType<typeof BankHealth>>;

/** What of a bank's set-up can be changed while people use it. */
const settings = once(() => ({
  /** What its panel says its messages in; English where the bank does not speak it. */
  locale: z
    .string()
    .regex(/^[a-z]{2}(-[A-Z]{2})?$/, 'a BCP 47 tag, for example de or de-CH')
    .optional(),
  /**
   * By method, for how many seconds it opens without the cloud. A method that is left out: as its site or tenant says
   * (`PATCH /v1/workflow-terms/{scope}`), else as long as each credential is valid.
   */
  offlineSeconds: OfflineSeconds.optional(),
}));

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
      /** Between which temperatures which class is to stay here, where that is not as usual. */
      thermalRanges: z
        .partialRecord(
          ThermalClass,
          z.strictObject(ThermalRange.shape).refine((it) => it.minC < it.maxC, '`minC` is below `maxC`'),
        )
        .optional(),
      /** There is no hardware behind it. It stays so: test keys may use it, and its transactions are not `livemode`. */
      simulated: field.yesNo.default(false),
      ...settings(),
      /** Of its controller, which enrols with it; left out, an installer attaches its certificate by hand. */
      serialNumber: SerialNumber.optional(),
      /** Who drives its doors, where that is not a controller that speaks our own protocol. */
      vendor: Vendor().optional(),
    }),
  ),
  status: 201,
  response: RegisteredBank,
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

export const getBankHealth = {
  id: 'get-bank-health',
  noun: 'banks',
  method: 'GET',
  path: '/v1/banks/{bankId}/health',
  summary: 'Read how a bank and its doors are, and how much of a period they were there',
  permission: 'banks:read',
  params: z.object({ bankId: idParam }),
  query: once(() =>
    z.strictObject({
      /** 30 days before `to`, if it is left out. */
      from: InstantInput().optional(),
      /** Now, if it is left out or lies ahead. */
      to: InstantInput().optional(),
    }),
  ),
  status: 200,
  response: BankHealth,
  problems: [],
} as const satisfies Route;

export const updateBank = {
  id: 'update-bank',
  noun: 'banks',
  method: 'PATCH',
  path: '/v1/banks/{bankId}',
  summary: 'Change the language of a bank, and how long it opens without the network',
  permission: 'banks:write',
  params: z.object({ bankId: idParam }),
  body: once(() => z.strictObject(settings())),
  status: 200,
  response: () => BankView,
  problems: ['precondition_failed', 'conflict'],
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
