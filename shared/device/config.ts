import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { AccessMethod } from './access.ts';
import { IssuerKey } from './token.ts';

export const celsius = z.number();

/** Between which temperatures a compartment is to stay, and how long it may be otherwise: its door was open. */
export const ThermalRange = z.object({ minC: celsius, maxC: celsius, afterSeconds: field.positive });
export type ThermalRange = z.infer<typeof ThermalRange>;

/** By method: for how many seconds a bank opens without the cloud. */
export const OfflineSeconds = z.partialRecord(AccessMethod, field.count.max(31_536_000));
export type OfflineSeconds = z.infer<typeof OfflineSeconds>;

/** How a bank is set up. */
export const BankConfig = z.object({
  /** Raised with every change; the bank keeps the highest. */
  rev: field.count,
  timeZone: field.text,
  /** What the panel says its messages in, a BCP 47 tag. Left out, or a language that the bank does not speak: English. */
  locale: field.maybeText,
  /** Without a contents sensor: how long the same credential opens again, and when the compartment counts as free. */
  reopenSeconds: field.positive,
  /** How long a door may stand open before it is `ajar`. */
  ajarAfterSeconds: field.positive,
  /** The clock runs through a power cut, so grants are honoured before the cloud has told the time. */
  batteryBackedClock: field.yesNo,
  /** Wrong PINs per keypad: after `failures` in a row, PIN entry is off for `lockSeconds`. The last row ends the day's budget. */
  lockout: z.array(z.object({ failures: field.positive, lockSeconds: field.positive })).min(1),
  /** Wrong PINs a keypad accepts in 24 hours, whatever succeeds between them. */
  guessesPerDay: field.positive,
  /** By thermal class, where it is not as usual. */
  thermalRanges: z.record(field.text, ThermalRange).optional(),
  /**
   * How long the bank goes by its grants without the cloud, by method: afterwards it has not heard for too long of what was
   * revoked. Left out: as long as each grant says.
   */
  offlineSeconds: OfflineSeconds.optional(),
  /** The bank is to have a certificate of this rotation, and asks for one if it has not (docs/enrolment.md). */
  rotation: field.maybeText,
});
export type BankConfig = z.infer<typeof BankConfig>;

/** `desired` of `config`: what the bank needs to know to decide alone. */
export const ConfigDocument = once(() =>
  BankConfig.extend({
    /** Those whose tokens it takes: the newest and the one before. */
    issuerKeys: z.array(IssuerKey()).max(2).default([]),
    /** The compartments whose temperature the bank watches, by their labels. */
    thermalZones: z.array(ThermalRange.extend({ doors: z.array(field.text) })).optional(),
  }),
);
export type ConfigDocument = z.infer<ReturnType<typeof ConfigDocument>>;

/** 5 → 1 min, 10 → 15 min, 20 → 24 h: the guess limits that the PIN length is computed with (limits.md F3). */
export const defaultBankConfig: BankConfig = {
  rev: 0,
  timeZone: 'UTC',
  reopenSeconds: 120,
  ajarAfterSeconds: 60,
  batteryBackedClock: false,
  lockout: [
    { failures: 5, lockSeconds: 60 },
    { failures: 10, lockSeconds: 900 },
    { failures: 20, lockSeconds: 86_400 },
  ],
  guessesPerDay: 20,
};
