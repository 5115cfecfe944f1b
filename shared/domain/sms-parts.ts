/** GSM 03.38 without the letters that ASCII has too: a letter or digit of it takes 7 bits. */
const others = '£¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà';
/** Those of ASCII that it lacks, or has only behind an escape, which counts as a letter of its own. */
const lacking = '`';
const escaped = '^{}\\[~]|€';

const isPlain = (letter: string): boolean =>
  others.includes(letter) || (/^[\x20-\x7e]$/.test(letter) && !lacking.includes(letter) && !escaped.includes(letter));

/**
 * In how many parts a text goes out, each billed as a message: 140 bytes, of which several belonging together lose six to
 * say so. One letter outside GSM 03.38 makes all of it UCS-2, two bytes a letter (docs.aws.amazon.com/sns, SMS character
 * limits).
 */
export const smsParts = (text: string): number => {
  const letters = [...text];
  const isGsm = letters.every((it) => isPlain(it) || escaped.includes(it));
  const units = isGsm ? letters.reduce((sum, it) => sum + (isPlain(it) ? 1 : 2), 0) : text.length;
  const [alone, together] = isGsm ? [160, 153] : [70, 67];
  return units <= alone ? 1 : Math.ceil(units / together);
};
