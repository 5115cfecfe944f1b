import * as z from 'zod';

/*
 * What fields are made of, made once: a schema is an object with its own methods, and each costs every cold start some
 * fifty microseconds, whether it is ever asked or not.
 */

export const text = z.string();
export const maybeText = text.optional();
export const textOrNull = text.nullable();
export const whole = z.int();
export const count = whole.nonnegative();
export const positive = whole.positive();
export const yesNo = z.boolean();
/** A moment as we store and send it: UTC, always with milliseconds. */
export const moment = z.iso.datetime({ precision: 3 });
export const maybeMoment = moment.optional();
export const momentOrNull = moment.nullable();
