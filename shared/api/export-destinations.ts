import * as z from 'zod';

/** In the place of a tenant: whichever it is. */
export const everyTenant = '*';

/** `says`: what it is to be, for whoever wrote something else. */
const text = (pattern: RegExp, says: string) => z.string(says).regex(pattern, says);

/** A bucket of a customer’s that exports may be put into, as the operator has set it up. */
export const ExportDestination = z.strictObject({
  /** Whose exports; `*`: those of every tenant, each below its own id. */
  tenant: text(/^(\*|ten_[0-9A-HJKMNP-TV-Z]{26})$/, 'the id of a tenant, or * for every one'),
  /** What a caller calls it. */
  name: text(/^[a-z0-9][a-z0-9-]{0,39}$/, 'at most 40 small letters, digits and hyphens'),
  bucket: text(
    /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/,
    'the name of a bucket, without dots, which TLS takes for those of a domain',
  ),
  /** Which AWS account the bucket belongs to: one of the same name that is another’s is refused. */
  account: text(/^[0-9]{12}$/, 'an AWS account: 12 digits, as a string'),
  /** What the names of the files begin with. */
  prefix: text(
    /^(?=.{0,200}$)([A-Za-z0-9_.-]+\/)*$/,
    'at most 200 letters, digits, and _ . - in parts that each end with a slash',
  ).default(''),
  /** Where the bucket lies, if not in the region of the stage. */
  region: text(/^[a-z]{2}(-[a-z]+)+-[0-9]$/, 'an AWS region').optional(),
  /** Of the KMS key by which the bucket encrypts, if it does so by one of its own. */
  kmsKeyArn: text(/^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key\/[A-Za-z0-9-]+$/, 'the ARN of a KMS key').optional(),
});
export type ExportDestination = z.infer<typeof ExportDestination>;

const isSameName = (one: ExportDestination, other: ExportDestination): boolean =>
  one.name === other.name && [other.tenant, everyTenant].includes(one.tenant);

export const ExportDestinations = z.array(ExportDestination).superRefine((all, { addIssue }) => {
  for (const [nth, it] of all.entries()) {
    if (all.some((other, at) => at !== nth && isSameName(other, it)))
      addIssue({ code: 'custom', path: [nth, 'name'], message: `${it.tenant} has more than one ${it.name}` });
  }
});
export type ExportDestinations = z.infer<typeof ExportDestinations>;

/** What the functions are told may have so many characters; Lambda has 4 KB for all that one is told. */
export const exportDestinationsMax = 3_000;

/** As a function is told of them. */
export const parseDestinations = (text: string): ExportDestinations => ExportDestinations.parse(JSON.parse(text));

export const destinationsOf = (all: ExportDestinations, tenant: string): ExportDestination[] =>
  all.filter((it) => it.tenant === tenant || it.tenant === everyTenant);
