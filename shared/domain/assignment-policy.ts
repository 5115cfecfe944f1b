import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { InstantText } from './time.ts';

/** What compartments that fit are told apart by; less is better. */
export const Criterion = z.enum(['size', 'wear', 'height']);
export type Criterion = z.infer<typeof Criterion>;

/** How compartments are chosen: data, so that a tenant can replace it and go back (docs/assignment.md). */
export const AssignmentRules = z.object({
  /**
   * Which of those that fit is better: the first criterion that tells two apart. Differences below a multiple of `step`
   * do not count: size in cm³ of the inside, wear in openings of the door, height in mm above or below a table's.
   */
  criteria: z
    .array(z.strictObject({ by: Criterion, step: field.positive.max(10_000_000) }))
    .max(Criterion.options.length)
    .refine((all) => new Set(all.map(({ by }) => by)).size === all.length, 'each criterion at most once'),
  /** A floor higher than this is out of reach. */
  reachableMm: field.positive.max(5_000),
  /** Whether a compartment may be taken that is larger than the smallest of the bank that would do. */
  takeLarger: field.yesNo,
});
export type AssignmentRules = z.infer<typeof AssignmentRules>;

/** The rules with the name that decisions give them: `<name>/<version>`. */
export const AssignmentPolicy = AssignmentRules.extend({ id: field.text });
export type AssignmentPolicy = z.infer<typeof AssignmentPolicy>;

/** What holds until a tenant says otherwise. */
export const defaultPolicy: AssignmentPolicy = {
  id: 'best-fit/1',
  criteria: [
    { by: 'size', step: 1 },
    // Coarse, so that of many callers at once not all want the one door that was opened least.
    { by: 'wear', step: 500 },
  ],
  // DIN 18040 sets 1,050 mm for grips; 1,700 mm is a shelf.
  reachableMm: 1_700,
  takeLarger: true,
};

/** Version 1 is the built-in policy, so what the first event of a tenant's policy makes is version 2. */
export const policyVersion = (sequence: number): number => sequence + 1;

/**
 * The policy of a tenant as it stands now. Every version before is an event of it, from which it can be read and
 * restored, so nothing else keeps them.
 */
export const TenantPolicy = once(() =>
  AssignmentRules.extend({
    id: field.text,
    tenant: field.text,
    name: field.text,
    /** The older version that this one repeats. */
    restores: field.positive.nullable(),
    changedAt: InstantText,
    version: field.count,
    hash: field.text,
  }),
);
export type TenantPolicy = z.infer<ReturnType<typeof TenantPolicy>>;

/** One for each tenant, so its id follows from the tenant's. */
export const policyIdOf = (tenant: string): string => `apl_${tenant.slice(4)}`;

/** As banks hold it and decisions name it. */
export const policyFrom = ({ name, version, criteria, reachableMm, takeLarger }: TenantPolicy): AssignmentPolicy => ({
  id: `${name}/${policyVersion(version)}`,
  criteria,
  reachableMm,
  takeLarger,
});
