import type { Step } from './access.ts';
import { sameVerifier } from './verifier.ts';

/*
 * What a door's entry says of the label of what is put in: the first letters of the steps at which it must be scanned, a blank,
 * and its verifier as a barcode. One short string, because full grants leave 300 bytes of a shadow for 8 doors.
 */

const letters: Partial<Record<Step, string>> = { deposit: 'd', pickup: 'p' };

export const labelText = (verifier: string, steps: readonly string[]): string => {
  const named = Object.entries(letters).filter(([step]) => steps.includes(step));
  return `${named.map(([, letter]) => letter).join('')} ${verifier}`;
};

export const mustScan = (label: string | undefined, step: Step): boolean => {
  const [steps = ''] = label?.split(' ') ?? [];
  const letter = letters[step];
  return letter !== undefined && steps.includes(letter);
};

export const isLabel = (label: string | undefined, verifier: string): boolean => {
  const [, known] = label?.split(' ') ?? [];
  return known !== undefined && sameVerifier(known, verifier);
};
