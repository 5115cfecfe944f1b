import type { PageView } from '../view.ts';

type Door = PageView['doors'][string];

const doors = { closed: 'closed', open: 'open', ajar: 'ajar' } as const satisfies Record<
  Door['actual']['door'],
  string
>;

const seen = {
  empty: 'the bank believes it is empty',
  filled: 'the bank believes something is inside',
  unknown: 'the bank cannot see inside',
} as const satisfies Record<Door['contents'], string>;

/** How a door is, in the order one sees it. What the bank believes is said where it differs from what is so. */
export const doorWords = ({ actual, contents, door }: Door, thermalClass = 'ambient'): string[] => [
  doors[actual.door],
  actual.inside === 'filled' ? 'something inside' : 'empty',
  ...(contents === actual.inside ? [] : [seen[contents]]),
  ...(door === actual.door ? [] : [`the bank believes it is ${door}`]),
  ...(actual.lock === 'jammed' ? ['lock jammed'] : []),
  ...(thermalClass === 'ambient' ? [] : [thermalClass]),
];

export type Fact = { text: string; mood: 'good' | 'bad' | 'plain' };

/** What one has to know of the bank as a whole. */
export const factsOf = ({ online, power, link, journal, timeKnown, keypadLockedUntil }: PageView): Fact[] => [
  power ? { text: 'Power on', mood: 'good' } : { text: 'No power', mood: 'bad' },
  online
    ? { text: 'Online', mood: 'good' }
    : { text: link.online && power ? 'Trying to connect' : 'Offline', mood: 'bad' },
  ...(power && !timeKnown ? [{ text: 'The cloud has not told it the time', mood: 'bad' } as const] : []),
  ...(keypadLockedUntil ? [{ text: `Keypad locked until ${clock(keypadLockedUntil)}`, mood: 'bad' } as const] : []),
  journal.unacknowledged === 0
    ? { text: 'The cloud knows everything', mood: 'plain' }
    : { text: `Not confirmed by the cloud: ${journal.unacknowledged}`, mood: 'plain' },
];

/** The time of day in UTC, to the second. */
export const clock = (instant: string | number): string => new Date(instant).toISOString().slice(11, 19);

export type Entry = PageView['recent'][number];

/** What an entry of the journal tells, in a few words. */
export const entryWords = (entry: Entry): string => {
  const more = [
    'reason' in entry ? entry.reason?.replaceAll('_', ' ') : undefined,
    'method' in entry ? entry.method : undefined,
    'temperatureC' in entry ? `${entry.temperatureC} °C` : undefined,
  ].filter((it) => it !== undefined && it !== null);
  const what = entry.type.replace('.', ' ').replaceAll('_', ' ');
  return more.length === 0 ? what : `${what}: ${more.join(', ')}`;
};

export const doorOf = (entry: Entry): string => ('door' in entry ? (entry.door ?? '') : '');
