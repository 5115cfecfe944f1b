import { type AccessMethod, isTyped } from '#shared/device/access.ts';
import { Answer } from '#shared/device/ask.ts';
import type { ConfigDocument } from '#shared/device/config.ts';
import { nextFor } from '#shared/device/denial.ts';
import { mustScan } from '#shared/device/label.ts';
import { afterFailure, afterSuccess, lockedUntil } from '#shared/device/lockout.ts';
import { bankTag, isTokenMethod, readToken } from '#shared/device/token.ts';
import { topics } from '#shared/device/topics.ts';
import { verifierOf } from '#shared/device/verifier.ts';
import { holdsAnyOf, isWornOut, judge, limitOf, type Right, rightsFor, standsOpenFor } from './access.ts';
import { doorFields, unlock } from './doors.ts';
import { journal } from './journal.ts';
import { isLocked } from './lockout.ts';
import { panel, say } from './panel.ts';
import { isScanned, takeLabel } from './scans.ts';
import type { Change, Keypad } from './state.ts';
import { accessTime, certainTime } from './time.ts';
import { config, type EnterResult, ram, remember, type Turn, write } from './turn.ts';

/** How long a person is kept waiting for the cloud's answer to a credential that the bank does not know. */
const answerMs = 5000;

type Outcome =
  | { kind: 'wait' }
  | { kind: 'open'; right: Right }
  | { kind: 'ask'; verifier: string }
  /** Right but not now, or wrong and counted. */
  | { kind: 'deny'; reason: string; right?: Right; limitAt?: number | undefined }
  | { kind: 'wrong' };

const decide = ({ state, now }: Turn, bankConfig: ConfigDocument, method: AccessMethod, value: string): Outcome => {
  const { durable, layout, ram: memory } = state;
  // One person at a time: while the cloud is asked about one guess, a second would escape the count.
  if (memory?.ask) return { kind: 'wait' };
  const isOff = isTyped(method) && isLocked(durable.keypad, bankConfig, certainTime(state, now));
  if (isOff) return { kind: 'deny', reason: 'keypad_locked', limitAt: lockedUntil(durable.keypad, bankConfig) };
  if (!accessTime(state, now)) return { kind: 'deny', reason: 'no_cloud_time' };
  const token = isTokenMethod(method) ? readToken(bankConfig.issuerKeys, value) : null;
  if (isTokenMethod(method) && token?.method !== method) return { kind: 'wrong' };
  if (token && token.bank !== bankTag(layout.bankId)) return { kind: 'deny', reason: 'wrong_bank' };
  // Without its key the bank can compare nothing, nor could the cloud.
  if (!durable.key) return { kind: 'wrong' };
  const verifier = verifierOf(Buffer.from(durable.key.key, 'base64url'), method, token?.credential ?? value);
  const verdict = judge(rightsFor(state, now, token ?? { method, verifier }));
  if (verdict) {
    const { right, reason } = verdict;
    return reason ? { kind: 'deny', reason, right, limitAt: limitOf(right, reason) } : { kind: 'open', right };
  }
  if (token && isWornOut(state, now, token)) return { kind: 'deny', reason: 'code_expired' };
  if (memory?.connected) return { kind: 'ask', verifier };
  // Signed by us for something that lies here, so it was right once.
  return token && holdsAnyOf(state, token) ? { kind: 'deny', reason: 'credential_revoked' } : { kind: 'wrong' };
};

export const enter = (turn: Turn, { id, method, value }: { id: string; method: AccessMethod; value: string }): void => {
  const outcome = decide(turn, config(turn), method, value);
  if (outcome.kind === 'wait') reply(turn, id, { granted: false, message: say('waiting', config(turn).locale) });
  else if (outcome.kind === 'open') open(turn, id, method, outcome.right);
  else if (outcome.kind === 'ask') ask(turn, id, method, outcome.verifier);
  else if (outcome.kind === 'deny') deny(turn, id, method, outcome);
  else wrong(turn, id, method);
};

const reply = (turn: Turn, id: string, result: EnterResult): void => {
  turn.outputs.push({ type: 'entered', id, result });
};

type Refused = { reason: string; right?: Right; limitAt?: number | undefined };

/** Why, and what now: kept, shown and answered. */
const deny = (turn: Turn, id: string, method: AccessMethod, refused: Refused, change: Change = {}): void => {
  const { reason, right, limitAt } = refused;
  const next = nextFor(reason);
  const known = right && { door: right.door, transactionId: right.held.transactionId, grantId: right.grant.id };
  const limit = limitAt === undefined ? {} : { limitAt };
  journal(turn, { type: 'access.denied', method, reason, next, ...limit, ...known }, change);
  const message = panel(turn, reason, right?.door, limitAt);
  reply(turn, id, { granted: false, reason, next, message, ...(right && { door: right.door }) });
};

const open = (turn: Turn, id: string, method: AccessMethod, right: Right): void => {
  const { door, grant } = right;
  if (standsOpenFor(right) || grantAccess(turn, method, right)) {
    const asks = grant.step === 'pickup' && mustScan(right.held.label, 'pickup');
    reply(turn, id, { granted: true, door, message: panel(turn, `open_${grant.step}${asks ? '_scan' : ''}`, door) });
  } else deny(turn, id, method, { reason: 'compartment_faulty', right });
};

/** False: the lock is jammed. */
const grantAccess = (turn: Turn, method: AccessMethod, right: Right): boolean => {
  const { door, held, grant, memory, isReopening, tokenId } = right;
  const { transactionId, version } = held;
  const cause = { grantId: grant.id, step: grant.step, ...(tokenId !== undefined && { tokenId }) };
  const hasLabel = isScanned(right);
  const cycle = { transactionId, version, cause, done: isReopening, ...(hasLabel && { scanned: true }) };
  const keypad = isTyped(method) ? { keypad: afterSuccess(turn.state.durable.keypad) } : {};
  // A door that a command has opened becomes this person's, who will now put in or take out.
  const isOpen = memory.known.door !== 'closed';
  const change = isOpen ? { ...keypad, doors: { [door]: { ...memory, cycle } } } : keypad;
  if (hasLabel) takeLabel(turn, right);
  journal(turn, { type: 'access.granted', method, ...doorFields(turn, door, memory, cycle) }, change);
  return isOpen || unlock(turn, door, cycle);
};

/** Counted if it is typed: what is scanned is guessed at less easily, and its limits are another matter. */
const afterWrong = ({ state, now }: Turn, keypadConfig: ConfigDocument, method: AccessMethod): Keypad => {
  const keypad = { ...state.durable.keypad, asking: null };
  return isTyped(method) ? afterFailure(keypad, keypadConfig, certainTime(state, now)) : keypad;
};

const wrong = (turn: Turn, id: string, method: AccessMethod, refused: Refused = { reason: 'wrong_credential' }): void =>
  deny(turn, id, method, refused, { keypad: afterWrong(turn, config(turn), method) });

/** Persisted before it is asked: who cuts the power while the cloud thinks has used up the guess all the same. */
const ask = (turn: Turn, id: string, method: AccessMethod, verifier: string): void => {
  const { durable, layout } = turn.state;
  const asked = durable.keypad.asked + 1;
  const askId = `ask_${asked}_${durable.journalId}`.slice(0, 64);
  write(turn, { keypad: { ...durable.keypad, asked, asking: { askId, method } } });
  remember(turn, { ask: { askId, enterId: id, method, until: turn.now.mono + answerMs } });
  panel(turn, 'waiting');
  const at = accessTime(turn.state, turn.now)?.estimate ?? certainTime(turn.state, turn.now);
  const topic = topics(layout.bankId).ask;
  turn.outputs.push({
    type: 'publish',
    topic,
    payload: { askId, method, verifier, at },
    qos: 1,
    expirySeconds: answerMs / 1000,
  });
};

/** The cloud's answer. One that comes after its time, or to something else, changes nothing. */
export const answer = (turn: Turn, payload: unknown): void => {
  const { data } = Answer.safeParse(payload);
  if (!data || ram(turn).ask?.askId !== data.askId) return;
  if (data.granted) welcome(turn, data.door);
  else giveUp(turn, data.reason === undefined ? undefined : { reason: data.reason, limitAt: data.limitAt });
};

/** A command for the door is on its way. */
const welcome = (turn: Turn, door: string | undefined): void => {
  const { ask: waiting } = ram(turn);
  if (!waiting) return;
  const keypad = { ...turn.state.durable.keypad, asking: null };
  remember(turn, { ask: null });
  write(turn, { keypad: isTyped(waiting.method) ? afterSuccess(keypad) : keypad });
  const message = panel(turn, 'opening', door);
  reply(turn, waiting.enterId, { granted: true, message, ...(door !== undefined && { door }) });
};

/** No answer in time, no link any more, or a refusal. */
export const giveUp = (turn: Turn, refused?: Refused): void => {
  const { ask: waiting } = ram(turn);
  if (!waiting) return;
  remember(turn, { ask: null });
  wrong(turn, waiting.enterId, waiting.method, refused);
};

/** At boot: the guess that was being asked about when the power went. */
export const countInterrupted = (turn: Turn): void => {
  const { asking } = turn.state.durable.keypad;
  if (!asking) return;
  const { method } = asking;
  const keypad = afterWrong(turn, config(turn), method);
  const reason = 'wrong_credential';
  journal(turn, { type: 'access.denied', method, reason, next: nextFor(reason) }, { keypad });
};

export const tickKeypad = (turn: Turn): void => {
  const { ask: waiting } = ram(turn);
  if (waiting && waiting.until <= turn.now.mono) giveUp(turn);
};
