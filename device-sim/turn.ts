import type { AccessMethod } from '#shared/device/access.ts';
import { type ConfigDocument, defaultBankConfig } from '#shared/device/config.ts';
import type { Next } from '#shared/device/denial.ts';
import { JournalEntry } from '#shared/device/journal.ts';
import type { DoorGrants } from '#shared/device/shadow.ts';
import { type BankState, type Change, type Cycle, type DoorMemory, merge, newDoor, type Ram } from './state.ts';
import { certainTime, claimedTime } from './time.ts';

/** Monotonic milliseconds since any start, and what the device's own clock claims the time is (milliseconds since 1970). */
export type Now = { mono: number; wall: number };

export type EnterResult = {
  granted: boolean;
  door?: string;
  reason?: string;
  message: string;
  /** Refused: what the person can do now. */
  next?: Next;
};

export type ScanResult = { door?: string; result?: 'right' | 'wrong' | 'unchecked'; message: string };

/** A change to the world at one door, as hands, crowbars and testers make it. */
export type DoorChange = {
  door?: 'closed' | 'ajar' | 'open';
  contents?: 'filled' | 'empty' | 'unknown';
  lock?: 'ok' | 'jammed';
  temperatureC?: number;
  /** By force: a closed door is prised open first. */
  force?: boolean;
  /** The item was put in or taken out before the door closed; the sensor notices only now. */
  late?: boolean;
};

export type Input =
  | { type: 'power'; on: boolean }
  /** `rotation`: by which the certificate came that it connected with. */
  | { type: 'connected'; rotation?: string | null }
  | { type: 'disconnected' }
  | { type: 'message'; topic: string; payload: unknown }
  | { type: 'enter'; id: string; method: AccessMethod; value: string }
  | { type: 'scan'; value: string }
  | { type: 'door'; door: string; change: DoorChange }
  /** Somebody opened the cover of the controller. */
  | { type: 'tamper' }
  /** In answer to `newKey`. */
  | { type: 'request'; rotation: string; csr: string }
  | { type: 'tick' };

/** In the order they must happen: what is persisted comes before what is done because of it. */
export type Output =
  | { type: 'persist'; change: Change /** Nothing is lost if a crash undoes it. */; lazy: boolean }
  | { type: 'unlock'; door: string; cycle: Cycle }
  | { type: 'publish'; topic: string; payload: unknown; qos: 0 | 1; expirySeconds?: number }
  | { type: 'entered'; id: string; result: EnterResult }
  /** Answers a scan. */
  | { type: 'scanned'; result: ScanResult }
  /** Answers a door input; `impossible`: why the world does not work like that. */
  | { type: 'changed'; door: string; impossible?: string }
  /** A key is to be made, and a request for its certificate. */
  | { type: 'newKey'; rotation: string }
  /** To be connected with from now on; the old one is kept. */
  | { type: 'renew'; rotation: string; certificatePem: string }
  /** The old certificate is not needed any more. */
  | { type: 'settled' }
  | { type: 'log'; text: string };

/** One call of `step`: replaced state and collected outputs. Nothing outside the step ever sees it change. */
export type Turn = { state: BankState; readonly now: Now; readonly outputs: Output[] };

export const write = (turn: Turn, change: Change, options: { lazy: boolean } = { lazy: false }): void => {
  turn.state = { ...turn.state, durable: merge(turn.state.durable, change) };
  turn.outputs.push({ type: 'persist', change, lazy: options.lazy });
};

/** RAM is there in every handler but the one that brings the power. */
export const ram = (turn: Turn): Ram => {
  if (!turn.state.ram) throw new Error('the bank has no power');
  return turn.state.ram;
};

export const remember = (turn: Turn, change: Partial<Ram>): void => {
  turn.state = { ...turn.state, ram: { ...ram(turn), ...change } };
};

/** The cloud is within reach now. Of a clock that may be early, the early time: offline limits must not end late. */
export const heardNow = ({ state, now }: Turn): Pick<Change, 'heardAt'> => ({ heardAt: certainTime(state, now) });

/** Before the cloud has told it anything it takes nobody's tokens. */
export const config = (turn: Turn): ConfigDocument =>
  turn.state.durable.config ?? { ...defaultBankConfig, issuerKeys: [] };

export const doorMemory = (turn: Turn, door: string): DoorMemory =>
  turn.state.durable.doors[door] ?? newDoor(turn.state.layout.contentsSensor);

/** The transaction and grants the bank holds for a door. */
export const heldFor = (turn: Turn, door: string): DoorGrants | undefined => {
  for (const held of Object.values(turn.state.durable.grants)) {
    const grants = held.doors[door];
    if (grants) return grants;
  }
  return undefined;
};

type Unnumbered<Entry> = Entry extends JournalEntry ? Omit<Entry, 'seq' | 'at'> : never;
export type NewEntry = Unnumbered<JournalEntry>;

/** Numbers, dates and persists an entry, in one line of the disk with whatever else it changes. */
export const writeEntry = (turn: Turn, entry: NewEntry, change: Change = {}): JournalEntry => {
  const { at, floor, dated } = claimedTime(turn.state, turn.now);
  // Parsed, so that it is the same to the byte when it is sent again after a restart.
  const numbered = JournalEntry().parse({ ...entry, seq: turn.state.durable.lastSeq + 1, at });
  write(turn, { ...change, entries: [numbered], floor, dated });
  return numbered;
};
