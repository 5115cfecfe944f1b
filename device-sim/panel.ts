import { config, remember, type Turn } from './turn.ts';
import { isWords, languageOf } from './words.ts';

/** The cloud may send reasons that this bank does not know yet. `when`: the moment that decides. */
export const say = (reason: string, locale: string | undefined, door?: string, when?: string): string =>
  languageOf(locale).words[isWords(reason) ? reason : 'refused'](door, when);

/** As a clock on the wall beside the bank would say it. */
const onTheWall = (at: number, timeZone: string, locale: string | undefined): string =>
  new Intl.DateTimeFormat(languageOf(locale).locale, {
    timeZone,
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  }).format(at);

/** What the screen of the bank shows, until something else is to be said. */
export const panel = (turn: Turn, reason: string, door?: string, at?: number): string => {
  const { locale, timeZone } = config(turn);
  const message = say(reason, locale, door, at === undefined ? undefined : onTheWall(at, timeZone, locale));
  remember(turn, { message });
  return message;
};
