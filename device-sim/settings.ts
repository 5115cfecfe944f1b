import * as z from 'zod';
import { Compartment } from './picture.ts';

const BuiltBank = z.object({
  name: z.string().default(''),
  /** In layout order: a door's position decides which shadow it is in. Its sizes are for the picture. */
  doors: z.array(Compartment).min(1),
  options: z
    .object({
      /** False: contents are `unknown`. */
      contentsSensor: z.boolean().default(true),
      /** How long the contents sensor takes to notice. */
      sensorLagMs: z.int().nonnegative().default(0),
      /** Left out: as the cloud's config says. False: the hardware has none. True: has one until a config speaks. */
      batteryBackedClock: z.boolean().optional(),
    })
    .prefault({}),
});

/** A bank is named by its id, or by the serial number of the controller that finds out. */
const nameOf = (bank: { id: string } | { serialNumber: string }): string =>
  'id' in bank ? bank.id : `serial number ${bank.serialNumber}`;

/** The file `main.ts` reads, and what `startBanks` takes. Certificate files are PEM. */
export const Settings = z.object({
  control: z
    .object({ host: z.string().default('127.0.0.1'), port: z.int().min(0).max(65_535).default(0) })
    .prefault({}),
  mqtt: z.object({ host: z.string(), port: z.int().positive(), caFile: z.string() }),
  /** With what controllers enrol that have no certificate of their own. */
  claim: z
    .object({
      /** The deployment's provisioning template. */
      template: z.string(),
      certFile: z.string(),
      keyFile: z.string(),
      /** False: the endpoint makes their private keys, and answers nothing else. The local engine is such a one. */
      answersCsr: z.boolean().default(true),
    })
    .optional(),
  /** Each bank keeps its own folder here; a new one is a new controller. */
  stateDir: z.string(),
  /** Of the faults that `/link` makes: the same seed meets the same ones. */
  seed: z.int().nonnegative().default(1),
  banks: z
    .array(
      z.union([
        BuiltBank.extend({
          id: z.string().regex(/^[\w:-]{1,128}$/, 'must be a thing name that is also a folder name'),
          certFile: z.string(),
          keyFile: z.string(),
        }),
        BuiltBank.extend({ serialNumber: z.string().regex(/^[A-Za-z0-9._:-]{1,64}$/, 'must be a serial number') }),
      ]),
    )
    .refine((banks) => new Set(banks.map(nameOf)).size === banks.length, 'two banks have the same id or serial number'),
});
export type Settings = z.infer<typeof Settings>;
export type SettingsInput = z.input<typeof Settings>;
