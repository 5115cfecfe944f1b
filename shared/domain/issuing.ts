import { type Access, type Credential, liveCredential, liveCredentialsMost } from './credential.ts';
import { deadlineOf } from './deadline.ts';
import { Refusal } from './refusal.ts';
import { earlier, type Instant, later, plusSeconds } from './time.ts';
import type { Transaction } from './transaction.ts';
import { type WorkflowStep, workflowOf } from './workflow.ts';

/** Ids and keys a decision may need; drawn outside, so that deciding stays pure. */
export type Fresh = { credentialIds: readonly string[]; keyVersion: number };

/** A credential of a fresh id. What is not said of its method is that of a PIN. */
export const newCredential = (
  step: Credential['step'],
  id: string | undefined,
  fresh: Fresh,
  more: Pick<Credential, 'state' | 'notBefore' | 'notAfter' | 'digits' | 'sinceVersion'> & Partial<Credential>,
): Credential => {
  if (id === undefined) throw new Error('no fresh credential id was drawn');
  return { id, step, method: 'pin', attempt: 0, keyVersion: fresh.keyVersion, locked: true, ...more };
};

/** Changes the credentials that match, and notes the version from which the bank must know of it. */
export const withCredentials = (
  credentials: Credential[],
  matches: (it: Credential) => boolean,
  change: Partial<Credential>,
  sinceVersion: number,
): Credential[] => credentials.map((it) => (matches(it) ? { ...it, ...change, sinceVersion } : it));

/** When a credential of a step ends. */
export const endsAt = (
  { until, grace = 0 }: Pick<WorkflowStep, 'until' | 'grace'>,
  it: Pick<Transaction, 'id' | 'deadlines'> & { overstaySeconds?: number | undefined },
): Instant => plusSeconds(deadlineOf(it, until), grace + (until === 'useUntil' ? (it.overstaySeconds ?? 0) : 0));

/** The same of one that may have an end of its own. */
export const within = ({ until }: Pick<Credential, 'until'>, end: Instant): Instant =>
  until === undefined ? end : earlier(until, end);

/** Once the depositor has begun, another deadline counts. */
export const begun = (
  it: Pick<Transaction, 'depositStartedAt'>,
  row: WorkflowStep,
): Pick<WorkflowStep, 'until' | 'grace'> =>
  row.until === 'reserveUntil' && it.depositStartedAt !== null ? { until: 'depositBy' } : row;

const refuseField = (pointer: string, detail: string): never => {
  throw new Refusal('invalid_request', detail, { errors: [{ pointer, detail }] });
};

/** What may be asked for at a step; `pointer`: where in the request it stands. */
const requireAskable = (
  { method, notBefore, notAfter, uses = 1 }: Access,
  { row, end, pointer }: { row: WorkflowStep; end: Instant; pointer: string },
  now: Instant,
): void => {
  if (!row.methods.includes(method)) refuseField(`${pointer}/method`, `${method} proves no right to this ${row.step}`);
  if (notBefore !== undefined && notBefore >= end) refuseField(`${pointer}/notBefore`, `must come before ${end}`);
  if (notAfter !== undefined && notAfter > end)
    refuseField(`${pointer}/notAfter`, `is later than ${end}, its deadline`);
  if (notAfter !== undefined && notAfter <= later(notBefore ?? now, now))
    refuseField(`${pointer}/notAfter`, 'must lie ahead, and after notBefore');
  if (uses > 1 && !row.repeats) refuseField(`${pointer}/uses`, `the step ${row.step} is done once`);
};

/** Whoever is let in by the cloud's word is not asked for a label by the bank. */
const requireSeen = (
  { scanAt }: Pick<Transaction, 'scanAt'>,
  { step, group }: Pick<Access, 'step' | 'group'>,
  pointer: string,
): void => {
  if (group !== undefined && scanAt?.split(',').includes(step))
    refuseField(`${pointer}/group`, `cannot be asked for the label that has to be scanned at the ${step}`);
};

/** The steps to which somebody needs a right; what lies in stock was deposited before. */
const stepsOf = ({ workflow, stockUnitId }: Pick<Transaction, 'workflow' | 'stockUnitId'>): readonly WorkflowStep[] => {
  const { steps } = workflowOf(workflow);
  return stockUnitId === undefined ? steps : steps.filter(({ step }) => step !== 'deposit');
};

/** Refuses what a new transaction cannot begin with. */
export const requireAccess = (it: Transaction, access: readonly Access[], now: Instant): void => {
  const steps = stepsOf(it);
  for (const [nth, asked] of access.entries()) {
    const pointer = `/access/${nth}`;
    const row = steps.find(({ step }) => step === asked.step);
    const known = row ?? refuseField(`${pointer}/step`, `this ${it.workflow} has no step ${asked.step}`);
    requireAskable(asked, { row: known, end: endsAt(known, it), pointer }, now);
    requireSeen(it, asked, pointer);
    const pin = access.findIndex(({ step, method }) => step === asked.step && method === 'pin');
    if (asked.method === 'pin' && pin !== nth)
      refuseField(`${pointer}/method`, `the step ${asked.step} has a PIN already`);
  }
  const usual = steps.filter(({ step }) => !access.some((asked) => asked.step === step)).length;
  if (access.length + usual > liveCredentialsMost)
    refuseField('/access', `comes to more than the ${liveCredentialsMost} credentials that a door may have at a time`);
};

/** So many it begins with at most: one for each step, and what is asked for besides. */
export const credentialsMost = (access: readonly Access[] = []): number => 2 + access.length;

/** What is asked for, as fields of a credential. */
export const askedFields = (
  { method, verifier, index, group, notBefore, notAfter, uses }: Access,
  end: Instant,
  now: Instant,
): Pick<Credential, 'method' | 'notBefore' | 'notAfter'> & Partial<Credential> => ({
  method,
  notBefore: later(notBefore ?? now, now),
  notAfter: within({ until: notAfter }, end),
  ...(notAfter !== undefined && { until: notAfter }),
  ...(verifier !== undefined && { verifier }),
  ...(index !== undefined && { index }),
  ...(group !== undefined && { group }),
  ...(uses !== undefined && { uses }),
});

/** The credentials that a transaction begins with: what was asked for, and for every other step its usual one. */
export const credentialsOf = (
  it: Transaction,
  access: readonly Access[],
  digits: number,
  fresh: Fresh,
  now: Instant,
  sinceVersion: number,
): Credential[] =>
  stepsOf(it)
    .flatMap((row, nth) => {
      const own = access.filter(({ step }) => step === row.step);
      const usual: Access = { step: row.step, method: row.methods[0] };
      return (own.length > 0 ? own : [usual]).map((asked) => ({ asked, nth, end: endsAt(row, it) }));
    })
    .map(({ asked, nth, end }, place) =>
      newCredential(asked.step, fresh.credentialIds[place], fresh, {
        state: nth === 0 ? 'active' : 'issued',
        ...askedFields(asked, end, now),
        digits,
        sinceVersion,
      }),
    );

/** Another one that opens at this door: no more than a shadow has room for, and one PIN for each step. */
export const requireRoom = (others: readonly Credential[], { step, method }: Pick<Access, 'step' | 'method'>): void => {
  const live = others.filter(liveCredential);
  // Their length was computed for that (see `livePinsPerDoor`); a suspended one comes back.
  const pin = live.find((c) => c.step === step && c.method === 'pin');
  if (method === 'pin' && pin)
    throw new Refusal('invalid_transition', `${pin.id} is live for the step ${step}; resend or revoke it`);
  // Of the two PINs of whoever carries an item one opens at either door.
  const atDoor = live.filter((c) => c.step !== 'take_out');
  const opening = atDoor.filter((c) => !c.suspended).length;
  const onceTakenBack = atDoor.filter((c) => c.delegatedFrom === undefined).length;
  if (Math.max(opening, onceTakenBack) >= liveCredentialsMost)
    throw new Refusal(
      'invalid_transition',
      `${liveCredentialsMost} credentials are live at its door; revoke one first`,
    );
};

/** How long staff may act outside the plan with a code, unless the call says otherwise; at most a day. */
const overrideSeconds = 900;

export type Asked = Access & { reason?: string | undefined };

/** What `issue` makes of the credentials: the new one, with the window of its step. */
export const issuedFor = (it: Transaction, asked: Asked, fresh: Fresh, now: Instant): Credential => {
  const { step, method, notAfter } = asked;
  const { steps } = workflowOf(it.workflow);
  const nth = steps.findIndex((row) => row.step === step);
  const open = steps.findIndex(({ from, to, repeats }) => from === it.state || (repeats === true && to === it.state));
  const row = steps[nth];
  const digits = it.credentials[0]?.digits ?? 8;
  const isRecall = step === 'recall' && it.state === 'recall_due';
  if (row === undefined && !isRecall) refuseField('/step', `a ${it.workflow} that is ${it.state} has no step ${step}`);
  if (!isRecall && (open === -1 || nth < open))
    throw new Refusal('invalid_transition', `the step ${step} of a transaction that is ${it.state} is over`);
  if (method === 'operator') {
    if (!isRecall && nth !== open)
      throw new Refusal('invalid_transition', `the step ${step} of a transaction that is ${it.state} has not begun`);
    requireRoom(it.credentials, asked);
    const until = notAfter ?? plusSeconds(now, overrideSeconds);
    if (until <= now || until > plusSeconds(now, 86_400)) refuseField('/notAfter', 'must lie within the next 24 hours');
    const window = { notBefore: now, notAfter: until, until };
    const more = { method, state: 'active' as const, ...window, digits, sinceVersion: it.version + 1 };
    return newCredential(step, fresh.credentialIds[0], fresh, more);
  }
  if (row === undefined)
    return refuseField('/method', 'staff who recall have a PIN; another way in is an operator code');
  const end = endsAt(begun(it, row), it);
  requireAskable(asked, { row, end, pointer: '' }, now);
  requireSeen(it, asked, '');
  requireRoom(it.credentials, asked);
  return newCredential(step, fresh.credentialIds[0], fresh, {
    state: nth === open ? 'active' : 'issued',
    ...askedFields(asked, end, now),
    digits,
    sinceVersion: it.version + 1,
  });
};
