import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { BankConfig, OfflineSeconds } from '../device/config.ts';
import { AssignmentPolicy } from './assignment-policy.ts';
import { InstantText } from './time.ts';

export const ThermalClass = z.enum(['ambient', 'refrigerated', 'frozen', 'heated']);
export type ThermalClass = z.infer<typeof ThermalClass>;

const Millimetres = field.positive.max(10_000);

/** One compartment as built. Sizes are of the inside; the item must fit into it in some upright or lying position. */
export const LayoutDoor = z.object({
  /** The label on the door, unique in its bank. */
  door: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,7}$/, 'one to eight letters, digits or hyphens'),
  widthMm: Millimetres,
  heightMm: Millimetres,
  depthMm: Millimetres,
  maxMassG: field.positive.max(1_000_000),
  thermalClass: ThermalClass.default('ambient'),
  /** Height of the compartment's floor above the ground: what a person can reach. */
  bottomMm: field.count.max(5_000).default(0),
});
export type LayoutDoor = z.infer<typeof LayoutDoor>;

/** AWS's 8 KB shadows and our 4 KB bank row were proved up to here (design.md section 5). */
export const doorsPerBankMax = 120;

export const BankLifecycle = z.enum(['provisioning', 'active', 'maintenance', 'inactive', 'decommissioned']);
export type BankLifecycle = z.infer<typeof BankLifecycle>;

/** What the key of a bank's verifiers is derived with: its controllers are counted, root keys have versions. */
export const BankKey = z.object({ generation: field.positive, keyVersion: field.positive });
export type BankKey = z.infer<typeof BankKey>;

/** A bank: one controller, one IoT thing of the same name as its id. */
export const Bank = z.object({
  id: field.text,
  tenant: field.text,
  siteId: field.text,
  name: field.text,
  lifecycle: BankLifecycle,
  /** There is no hardware behind it: the only kind of bank that a test key may use. */
  simulated: field.yesNo.default(false),
  layout: z.array(LayoutDoor).min(1).max(doorsPerBankMax),
  config: BankConfig,
  bankKey: BankKey,
  pinDigits: field.whole,
  /** Copy of its tenant's, so that choosing needs no read of its own; left out, the built-in one. */
  assignmentPolicy: AssignmentPolicy.optional(),
  /** Copy of what its tenant and its site say of workflows, as text: read by whoever needs it (`agreedAt`). */
  terms: field.maybeText,
  /** Copy of what its tenant and its site say of it; `config.offlineSeconds` is laid over it. */
  agreedOfflineSeconds: OfflineSeconds.optional(),
  /** Copy of when its tenant and its site want nobody to be disturbed, on its own clock; left out: never. */
  quietHours: z.object({ from: field.text, to: field.text }).optional(),
  createdAt: InstantText,
  version: field.positive,
});
export type Bank = z.infer<typeof Bank>;

/** For how long it opens without the cloud, by method: what it says itself comes first. */
export const offlineSecondsOf = ({ config, agreedOfflineSeconds }: Pick<Bank, 'config' | 'agreedOfflineSeconds'>) => ({
  ...agreedOfflineSeconds,
  ...config.offlineSeconds,
});

/** Its set-up as `bank.updated` tells it. */
export const setUpOf = (bank: Pick<Bank, 'config' | 'agreedOfflineSeconds'>) => {
  const offlineSeconds = offlineSecondsOf(bank);
  const isLimited = Object.keys(offlineSeconds).length > 0;
  return { locale: bank.config.locale ?? null, offlineSeconds: isLimited ? offlineSeconds : null };
};

export const positionOf = (bank: Pick<Bank, 'layout'>, door: string): number =>
  bank.layout.findIndex((it) => it.door === door);
