import { config, ram, remember, type Turn } from './turn.ts';
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

/** As long as it takes to read a sentence twice. */
export const messageMs = 20_000;

/** What the screen of the bank shows for so long, or until something else is to be said. */
export const panel = (turn: Turn, reason: string, door?: string, at?: number): string => {
  const { locale, timeZone } = config(turn);
  const message = say(reason, locale, door, at === undefined ? undefined : onTheWall(at, timeZone, locale));
  remember(turn, { message, messageUntil: turn.now.mono + messageMs });
  return message;
};

/** Whoever comes next is greeted, and not told what became of the last one. */
export const tickPanel = (turn: Turn): void => {
  const { messageUntil } = ram(turn);
  if (messageUntil === null || messageUntil > turn.now.mono) return;
  remember(turn, { message: say('idle', config(turn).locale), messageUntil: null });
};
