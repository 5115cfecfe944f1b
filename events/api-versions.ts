import type { EventType } from './catalogue.ts';
import type { Envelope } from './envelope.ts';

/** An event as somebody is told it: as it is recorded, or in the shape of an older version. */
export type ToldEvent = Record<string, unknown> & Pick<Envelope, 'type' | 'data'>;

/**
 * How an event as one version tells it is told to those who were made for the version before. It gets what was recorded
 * before its version came as well, which has the older shape already.
 */
type Undo = (event: ToldEvent) => ToldEvent;

export type ApiVersionRow = {
  /** What is told otherwise from this version on, in words for those who receive it. */
  brings: string;
  /** For those of the version before, by type; `*` is for the envelope of all of them. */
  undo: Partial<Record<EventType | '*', Undo>>;
};

/** The version of who has said nothing of it: there was no other when they began. */
export const firstApiVersion = '2026-11-01';

/**
 * What events look like to who receives them, by the day from which it is so. A new field, or a new type, is no new
 * version; a field that is renamed or goes is one: a row of its own, which says how it is undone.
 */
export const apiVersions: Record<string, ApiVersionRow> = {
  [firstApiVersion]: { brings: 'The first.', undo: {} },
};

/** The oldest first. */
export const knownApiVersions = (): string[] => Object.keys(apiVersions).toSorted();

export const newestApiVersion = (): string => knownApiVersions().at(-1) ?? firstApiVersion;

const undone = (event: ToldEvent, { undo }: ApiVersionRow): ToldEvent => {
  const ofType = undo[event.type as EventType]?.(event) ?? event;
  return undo['*']?.(ofType) ?? ofType;
};

/**
 * An event as those are told it who were made for a version, and which version that is: where theirs is served no more,
 * the oldest that is, which differs least.
 */
export const toldAs = (apiVersion: string, event: Envelope): { apiVersion: string; event: ToldEvent } => {
  const served = knownApiVersions().find((it) => it >= apiVersion) ?? newestApiVersion();
  const later = Object.entries(apiVersions)
    .filter(([version]) => version > served)
    .toSorted(([one], [other]) => (one > other ? -1 : 1));
  return { apiVersion: served, event: later.reduce<ToldEvent>((it, [, row]) => undone(it, row), event) };
};
