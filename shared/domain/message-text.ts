import type { AccessMethod } from '../device/access.ts';
import type { MessageKind } from './message.ts';
import { smsParts } from './sms-parts.ts';
import { epochMs, type Instant } from './time.ts';

/**
 * What may stand in a text as `{{name}}`. `code`: how they open, in a sentence · `pin`: the PIN alone, and that sentence for
 * whoever has none · `link`: to the page of whoever is told · `brand`: who tells them · `support`: whom they may ask.
 */
export const variableNames = ['place', 'door', 'code', 'pin', 'until', 'link', 'brand', 'support'] as const;
export type VariableName = (typeof variableNames)[number];
export type Variables = Record<VariableName, string>;

/** `brief`: what an SMS says where that makes one part of several. */
export type Texts = { sms: string; brief?: string; subject: string; email: string };

export type Language = 'en' | 'de';

/**
 * What people are told, by the language of their locale. In the letters of GSM 03.38 as far as we choose them: one letter
 * outside it halves what fits into an SMS.
 */
export const texts = {
  item_waits: {
    en: {
      sms: 'Your item is at {{place}}, door {{door}}. {{code}} Please collect it by {{until}}. {{link}}',
      brief: '{{place}}, door {{door}}. {{code}} {{link}}',
      subject: 'Your item waits for you at {{place}}',
      email: 'Your item is at {{place}}, door {{door}}.\n\n{{code}}\n\nPlease collect it by {{until}}.\n\n{{link}}\n',
    },
    de: {
      sms: 'Ihre Sendung liegt bereit: {{place}}, Fach {{door}}. {{code}} Bitte abholen bis {{until}}. {{link}}',
      brief: '{{place}}, Fach {{door}}. {{code}} {{link}}',
      subject: 'Ihre Sendung liegt bereit: {{place}}',
      email:
        'Ihre Sendung liegt bereit: {{place}}, Fach {{door}}.\n\n{{code}}\n\nBitte abholen bis {{until}}.\n\n{{link}}\n',
    },
  },
  pickup_due: {
    en: {
      sms: 'Reminder: your item waits at {{place}}, door {{door}}, until {{until}}. {{code}} {{link}}',
      brief: 'Reminder: {{place}}, door {{door}}. {{code}} {{link}}',
      subject: 'Reminder: your item waits at {{place}}',
      email:
        'Your item still waits for you at {{place}}, door {{door}}.\n\n{{code}}\n\nPlease collect it by {{until}}.\n\n{{link}}\n',
    },
    de: {
      sms: 'Erinnerung: Ihre Sendung liegt bis {{until}} bereit: {{place}}, Fach {{door}}. {{code}} {{link}}',
      brief: 'Erinnerung: {{place}}, Fach {{door}}. {{code}} {{link}}',
      subject: 'Erinnerung: Ihre Sendung liegt bereit: {{place}}',
      email:
        'Ihre Sendung liegt noch bereit: {{place}}, Fach {{door}}.\n\n{{code}}\n\nBitte abholen bis {{until}}.\n\n{{link}}\n',
    },
  },
  loan_ready: {
    en: {
      sms: 'You can collect what you borrow at {{place}}, door {{door}}. {{code}} Please do so by {{until}}. {{link}}',
      brief: '{{place}}, door {{door}}. {{code}} {{link}}',
      subject: 'What you borrow waits for you at {{place}}',
      email:
        'You can collect what you borrow at {{place}}, door {{door}}.\n\n{{code}}\n\nPlease do so by {{until}}.\n\n{{link}}\n',
    },
    de: {
      sms: 'Ihre Leihe liegt bereit: {{place}}, Fach {{door}}. {{code}} Bitte abholen bis {{until}}. {{link}}',
      brief: '{{place}}, Fach {{door}}. {{code}} {{link}}',
      subject: 'Ihre Leihe liegt bereit: {{place}}',
      email:
        'Ihre Leihe liegt bereit: {{place}}, Fach {{door}}.\n\n{{code}}\n\nBitte abholen bis {{until}}.\n\n{{link}}\n',
    },
  },
  loan_runs: {
    en: {
      sms: 'Please bring back what you have borrowed to {{place}}, door {{door}}, by {{until}}. {{code}} {{link}}',
      brief: 'Back to {{place}}, door {{door}}. {{code}} {{link}}',
      subject: 'To be brought back to {{place}}',
      email:
        'Please bring back what you have borrowed to {{place}}, door {{door}}, by {{until}}.\n\n{{code}}\n\n{{link}}\n',
    },
    de: {
      sms: 'Bitte bringen Sie Ihre Leihe bis {{until}} zurück: {{place}}, Fach {{door}}. {{code}} {{link}}',
      brief: 'Zurück an {{place}}, Fach {{door}}. {{code}} {{link}}',
      subject: 'Ihre Leihe: zurück an {{place}}',
      email: 'Bitte bringen Sie Ihre Leihe bis {{until}} zurück: {{place}}, Fach {{door}}.\n\n{{code}}\n\n{{link}}\n',
    },
  },
  loan_due: {
    en: {
      sms: 'Reminder: please bring back what you have borrowed to {{place}}, door {{door}}, by {{until}}. {{code}} {{link}}',
      brief: 'Back soon to {{place}}, door {{door}}. {{code}} {{link}}',
      subject: 'Reminder: to be brought back to {{place}}',
      email:
        'Please bring back what you have borrowed to {{place}}, door {{door}}, by {{until}}. It is soon due.\n\n{{code}}\n\n{{link}}\n',
    },
    de: {
      sms: 'Erinnerung: Bitte bringen Sie Ihre Leihe bis {{until}} zurück: {{place}}, Fach {{door}}. {{code}} {{link}}',
      brief: 'Bald zurück an {{place}}, Fach {{door}}. {{code}} {{link}}',
      subject: 'Erinnerung: Ihre Leihe zurück an {{place}}',
      email:
        'Ihre Leihe ist bald fällig: bitte bringen Sie sie bis {{until}} zurück: {{place}}, Fach {{door}}.\n\n{{code}}\n\n{{link}}\n',
    },
  },
  loan_overdue: {
    en: {
      sms: 'What you have borrowed was due by {{until}}. Please bring it back to {{place}}, door {{door}}. {{code}} {{link}}',
      brief: 'Overdue: {{place}}, door {{door}}. {{code}} {{link}}',
      subject: 'Overdue: please bring it back to {{place}}',
      email:
        'What you have borrowed was due by {{until}}. Please bring it back to {{place}}, door {{door}}.\n\n{{code}}\n\n{{link}}\n',
    },
    de: {
      sms: 'Ihre Leihe war bis {{until}} fällig. Bitte bringen Sie sie zurück: {{place}}, Fach {{door}}. {{code}} {{link}}',
      brief: 'Überfällig: {{place}}, Fach {{door}}. {{code}} {{link}}',
      subject: 'Überfällig: bitte zurück an {{place}}',
      email:
        'Ihre Leihe war bis {{until}} fällig. Bitte bringen Sie sie zurück: {{place}}, Fach {{door}}.\n\n{{code}}\n\n{{link}}\n',
    },
  },
  rental_ready: {
    en: {
      sms: 'Door {{door}} at {{place}} is yours. {{code}} Please begin by {{until}}. {{link}}',
      brief: '{{place}}, door {{door}}. {{code}} {{link}}',
      subject: 'Your door at {{place}}',
      email: 'Door {{door}} at {{place}} is yours.\n\n{{code}}\n\nPlease begin by {{until}}.\n\n{{link}}\n',
    },
    de: {
      sms: 'Fach {{door}} bei {{place}} gehört Ihnen. {{code}} Bitte beginnen bis {{until}}. {{link}}',
      brief: '{{place}}, Fach {{door}}. {{code}} {{link}}',
      subject: 'Ihr Fach bei {{place}}',
      email: 'Fach {{door}} bei {{place}} gehört Ihnen.\n\n{{code}}\n\nBitte beginnen bis {{until}}.\n\n{{link}}\n',
    },
  },
  rental_runs: {
    en: {
      sms: 'Door {{door}} at {{place}} is yours until {{until}}. {{code}} {{link}}',
      brief: '{{place}}, door {{door}}. {{code}} {{link}}',
      subject: 'Your door at {{place}}',
      email: 'Door {{door}} at {{place}} is yours until {{until}}.\n\n{{code}}\n\n{{link}}\n',
    },
    de: {
      sms: 'Fach {{door}} bei {{place}} gehört Ihnen bis {{until}}. {{code}} {{link}}',
      brief: '{{place}}, Fach {{door}}. {{code}} {{link}}',
      subject: 'Ihr Fach bei {{place}}',
      email: 'Fach {{door}} bei {{place}} gehört Ihnen bis {{until}}.\n\n{{code}}\n\n{{link}}\n',
    },
  },
  rental_ending: {
    en: {
      sms: 'Your time for door {{door}} at {{place}} ends soon: {{until}}. {{code}} {{link}}',
      brief: 'Ends soon: {{place}}, door {{door}}. {{code}} {{link}}',
      subject: 'Your time at {{place}} ends soon',
      email: 'Your time for door {{door}} at {{place}} ends soon: {{until}}.\n\n{{code}}\n\n{{link}}\n',
    },
    de: {
      sms: 'Ihre Zeit für Fach {{door}} bei {{place}} endet bald: {{until}}. {{code}} {{link}}',
      brief: 'Endet bald: {{place}}, Fach {{door}}. {{code}} {{link}}',
      subject: 'Ihre Zeit bei {{place}} endet bald',
      email: 'Ihre Zeit für Fach {{door}} bei {{place}} endet bald: {{until}}.\n\n{{code}}\n\n{{link}}\n',
    },
  },
  rental_overdue: {
    en: {
      sms: 'Your time for door {{door}} at {{place}} was over by {{until}}. Please empty it. {{code}} {{link}}',
      brief: 'Time is over: {{place}}, door {{door}}. {{code}} {{link}}',
      subject: 'Your time at {{place}} is over',
      email:
        'Your time for door {{door}} at {{place}} was over by {{until}}. Please empty it.\n\n{{code}}\n\n{{link}}\n',
    },
    de: {
      sms: 'Ihre Zeit für Fach {{door}} bei {{place}} war bis {{until}} um. Bitte leeren Sie es. {{code}} {{link}}',
      brief: 'Zeit ist um: {{place}}, Fach {{door}}. {{code}} {{link}}',
      subject: 'Ihre Zeit bei {{place}} ist um',
      email:
        'Ihre Zeit für Fach {{door}} bei {{place}} war bis {{until}} um. Bitte leeren Sie es.\n\n{{code}}\n\n{{link}}\n',
    },
  },
  delegated: {
    en: {
      sms: 'You may open door {{door}} at {{place}} for somebody else. {{code}} Until {{until}}. {{link}}',
      brief: '{{place}}, door {{door}}. {{code}} {{link}}',
      subject: 'You may open a door at {{place}}',
      email: 'You may open door {{door}} at {{place}} for somebody else.\n\n{{code}}\n\nUntil {{until}}.\n\n{{link}}\n',
    },
    de: {
      sms: 'Sie dürfen für jemand anderen Fach {{door}} bei {{place}} öffnen. {{code}} Bis {{until}}. {{link}}',
      brief: '{{place}}, Fach {{door}}. {{code}} {{link}}',
      subject: 'Sie dürfen ein Fach bei {{place}} öffnen',
      email:
        'Sie dürfen für jemand anderen Fach {{door}} bei {{place}} öffnen.\n\n{{code}}\n\nBis {{until}}.\n\n{{link}}\n',
    },
  },
  taken_back: {
    en: {
      sms: 'You need not go to {{place}} any more: what you were given opens nothing now.',
      subject: 'You need not go to {{place}} any more',
      email: 'You need not go to {{place}} any more: what you were given opens nothing now.\n',
    },
    de: {
      sms: 'Der Weg zu {{place}} hat sich erledigt: Sie können dort nichts mehr öffnen.',
      subject: 'Der Weg zu {{place}} hat sich erledigt',
      email: 'Der Weg zu {{place}} hat sich erledigt: Sie können dort nichts mehr öffnen.\n',
    },
  },
} as const satisfies Record<MessageKind, Record<Language, Texts>>;

/** How they open, by the method of their credential. */
const codes = {
  en: {
    pin: (value) => `PIN: ${value}.`,
    operator: (value) => `Code: ${value}.`,
    qr: () => 'Scan your QR code.',
    app: () => 'Open it with your app.',
    badge: () => 'Open it with your badge.',
    barcode: () => 'Scan the label of your order.',
  },
  de: {
    pin: (value) => `PIN: ${value}.`,
    operator: (value) => `Code: ${value}.`,
    qr: () => 'Zum Öffnen Ihren QR-Code scannen.',
    app: () => 'Zum Öffnen die App benutzen.',
    badge: () => 'Zum Öffnen den Ausweis benutzen.',
    barcode: () => 'Zum Öffnen das Etikett der Bestellung scannen.',
  },
} as const satisfies Record<Language, Record<AccessMethod, (value: string) => string>>;

export const isLanguage = (locale: string): locale is Language => locale === 'en' || locale === 'de';

/** English for all who speak neither. */
export const languageOf = (locale: string): Language => (locale.startsWith('de') ? 'de' : 'en');

export const codeText = (language: Language, method: AccessMethod, value: string): string =>
  codes[language][method](value);

/** Whose value is typed. */
export const isTyped = (method: AccessMethod): boolean => method === 'pin' || method === 'operator';

/** Hours to 24 in English. Some languages come with spaces that GSM 03.38 lacks. */
export const momentText = (locale: string, at: Instant, timeZone: string): string =>
  new Intl.DateTimeFormat(locale === 'en' ? 'en-GB' : locale, {
    timeZone,
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  })
    .format(epochMs(at))
    .replaceAll(/\s/g, ' ');

type Piece = { text: string } | { name: VariableName };

/** A text in pieces: what stands there, and what is put in by name. */
export const piecesOf = (text: string): Piece[] =>
  text.split(/(\{\{\w+\}\})/).flatMap((piece): Piece[] => {
    const name = variableNames.find((it) => piece === `{{${it}}}`);
    if (name !== undefined) return [{ name }];
    return piece === '' ? [] : [{ text: piece }];
  });

/** What was put in is not looked at again: a place may be called `{{code}}`. */
export const filledIn = (text: string, variables: Variables): string =>
  piecesOf(text)
    .map((it) => ('name' in it ? variables[it.name] : it.text))
    .join('');

/** The text that an SMS is made of: the brief one where that makes one part of several. */
export const shorterOf = (text: string, brief: string | null, variables: Variables): string => {
  const isBrief =
    brief !== null && smsParts(filledIn(text, variables)) > 1 && smsParts(filledIn(brief, variables)) === 1;
  return isBrief ? brief : text;
};

/** The words of an SMS. */
export const smsText = (text: string, brief: string | null, variables: Variables): string =>
  filledIn(shorterOf(text, brief, variables), variables);
