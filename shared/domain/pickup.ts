import { methods, type Step } from '../device/access.ts';
import { type Credential, liveCredential } from './credential.ts';
import { runningDeadline } from './deadline.ts';
import { scanSteps, whyNot, windowOf } from './grants.ts';
import { possible } from './lifecycle.ts';
import { hasPickupPage, pickupTag } from './pickup-link.ts';
import { earlier, epochMs, type Instant } from './time.ts';
import { hasEnded, type Party, type Transaction } from './transaction.ts';
import { type PartyRole, type Workflow, type WorkflowStep, workflowOf } from './workflow.ts';

/** What somebody has come for, which has words of its own. */
export const tasks = ['hand_in', 'parcel', 'order', 'release', 'return', 'borrow', 'bring_back', 'rent'] as const;
export type Task = (typeof tasks)[number];

/** By workflow and step. */
export const taskOf = {
  sale: { deposit: 'hand_in', pickup: 'order' },
  release: { deposit: 'hand_in', pickup: 'release' },
  parcel: { deposit: 'hand_in', pickup: 'parcel' },
  return: { deposit: 'hand_in', pickup: 'return' },
  loan: { pickup: 'borrow', deposit: 'bring_back' },
  rental: { use: 'rent' },
} as const satisfies Record<Workflow, Partial<Record<Step, Task>>>;

/** How things stand for one of the people in a transaction. */
export const situations = [
  'no_door_yet',
  'ahead',
  'too_early',
  'ready',
  'delegated',
  'on_hold',
  'moving',
  'payment_pending',
  'approval_pending',
  'identity_unconfirmed',
  'age_unconfirmed',
  'too_late',
  'replaced',
  'taken_back',
  'done',
  'completed',
  'cancelled',
  'expired',
  'recalled',
  'rejected',
] as const;
export type Situation = (typeof situations)[number];

/** By why a credential would not open now (`whyNot`). */
const situationByReason: Record<string, Situation> = {
  too_early: 'too_early',
  too_late: 'too_late',
  delegated: 'delegated',
  on_hold: 'on_hold',
  moving: 'moving',
  payment_pending: 'payment_pending',
  approval_pending: 'approval_pending',
  identity_unconfirmed: 'identity_unconfirmed',
  age_unconfirmed: 'age_unconfirmed',
  compartment_empty: 'ahead',
};

/** For so long after its end a transaction's links still say how it ended. */
export const linkSecondsAfterEnd = 7 * 86_400;

/** What the page of whoever holds a link shows, and lets them do. */
export type Pickup = {
  task: Task;
  situation: Situation;
  /** The credential that the link names: as it they act. */
  actorId: string;
  /** Whose it is; nothing is known of staff. */
  party: Party | undefined;
  door: string | null;
  /** By which they prove their right; shown even before they may open. */
  credentials: Credential[];
  /** From when, until when they may open; until when it is to come while it is ahead. */
  from: Instant | null;
  until: Instant | null;
  isOverdue: boolean;
  /** The one that opens the door with the code of the panel now. */
  opens: Credential | null;
  /** The label of what is put in or taken out is asked for. */
  isScanned: boolean;
  /** The one that may be handed on, and by id what goes with it: a badge or a label stays with whoever has brought it. */
  handsOn: Credential | null;
  together: string[];
  /** To whom it was. */
  handedOn: { credential: Credential; party: Party }[];
};

/** Whom a step is done by. */
const partyOf = ({ recipient, parties }: Transaction, role: PartyRole): Party | undefined =>
  ({ recipient, depositor: parties.depositor, collector: parties.collector, staff: undefined })[role];

/**
 * Of a link that was signed: nothing once its credential was sent anew, revoked or taken back, and from a week after the end
 * on. What ends with the transaction still says so.
 */
const holderOf = (it: Transaction, tag: string, now: Instant): Credential | null => {
  const held = it.credentials.find(({ id }) => pickupTag(id) === tag);
  if (held === undefined || !hasPickupPage(held) || held.state === 'superseded') return null;
  const isOver = hasEnded(it.state) || it.state === 'recall_due';
  if (held.state === 'revoked' && (!isOver || held.delegatedFrom !== undefined)) return null;
  if (it.endedAt !== null && epochMs(now) > epochMs(it.endedAt) + linkSecondsAfterEnd * 1000) return null;
  return held;
};

/** The next thing that the holder does, or did last; and whether it is still to be done. */
const stepOf = (it: Transaction, held: Credential): { row: WorkflowStep; isLeft: boolean } | null => {
  const { steps } = workflowOf(it.workflow);
  const first = steps.find(({ step }) => step === held.step);
  if (first === undefined) return null;
  const own = steps.filter(({ step, by }) => (held.delegatedFrom ? step === held.step : by === first.by));
  const now = steps.findIndex(({ from, to, repeats }) => from === it.state || (repeats === true && to === it.state));
  const left = own.find((row) => now >= 0 && steps.indexOf(row) >= now);
  return { row: left ?? own.at(-1) ?? first, isLeft: left !== undefined };
};

const situationOf = (it: Transaction, isLeft: boolean, credentials: readonly Credential[], now: Instant): Situation => {
  const { state } = it;
  if (state === 'created') return 'no_door_yet';
  if (state === 'recall_due') return it.recallCause === 'pickup_deadline' ? 'too_late' : 'taken_back';
  if (state !== 'reserved' && state !== 'stored' && state !== 'in_use') return state;
  if (!isLeft) return 'done';
  const [denial] = credentials.map((c) => whyNot(it, c, now)).toSorted((a, b) => Number(!!a) - Number(!!b));
  if (denial === null) return 'ready';
  return (denial && situationByReason[denial.reason]) ?? 'replaced';
};

/** What is due at the end of its use still opens afterwards; people are told when it is due. */
const untilOf = (
  it: Transaction,
  row: WorkflowStep,
  situation: Situation,
  best: Credential | undefined,
): Instant | null => {
  if (situation === 'ahead') return runningDeadline(it)?.at ?? null;
  if (best === undefined || (situation !== 'ready' && situation !== 'too_early')) return null;
  const due = row.until === 'useUntil' ? it.deadlines.useUntil : undefined;
  return due === undefined ? best.notAfter : earlier(due, best.notAfter);
};

/** What whoever holds a link with this tag sees now; null where the link opens nothing (any more). */
export const pickupOf = (it: Transaction, tag: string, now: Instant): Pickup | null => {
  const held = holderOf(it, tag, now);
  const own = held && stepOf(it, held);
  if (held === null || own === null) return null;
  const { row, isLeft } = own;
  const mine = it.credentials.filter(
    (c) =>
      c.step === row.step &&
      hasPickupPage(c) &&
      (liveCredential(c) || c.state === 'expired') &&
      (held.delegatedFrom === undefined ? c.delegatedFrom === undefined : c.id === held.id),
  );
  const situation = situationOf(it, isLeft, mine, now);
  const byStep: Partial<Record<Step, Task>> = taskOf[it.workflow];
  const isUnderWay = isLeft && !hasEnded(it.state) && it.state !== 'recall_due';
  const credentials = isUnderWay ? mine.filter((c) => liveCredential(c) && !c.suspended) : [];
  const best = credentials.find((c) => whyNot(it, c, now) === null) ?? credentials[0] ?? mine[0];
  const window = best && windowOf(it, best);
  const isScanned = scanSteps(it).includes(row.step);
  const handedOn = it.credentials.flatMap((credential) => {
    const party = it.delegates?.[credential.id];
    const isMine = mine.some(({ id }) => id === credential.delegatedFrom) && held.delegatedFrom === undefined;
    return isUnderWay && party && isMine && liveCredential(credential) ? [{ credential, party }] : [];
  });
  const mayHandOn =
    held.delegatedFrom === undefined &&
    row.delegates > 0 &&
    row.methods.includes('pin') &&
    handedOn.length === 0 &&
    Object.hasOwn(possible.delegate, it.state);
  // A PIN leaves room for that of the other person.
  const handsOn = mayHandOn ? (credentials.find(({ method }) => method === 'pin') ?? credentials[0] ?? null) : null;
  return {
    task: byStep[row.step] ?? 'parcel',
    situation,
    actorId: held.id,
    party: held.delegatedFrom === undefined ? partyOf(it, row.by) : it.delegates?.[held.id],
    door: isUnderWay && it.state !== 'created' ? it.door : null,
    credentials,
    from: isUnderWay && window && window.notBefore > now ? window.notBefore : null,
    until: isUnderWay ? untilOf(it, row, situation, best) : null,
    isOverdue: it.flags.includes('overdue'),
    opens:
      situation === 'ready' && !isScanned
        ? (credentials.find((c) => whyNot(it, c, now) === null && c.uses === undefined) ?? null)
        : null,
    isScanned,
    handsOn,
    together: credentials
      .filter(({ id, method }) => id !== handsOn?.id && methods[method].value !== 'brought')
      .map(({ id }) => id),
    handedOn,
  };
};
