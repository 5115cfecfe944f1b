import * as z from 'zod';
import { eventTypes } from '../../events/catalogue.ts';
import { once } from '../../events/once.ts';
import { wrongType } from '../domain/wanted-types.ts';

const entities = [...new Set(eventTypes.map((type) => type.slice(0, type.indexOf('.'))))];

/** Types of events, and all types of an entity. */
export const wantedTypes = [...eventTypes, ...entities.map((it) => `${it}.*` as const)];

/** One type of event, as a caller names it. */
export const EventTypeInput = once(() => z.enum(eventTypes, { error: ({ input }) => wrongType(input, eventTypes) }));

/** One type, or `<entity>.*` for all types of an entity, those included that come one day. */
export const WantedTypeInput = once(() => z.enum(wantedTypes, { error: ({ input }) => wrongType(input, wantedTypes) }));
