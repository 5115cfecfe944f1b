import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';

/** A moment: RFC 3339, UTC, always with milliseconds, so that comparing strings compares times. */
export type Instant = string;

/** Any RFC 3339 time with its offset, as callers send it; normalised to an `Instant`. */
export const InstantInput = once(() =>
  z.iso.datetime({ offset: true }).transform((text) => new Date(text).toISOString()),
);

/** An `Instant`, as we store and answer it. */
export const InstantText = field.moment;

export const instant = (epochMs: number): Instant => new Date(epochMs).toISOString();
export const epochMs = (at: Instant): number => Date.parse(at);
export const plusSeconds = (at: Instant, seconds: number): Instant => instant(epochMs(at) + seconds * 1000);
export const earlier = (a: Instant, b: Instant): Instant => (a < b ? a : b);
export const later = (a: Instant, b: Instant): Instant => (a > b ? a : b);
/** Whole seconds, rounded up: a bank or a schedule acts never before the moment meant. */
export const epochSecondsUp = (at: Instant): number => Math.ceil(epochMs(at) / 1000);
