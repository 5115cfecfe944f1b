import {
  doorsAsTold,
  guessesLimited,
  itemsKnown,
  journalKept,
  openedRightly,
  toldOnce,
  unsettledBanks,
  wornAsTold,
} from './invariants-banks.ts';
import { followed } from './invariants-feed.ts';
import { type Picture, takePicture, takeQuietPicture } from './invariants-picture.ts';
import {
  apart,
  deliveredTruly,
  failuresTold,
  handedOn,
  heldOnce,
  importsAddUp,
  indexed,
  inLine,
  linkedOnce,
  locked,
  moved,
  onceEach,
  overdue,
  pendingCommands,
  served,
  stocked,
  undelivered,
  uniqueIds,
  workedOnOnce,
} from './invariants-rows.ts';
import { searched } from './invariants-search.ts';
import { absorbed, numbered, promised, verified } from './invariants-trail.ts';
import type { Bank, Tenant } from './stack.ts';

type Check = (picture: Picture) => string[];

/** Hold at every moment (design.md section 10). */
const always: readonly Check[] = [
  heldOnce,
  stocked,
  linkedOnce,
  workedOnOnce,
  importsAddUp,
  handedOn,
  openedRightly,
  numbered,
  promised,
  journalKept,
  toldOnce,
  deliveredTruly,
  absorbed,
  locked,
  moved,
  indexed,
  inLine,
  doorsAsTold,
  wornAsTold,
  failuresTold,
  onceEach,
  uniqueIds,
  verified,
  apart,
  guessesLimited,
];

/** Become true once everything that is under way has arrived; then `ofRest` holds too. */
const untilQuiet: readonly Check[] = [
  unsettledBanks,
  undelivered,
  pendingCommands,
  overdue,
  served,
  searched,
  followed,
];
const ofRest: readonly Check[] = [itemsKnown];

const violations = (picture: Picture, checks: readonly Check[]): string[] => checks.flatMap((check) => check(picture));

/** The engine sweeps its schedules every 10 s, and a command that nobody answers is valid for 30 s. */
const quietWithin = 45_000;

/**
 * Throws with every violation of I1 to I10 among these tenants and their banks, each a sentence that names the
 * invariant, the rows and the values. `quiet`: first waits until no message is under way, journals are acknowledged,
 * grants applied, deliveries over and deadlines kept, and then checks what holds at rest only.
 */
export async function invariantsHold(at: {
  tenants: readonly Tenant[];
  banks: readonly Bank[];
  quiet?: boolean;
}): Promise<void> {
  const picture = at.quiet ? await quietPicture(at.tenants, at.banks) : await takePicture(at.tenants, at.banks);
  const found = violations(picture, at.quiet ? [...always, ...ofRest] : always);
  if (found.length > 0) throw new InvariantsViolated(found);
}

export class InvariantsViolated extends Error {
  readonly violations: readonly string[];
  constructor(found: readonly string[]) {
    super(found.join('\n'));
    this.name = 'InvariantsViolated';
    this.violations = found;
  }
}

const quietPicture = (tenants: readonly Tenant[], banks: readonly Bank[]): Promise<Picture> =>
  takeQuietPicture(
    tenants,
    banks,
    (picture) => {
      const moving = violations(picture, untilQuiet);
      if (moving.length > 0) throw new InvariantsViolated(moving);
    },
    quietWithin,
  );
