import type { AccessMethod } from '#shared/device/access.ts';
import { Answer } from '#shared/device/ask.ts';
import type { BankConfig } from '#shared/device/config.ts';
import { topics } from '#shared/device/topics.ts';
import { verifierOf } from '#shared/device/verifier.ts';
import { judge, type Right, rightsFor, standsOpenFor } from './access.ts';
import { doorFields, unlock } from './doors.ts';
import { journal } from './journal.ts';
import { afterFailure, afterSuccess, isLocked } from './lockout.ts';
import { panel, say } from './panel.ts';
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
  | { kind: 'deny'; reason: string; right?: Right }
  | { kind: 'wrong' };

const decide = ({ state, now }: Turn, keypadConfig: BankConfig, method: AccessMethod, value: string): Outcome => {
  const { durable, ram: memory } = state;
  // One person at a time: while the cloud is asked about one guess, a second would escape the count.
  if (memory?.ask) return { kind: 'wait' };
  const isOff = method === 'pin' && isLocked(durable.keypad, keypadConfig, certainTime(state, now));
  if (isOff) return { kind: 'deny', reason: 'keypad_locked' };
  if (!accessTime(state, now)) return { kind: 'deny', reason: 'no_cloud_time' };
  // Signed tokens have no verifier. Without its key the bank can compare nothing, nor could the cloud.
  if (method === 'qr' || !durable.key) return { kind: 'wrong' };
  const verifier = verifierOf(Buffer.from(durable.key.key, 'base64url'), method, value);
  const verdict = judge(rightsFor(state, now, method, verifier));
  if (!verdict) return memory?.connected ? { kind: 'ask', verifier } : { kind: 'wrong' };
  const { right, reason } = verdict;
  return reason ? { kind: 'deny', reason, right } : { kind: 'open', right };
};

export const enter = (turn: Turn, { id, method, value }: { id: string; method: AccessMethod; value: string }): void => {
  const outcome = decide(turn, config(turn), method, value);
  if (outcome.kind === 'wait') reply(turn, id, { granted: false, message: say('waiting') });
  else if (outcome.kind === 'open') open(turn, id, method, outcome.right);
  else if (outcome.kind === 'ask') ask(turn, id, method, outcome.verifier);
  else if (outcome.kind === 'deny') deny(turn, id, method, outcome.reason, outcome.right);
  else wrong(turn, id, method);
};

const reply = (turn: Turn, id: string, result: EnterResult): void => {
  turn.outputs.push({ type: 'entered', id, result });
};

type Deny = (turn: Turn, id: string, method: AccessMethod, reason: string, right?: Right, change?: Change) => void;

const deny: Deny = (turn, id, method, reason, right, change = {}) => {
  const known = right && { door: right.door, transactionId: right.held.transactionId, grantId: right.grant.id };
  journal(turn, { type: 'access.denied', method, reason, ...known }, change);
  const message = panel(turn, reason, right?.door);
  reply(turn, id, { granted: false, reason, message, ...(right && { door: right.door }) });
};

const open = (turn: Turn, id: string, method: AccessMethod, right: Right): void => {
  const { door, grant } = right;
  if (standsOpenFor(right) || grantAccess(turn, method, right)) {
    reply(turn, id, { granted: true, door, message: panel(turn, `open_${grant.step}`, door) });
  } else deny(turn, id, method, 'compartment_faulty', right);
};

/** False: the lock is jammed. */
const grantAccess = (turn: Turn, method: AccessMethod, { door, held, grant, memory, isReopening }: Right): boolean => {
  const { transactionId, version } = held;
  const cycle = { transactionId, version, cause: { grantId: grant.id, step: grant.step }, done: isReopening };
  const keypad = method === 'pin' ? { keypad: afterSuccess(turn.state.durable.keypad) } : {};
  // A door that a command has opened becomes this person's, who will now put in or take out.
  const isOpen = memory.known.door !== 'closed';
  const change = isOpen ? { ...keypad, doors: { [door]: { ...memory, cycle } } } : keypad;
  journal(turn, { type: 'access.granted', method, ...doorFields(turn, door, memory, cycle) }, change);
  return isOpen || unlock(turn, door, cycle);
};

/** Counted if it is a PIN, because only PINs are short enough to be guessed. */
const afterWrong = ({ state, now }: Turn, keypadConfig: BankConfig, method: AccessMethod): Keypad => {
  const keypad = { ...state.durable.keypad, asking: null };
  return method === 'pin' ? afterFailure(keypad, keypadConfig, certainTime(state, now)) : keypad;
};

const wrong = (turn: Turn, id: string, method: AccessMethod, reason = 'wrong_credential'): void =>
  deny(turn, id, method, reason, undefined, { keypad: afterWrong(turn, config(turn), method) });

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
  else giveUp(turn, data.reason);
};

/** A command for the door is on its way. */
const welcome = (turn: Turn, door: string | undefined): void => {
  const { ask: waiting } = ram(turn);
  if (!waiting) return;
  const keypad = { ...turn.state.durable.keypad, asking: null };
  remember(turn, { ask: null });
  write(turn, { keypad: waiting.method === 'pin' ? afterSuccess(keypad) : keypad });
  const message = panel(turn, 'opening', door);
  reply(turn, waiting.enterId, { granted: true, message, ...(door !== undefined && { door }) });
};

/** No answer in time, no link any more, or a refusal. */
export const giveUp = (turn: Turn, reason = 'wrong_credential'): void => {
  const { ask: waiting } = ram(turn);
  if (!waiting) return;
  remember(turn, { ask: null });
  wrong(turn, waiting.enterId, waiting.method, reason);
};

/** At boot: the guess that was being asked about when the power went. */
export const countInterrupted = (turn: Turn): void => {
  const { asking } = turn.state.durable.keypad;
  if (!asking) return;
  const { method } = asking;
  const keypad = afterWrong(turn, config(turn), method);
  journal(turn, { type: 'access.denied', method, reason: 'wrong_credential' }, { keypad });
};

export const tickKeypad = (turn: Turn): void => {
  const { ask: waiting } = ram(turn);
  if (waiting && waiting.until <= turn.now.mono) giveUp(turn);
};
