import { KeyHandover } from '#shared/device/messages.ts';
import { topics } from '#shared/device/topics.ts';
import { certificateWakeAt, hearCertificate, pursueRotation, takeRequest, tickCertificate } from './certificate.ts';
import { climateWakeAt, tickClimate } from './climate.ts';
import { doorsWakeAt, lookAround, tickDoors } from './doors.ts';
import { handle } from './hands.ts';
import { acknowledged, journal, journalWakeAt, newSending, replay, resendFromStart, tickJournal } from './journal.ts';
import { answer, countInterrupted, enter, giveUp, tickKeypad } from './keypad.ts';
import { afterBoot } from './lockout.ts';
import { say, tickPanel } from './panel.ts';
import { requestsWakeAt, startOver, tickRequests } from './requests.ts';
import { scan } from './scans.ts';
import { shadowNews } from './shadows.ts';
import type { BankState } from './state.ts';
import { heardNow, type Input, type Now, type Output, ram, remember, type Turn, write, writeEntry } from './turn.ts';

/**
 * The whole bank as a pure state machine: no clock, no disk, no network. Whoever runs it performs the outputs in their
 * order, and goes on only once a `persist` is on the disk.
 */
export const step = (state: BankState, input: Input, now: Now): { state: BankState; outputs: Output[] } => {
  const turn: Turn = { state, now, outputs: [] };
  (state.ram ? withPower : withoutPower)(turn, input);
  return { state: turn.state, outputs: turn.outputs };
};

const withPower = (turn: Turn, input: Input): void => {
  if (input.type === 'power' && !input.on) losePower(turn);
  else if (input.type === 'connected') connected(turn, input.rotation ?? null);
  else if (input.type === 'disconnected') disconnected(turn);
  else if (input.type === 'message') hear(turn, input.topic, input.payload);
  else if (input.type === 'enter') enter(turn, input);
  else if (input.type === 'scan') scan(turn, input.value);
  else if (input.type === 'door') handle(turn, input.door, input.change);
  else if (input.type === 'tamper') journal(turn, { type: 'tamper' });
  else if (input.type === 'request') takeRequest(turn, input.rotation, input.csr);
  else if (input.type === 'tick') tick(turn);
};

/** Doors can still be forced and closed by hand; everything else is dark. */
const withoutPower = (turn: Turn, input: Input): void => {
  if (input.type === 'power' && input.on) boot(turn);
  else if (input.type === 'door') handle(turn, input.door, input.change);
  else if (input.type === 'enter') goDark(turn, input.id);
  else if (input.type === 'scan') {
    const message = say('dark', turn.state.durable.config?.locale);
    turn.outputs.push({ type: 'scanned', result: { message } });
  }
};

const goDark = (turn: Turn, id: string): void => {
  turn.outputs.push({
    type: 'entered',
    id,
    result: { granted: false, message: say('dark', turn.state.durable.config?.locale) },
  });
};

const boot = (turn: Turn): void => {
  const { durable } = turn.state;
  turn.state = {
    ...turn.state,
    ram: {
      bootedAt: turn.now.mono,
      bootFloor: durable.floor,
      connected: false,
      message: say('idle', durable.config?.locale),
      messageUntil: null,
      cloudTime: null,
      journal: newSending(durable.acked),
      shadows: { queue: [], pending: {}, versions: {}, report: [], sentAt: [], token: 0, resyncAt: null },
      ask: null,
      label: null,
      keyReminderAt: null,
      certificate: { inUse: null, request: null, askAt: null },
      openSince: {},
      noticeAt: {},
      outside: {},
    },
  };
  const generation = durable.key?.generation ?? null;
  const keypad = afterBoot(durable.keypad, durable.floor);
  journal(turn, { type: 'boot', generation }, { boots: durable.boots + 1, keypad });
  if (durable.powerLost) journal(turn, { type: 'power.restored' }, { powerLost: false });
  countInterrupted(turn);
  lookAround(turn);
};

/** What is left in the capacitors is enough to write one line, not to send it. */
const losePower = (turn: Turn): void => {
  const { ask, connected: isConnected } = ram(turn);
  writeEntry(turn, { type: 'power.lost' }, { powerLost: true, ...(isConnected && heardNow(turn)) });
  if (ask) goDark(turn, ask.enterId);
  turn.state = { ...turn.state, ram: null };
};

const connected = (turn: Turn, rotation: string | null): void => {
  remember(turn, { connected: true, certificate: { ...ram(turn).certificate, inUse: rotation } });
  startOver(turn);
  resendFromStart(turn);
  remindOfKey(turn);
  pursueRotation(turn);
};

const disconnected = (turn: Turn): void => {
  if (ram(turn).connected) write(turn, heardNow(turn));
  remember(turn, { connected: false });
  giveUp(turn);
};

const reminderMs = 60_000;

/** The key is handed over when the cloud hears of the boot; if that went astray, the boot is told again. */
const remindOfKey = (turn: Turn): void => {
  const { key, entries, acked } = turn.state.durable;
  remember(turn, { keyReminderAt: key ? null : turn.now.mono + reminderMs });
  const isOnItsWay = entries.some(({ type, seq }) => type === 'boot' && seq > acked);
  if (!key && !isOnItsWay) journal(turn, { type: 'boot', generation: null });
};

const takeKey = (turn: Turn, payload: unknown): void => {
  const { data } = KeyHandover.safeParse(payload);
  if (!data || data.generation <= (turn.state.durable.key?.generation ?? 0)) return;
  write(turn, { key: data });
  remember(turn, { keyReminderAt: null });
};

/** What comes down, by topic. */
const hear = (turn: Turn, topic: string, payload: unknown): void => {
  const own = topics(turn.state.layout.bankId);
  const down: Record<string, (turn: Turn, payload: unknown) => void> = {
    [own.ack]: acknowledged,
    [own.replay]: replay,
    [own.answer]: answer,
    [own.key]: takeKey,
    [own.newCertificate]: hearCertificate,
  };
  const [, name, news] = topic.match(/\/shadow\/name\/([^/]+)\/(.+)$/) ?? [];
  if (name !== undefined && news !== undefined) shadowNews[news]?.(turn, name, payload);
  else down[topic]?.(turn, payload);
};

const tick = (turn: Turn): void => {
  tickJournal(turn);
  tickKeypad(turn);
  tickDoors(turn);
  tickClimate(turn);
  tickRequests(turn);
  tickCertificate(turn);
  tickPanel(turn);
  const { keyReminderAt, connected: isConnected } = ram(turn);
  if (isConnected && keyReminderAt !== null && keyReminderAt <= turn.now.mono) remindOfKey(turn);
};

/** When a `tick` is next due, monotonic milliseconds; infinite if something must happen first. */
export const wakeAt = (state: BankState): number => {
  if (!state.ram) return Number.POSITIVE_INFINITY;
  const turn: Turn = { state, now: { mono: 0, wall: 0 }, outputs: [] };
  return Math.min(
    journalWakeAt(turn),
    state.ram.ask?.until ?? Number.POSITIVE_INFINITY,
    doorsWakeAt(turn),
    climateWakeAt(turn),
    requestsWakeAt(turn),
    certificateWakeAt(turn),
    state.ram.messageUntil ?? Number.POSITIVE_INFINITY,
    (state.ram.connected ? state.ram.keyReminderAt : null) ?? Number.POSITIVE_INFINITY,
  );
};
