import { describe, expect, it } from 'vitest';
import { smsParts } from '#shared/domain/sms-parts.ts';

describe('an SMS', () => {
  it.each([
    ['160 letters of GSM 03.38', 'a'.repeat(160), 1],
    ['161 of them', 'a'.repeat(161), 2],
    ['306 of them, which are two parts of 153', 'a'.repeat(306), 2],
    ['307 of them', 'a'.repeat(307), 3],
    ['letters that we know from German, French and Greek', 'äöüÄÖÜßéèàΔ§'.repeat(13), 1],
    ['80 letters behind an escape, which take two places each', '€'.repeat(80), 1],
    ['81 of those', '['.repeat(81), 2],
    ['70 with one letter that GSM 03.38 lacks', `ç${'a'.repeat(69)}`, 1],
    ['71 with one letter that GSM 03.38 lacks', `ç${'a'.repeat(70)}`, 2],
    ['135 with one letter that GSM 03.38 lacks', `ł${'a'.repeat(134)}`, 3],
    ['35 smileys, which take two places each', '🙂'.repeat(35), 1],
    ['36 smileys', '🙂'.repeat(36), 2],
    ['nothing', '', 1],
  ])('with %s', (_, text, parts) => {
    expect(smsParts(text)).toBe(parts);
  });
});
