import * as z from 'zod';

/** The first attempt and one after each wait: what a list of attempts is meant to hold. */
export const waitsMost = 9;

/** Seconds before each further attempt, as the stack's setting says them: `5,300,1800`. */
export const parseWaits = (text: string): number[] =>
  z.array(z.coerce.number().positive()).min(1).max(waitsMost).parse(text.split(','));
