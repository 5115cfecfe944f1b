import type { ClimateEntry, DoorEntry } from '../device/journal.ts';
import type { ChainHead } from './chain-head.ts';
import { type Compartment, changed, inService, outOfServiceSince } from './compartment.ts';
import type { Emission } from './decision.ts';
import { isAtHome } from './home.ts';
import { evidenceOf, flagged, type Merged, nothing, type World } from './merge-context.ts';
import { elsewhere } from './merge-rules.ts';
import { isStockUnit } from './stock.ts';
import { earlier, epochMs, type Instant, instant, later } from './time.ts';
import { hasEnded, type Transaction } from './transaction.ts';

/**
 * What goes wrong at a compartment: the event that tells it, and why the compartment takes itself out of service, if it
 * does. A door that was forced or left open may be as good as before; whether it is, the next closing shows.
 */
export const faults = {
  lock_jammed: { tells: 'compartment.lock_jammed', outOfService: true },
  not_closing: { tells: 'compartment.not_closing', outOfService: true },
  forced_open: { tells: 'compartment.forced_open', outOfService: false },
  left_ajar: { tells: 'compartment.left_ajar', outOfService: false },
  contents_mismatched: { tells: 'compartment.contents_mismatched', outOfService: false },
  temperature_out_of_range: { tells: 'compartment.temperature_out_of_range', outOfService: true },
} as const satisfies Record<string, { tells: Emission<ChainHead>['type']; outOfService: boolean }>;
export type Fault = keyof typeof faults;

/** Entries that tell of a fault whatever else is known. */
const faultOf = ({ type, after }: DoorEntry): Fault | null => {
  if (type === 'lock.jammed') return after.door === 'closed' ? 'lock_jammed' : 'not_closing';
  if (type === 'door.forced') return 'forced_open';
  return type === 'door.ajar' ? 'left_ajar' : null;
};

/** A command is an act of somebody's, with a reason: that the lock obeyed it proves these mended. */
const mendedByCommand: readonly string[] = ['lock_jammed', 'not_closing'] satisfies Fault[];

type Seen = { before: Compartment; newest: boolean; now: Instant };

/** What a door entry says of the compartment itself, after its fact was merged. */
export const faultAtDoor = (world: World, journalId: string, entry: DoorEntry, seen: Seen): Merged => {
  const { before, newest, now } = seen;
  const evidence = evidenceOf({ journalId, entry });
  const occurredAt = earlier(instant(entry.at), now);
  const fault = faultOf(entry);
  const told = fault === null ? [] : [{ type: faults[fault].tells, set: {}, data: { evidence }, occurredAt }];
  const compartment = [...told, ...(newest ? mismatch(world, entry, before, evidence, occurredAt) : [])];
  if (newest && isMended(world, entry)) {
    serve(world, entry.door);
    compartment.push({ type: 'compartment.returned_to_service', set: {}, data: { evidence }, occurredAt });
  }
  const isOver = passed(world, entry);
  if (fault === null || !faults[fault].outOfService || !newest || isOver)
    return compartment.length === 0 ? nothing : { ...nothing, compartment };
  const failed = fail(world, entry.door, fault, { evidence, occurredAt, now });
  const isEmpty = entry.after.contents === 'empty' || (entry.after.contents === 'unknown' && fault === 'lock_jammed');
  const holder = world.transactions.get(world.compartments.get(entry.door)?.heldBy ?? '');
  const concerned = holder
    ? concern(world, holder, entry.door, { isEmpty, reason: fault, evidence, occurredAt, now })
    : nothing;
  return { ...concerned, compartment: [...compartment, ...failed] };
};

/** News of the same door that came along: by now the lock does what it should. */
const passed = (world: World, { door, seq }: DoorEntry): boolean => {
  const last = world.arriving.get(door);
  return last !== undefined && last.seq > seq && last.after.lock === 'ok';
};

const isMended = (world: World, { type, door, after, cause }: DoorEntry): boolean =>
  type === 'door.closed' &&
  after.lock === 'ok' &&
  cause !== null &&
  'commandId' in cause &&
  mendedByCommand.includes(world.compartments.get(door)?.outOfService ?? '');

const serve = (world: World, door: string): void => {
  const it = world.compartments.get(door);
  if (it) world.compartments.set(door, changed(it, inService, it.availability === 'occupied'));
};

type Told = { evidence: ReturnType<typeof evidenceOf>; occurredAt: Instant; now: Instant };

/** Takes the compartment out of service, unless it is: a reason that was given before stands. */
const fail = (world: World, door: string, reason: Fault, { evidence, occurredAt }: Told): Emission<ChainHead>[] => {
  const it = world.compartments.get(door);
  if (!it || it.outOfService !== null) return [];
  world.compartments.set(door, changed(it, outOfServiceSince(reason, occurredAt), it.availability === 'occupied'));
  return [{ type: 'compartment.out_of_service', set: {}, data: { reason, evidence }, occurredAt }];
};

/** What of it is not behind a door yet, nor half-way to another: its bank only has to be told of a new one. */
const canMove = ({ state, move, assetId, stockUnitId }: Transaction): boolean =>
  state === 'reserved' && move == null && assetId === undefined && stockUnitId === undefined;

/** Whoever has the door that failed: gets another if nothing is inside and one fits, else is flagged. */
const concern = (
  world: World,
  it: Transaction,
  door: string,
  { isEmpty, reason, evidence, occurredAt, now }: Told & { isEmpty: boolean; reason: Fault },
): Merged => {
  // While it is carried, its move has failed, and said so.
  if (hasEnded(it.state) || it.move != null) return nothing;
  const compartment = world.compartments.get(door);
  const moved = isEmpty && canMove(it) ? elsewhere(world, it, door, 'compartment_faulty', now) : null;
  if (moved && compartment) {
    world.compartments.set(door, changed(compartment, { heldBy: null }, false));
    return moved;
  }
  // However often somebody tries.
  if (it.flags.includes('compartment_faulty')) return nothing;
  const set = { flags: flagged(it, 'compartment_faulty') };
  return say(it, { type: 'transaction.compartment_failed', set, data: { reason, evidence }, occurredAt });
};

const say = (it: Transaction, emission: Emission<Transaction> & { occurredAt: Instant }): Merged => {
  const occurredAt = later(emission.occurredAt, it.createdAt);
  return { ...nothing, emissions: [{ transactionId: it.id, weak: false, emissions: [{ ...emission, occurredAt }] }] };
};

/** The sensor contradicts what is believed, and no fact at the door explains it. */
const mismatch = (
  world: World,
  { type, door, after }: DoorEntry,
  before: Compartment,
  evidence: ReturnType<typeof evidenceOf>,
  occurredAt: Instant,
): Emission<ChainHead>[] => {
  const closed = after.door === 'closed' && (type === 'door.closed' || type === 'contents.changed');
  const expected = believed(world, world.compartments.get(door) ?? before, before);
  if (!closed || expected === null || after.contents === expected || after.contents === 'unknown') return [];
  if (before.contents === after.contents) return [];
  const data = { expected, found: after.contents, evidence };
  return [{ type: faults.contents_mismatched.tells, set: {}, data, occurredAt }];
};

/** What is taken to be inside, before and after the entry alike; null where nothing is, or others tell of it. */
const believed = (world: World, it: Compartment, before: Compartment): 'empty' | 'filled' | null => {
  if (it.heldBy !== before.heldBy) return null;
  if (it.heldBy === null) return 'empty';
  if (before.availability !== 'occupied' || isStockUnit(it.heldBy)) return null;
  const holder = world.transactions.get(it.heldBy);
  // What a renter does in between is the renter's.
  if (holder === undefined) return isAtHome(it.heldBy) ? 'filled' : null;
  return holder.state === 'stored' || holder.state === 'recall_due' ? 'filled' : null;
};

/** What a temperature entry says: of the compartment, and of the item inside. Late ones change nothing that is so now. */
export const faultOfClimate = (world: World, journalId: string, entry: ClimateEntry, now: Instant): Merged => {
  const { door, type, seq, temperatureC, minC, maxC, extremeC } = entry;
  const before = world.compartments.get(door);
  if (!before) return nothing;
  const newest =
    before.climateSeq === undefined || before.lastEntry?.journalId !== journalId || before.climateSeq < seq;
  const left = type === 'temperature.left_range';
  const occurredAt = earlier(instant(entry.at), now);
  const since = earlier(instant(entry.since), occurredAt);
  const evidence = { journalId, seq, door, version: null, cause: null };
  const holder = world.transactions.get(entry.transactionId ?? before.heldBy ?? '');
  const range = { temperatureC, minC, maxC, since };
  const lasted = { seconds: Math.round((epochMs(occurredAt) - epochMs(since)) / 1000), extremeC };
  const told: Emission<ChainHead> = {
    type: left ? faults.temperature_out_of_range.tells : 'compartment.temperature_in_range',
    set: {},
    data: { ...range, ...(left ? {} : lasted), transactionId: holder?.id ?? null, evidence },
    occurredAt,
  };
  if (newest) {
    const outsideSince = left ? epochMs(since) : undefined;
    world.compartments.set(
      door,
      changed(before, { outsideSince, climateSeq: seq }, before.availability === 'occupied'),
    );
  }
  const failed = left && newest ? fail(world, door, 'temperature_out_of_range', { evidence, occurredAt, now }) : [];
  const compartment = [told, ...failed];
  if (holder === undefined || hasEnded(holder.state)) return { ...nothing, compartment };
  if (holder.state === 'reserved') {
    if (!left || !newest) return { ...nothing, compartment };
    const isEmpty = before.doorState === 'closed' && before.contents !== 'filled';
    const reason = 'temperature_out_of_range';
    return { ...concern(world, holder, door, { isEmpty, reason, evidence, occurredAt, now }), compartment };
  }
  const data = { ...range, evidence };
  const said = left
    ? { type: 'transaction.excursion_began' as const, set: { flags: flagged(holder, 'thermal_excursion') }, data }
    : { type: 'transaction.excursion_ended' as const, set: {}, data: { ...data, ...lasted } };
  return { ...say(holder, { ...said, occurredAt }), compartment };
};
