import { feel } from './climate.ts';
import { ajar, close, force, notice } from './doors.ts';
import type { DoorMemory } from './state.ts';
import { type DoorChange, doorMemory, ram, remember, type Turn, write } from './turn.ts';

/** What people, crowbars and testers do at a door; and that a thing cannot pass a closed one. */
export const handle = (turn: Turn, door: string, change: DoorChange): void => {
  const impossible = impossibleAt(doorMemory(turn, door), change);
  if (!impossible) (turn.state.ram ? doSeen : doUnseen)(turn, door, change);
  turn.outputs.push({ type: 'changed', door, ...(impossible && { impossible }) });
};

const rules: { applies: (change: DoorChange, actual: DoorMemory['actual']) => boolean; says: string }[] = [
  { applies: ({ door }) => door === 'open', says: 'only a credential, a command or "force": true opens a closed door' },
  { applies: ({ door }) => door === 'ajar', says: 'a closed door cannot be ajar; open it first, or use "force": true' },
  {
    applies: ({ contents, late }, { inside }) => !late && isThing(contents) && contents !== inside,
    says: 'nothing passes a closed door; open it first, or use "force": true',
  },
];

const impossibleAt = ({ actual }: DoorMemory, change: DoorChange): string | undefined => {
  if (actual.door !== 'closed' || change.force) return undefined;
  return rules.find(({ applies }) => applies(change, actual))?.says;
};

const isThing = (contents: DoorChange['contents']): contents is 'filled' | 'empty' =>
  contents === 'filled' || contents === 'empty';

/** Only the world changes. */
const alter = (turn: Turn, door: string, actual: Partial<DoorMemory['actual']>): void => {
  const before = doorMemory(turn, door);
  write(turn, { doors: { [door]: { ...before, actual: { ...before.actual, ...actual } } } });
};

const alterInside = (turn: Turn, door: string, contents: DoorChange['contents']): void => {
  if (isThing(contents)) alter(turn, door, { inside: contents, sensing: turn.state.layout.contentsSensor });
  else if (contents) alter(turn, door, { sensing: false });
};

/** Without power nothing sees it: the controller will look around when it boots. */
const doUnseen = (turn: Turn, door: string, change: DoorChange): void => {
  const { lock, contents, door: position, force: isForced, temperatureC } = change;
  if (lock) alter(turn, door, { lock });
  if (temperatureC !== undefined) alter(turn, door, { temperatureC });
  if (isForced) alter(turn, door, { door: 'open' });
  alterInside(turn, door, contents);
  const catches = doorMemory(turn, door).actual.lock === 'ok';
  if (position) alter(turn, door, { door: position === 'closed' && !catches ? 'ajar' : position });
};

const doSeen = (turn: Turn, door: string, change: DoorChange): void => {
  const isClosed = () => doorMemory(turn, door).actual.door === 'closed';
  if (change.lock) alter(turn, door, { lock: change.lock });
  if (change.force && isClosed()) force(turn, door);
  if (change.contents) sense(turn, door, change, isClosed());
  if (change.door === 'ajar' && doorMemory(turn, door).known.door !== 'ajar') ajar(turn, door);
  if (change.door === 'closed' && !isClosed()) close(turn, door);
  if (change.temperatureC !== undefined) {
    alter(turn, door, { temperatureC: change.temperatureC });
    feel(turn, door);
  }
};

/** `late` at an open door leaves the sensor blind to it; at a closed one it is then that the sensor notices. */
const sense = (turn: Turn, door: string, { contents, late }: DoorChange, isClosed: boolean): void => {
  alterInside(turn, door, contents);
  const { sensorLagMs } = turn.state.layout;
  if (late && !isClosed) return;
  if (late || sensorLagMs === 0) notice(turn, door);
  else remember(turn, { noticeAt: { ...ram(turn).noticeAt, [door]: turn.now.mono + sensorLagMs } });
};
