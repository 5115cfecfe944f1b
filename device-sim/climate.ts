import type { ClimateEntry } from '#shared/device/journal.ts';
import { journal } from './journal.ts';
import type { Ram } from './state.ts';
import { claimedTime } from './time.ts';
import { config, doorMemory, heldFor, ram, remember, type Turn, write } from './turn.ts';

type Zone = NonNullable<ReturnType<typeof config>['thermalZones']>[number];

const zoneOf = (turn: Turn, door: string): Zone | undefined =>
  config(turn).thermalZones?.find(({ doors }) => doors.includes(door));

/** How far out of the range, in degrees; nothing or less is within. */
const beyond = ({ minC, maxC }: Zone, temperatureC: number): number =>
  Math.max(minC - temperatureC, temperatureC - maxC);

const further = (zone: Zone, a: number, b: number): number => (beyond(zone, a) > beyond(zone, b) ? a : b);

/** The sensor reads. What has a range is judged here and only told of when it counts; anything else is told as it is. */
export const feel = (turn: Turn, door: string): void => {
  const { temperatureC } = doorMemory(turn, door).actual;
  if (temperatureC === undefined) return;
  if (zoneOf(turn, door)) judge(turn, door);
  else journal(turn, { type: 'temperature.read', door, temperatureC });
};

export const judge = (turn: Turn, door: string): void => {
  const { temperatureC } = doorMemory(turn, door).actual;
  const zone = zoneOf(turn, door);
  if (temperatureC === undefined || zone === undefined) return;
  const told = turn.state.durable.excursions[door];
  const waiting = ram(turn).outside[door];
  if (beyond(zone, temperatureC) <= 0) {
    wait(turn, door, null);
    if (told) tell(turn, 'temperature.back_in_range', door, zone, { ...told, temperatureC });
  } else if (told) {
    const extremeC = further(zone, temperatureC, told.extremeC);
    write(turn, { excursions: { [door]: { ...told, extremeC } } }, { lazy: true });
  } else {
    const { mono, since, extremeC } = waiting ?? {
      mono: turn.now.mono,
      since: claimedTime(turn.state, turn.now).at,
      extremeC: temperatureC,
    };
    wait(turn, door, { mono, since, extremeC: further(zone, temperatureC, extremeC) });
  }
};

const wait = (turn: Turn, door: string, value: Ram['outside'][string] | null): void => {
  const { [door]: _, ...rest } = ram(turn).outside;
  remember(turn, { outside: value === null ? rest : { ...rest, [door]: value } });
};

const tell = (
  turn: Turn,
  type: ClimateEntry['type'],
  door: string,
  { minC, maxC }: Zone,
  { since, extremeC, temperatureC }: { since: number; extremeC: number; temperatureC: number },
): void => {
  const transactionId = doorMemory(turn, door).item ?? heldFor(turn, door)?.transactionId ?? null;
  const excursion = type === 'temperature.left_range' ? { since, extremeC } : null;
  journal(
    turn,
    { type, door, transactionId, temperatureC, minC, maxC, since, extremeC },
    { excursions: { [door]: excursion } },
  );
};

export const tickClimate = (turn: Turn): void => {
  for (const [door, { mono, since, extremeC }] of Object.entries(ram(turn).outside)) {
    const zone = zoneOf(turn, door);
    const { temperatureC } = doorMemory(turn, door).actual;
    if (zone === undefined || temperatureC === undefined) wait(turn, door, null);
    else if (mono + zone.afterSeconds * 1000 <= turn.now.mono) {
      wait(turn, door, null);
      tell(turn, 'temperature.left_range', door, zone, { since, extremeC, temperatureC });
    }
  }
};

export const climateWakeAt = (turn: Turn): number =>
  Math.min(
    ...Object.entries(ram(turn).outside).map(
      ([door, { mono }]) => mono + (zoneOf(turn, door)?.afterSeconds ?? 0) * 1000,
    ),
  );
