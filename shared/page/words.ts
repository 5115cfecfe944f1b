import type { CommandState } from '../domain/command.ts';
import type { Situation, Task } from '../domain/pickup.ts';

/** What came of what somebody did on the page. */
export const notices = [
  'handed_on',
  'back',
  'wrong_presence_code',
  'presence_locked',
  'door_busy',
  'changed',
  'not_possible',
  'not_a_name',
  'not_a_phone',
  'not_an_email',
  'busy',
] as const;
export type Notice = (typeof notices)[number];

/** What became of a door that somebody wanted open. */
export type Opening = 'under_way' | 'open' | 'closed' | 'not_opened';

export const openingOf = {
  queued: 'under_way',
  sent: 'under_way',
  acknowledged: 'under_way',
  opened: 'open',
  closed: 'closed',
  rejected: 'not_opened',
  failed: 'not_opened',
  timed_out: 'not_opened',
  superseded: 'not_opened',
} as const satisfies Record<CommandState, Opening>;

/** `ready`: it is to be done · `ahead`: something else comes first · `done`: it was. */
type TaskWords = { ready: string; what: string; ahead: string; done: string };

export type Words = {
  lang: string;
  /** Of dates: hours to 24. */
  dates: string;
  tasks: Record<Task, TaskWords>;
  /** Title and text; those that a task says in its own words have none. */
  situations: Record<Exclude<Situation, 'ready' | 'ahead' | 'done' | 'completed'>, { title: string; text: string }>;
  notices: Record<Notice, string>;
  openings: Record<Opening, (door: string) => string>;
  door: (door: string) => string;
  at: string;
  map: string;
  from: string;
  until: string;
  dueBack: string;
  awaitedBy: string;
  overdue: string;
  offline: string;
  scan: string;
  left: string;
  opensIn: string;
  over: string;
  onYourClock: string;
  howToOpen: string;
  showPin: string;
  pinHint: string;
  qr: string;
  qrHint: string;
  badge: string;
  barcode: string;
  openByPhone: string;
  openHint: string;
  code: string;
  open: (door: string) => string;
  isOpening: string;
  noAnswer: string;
  look: string;
  handOn: string;
  handOnHint: string;
  name: string;
  phone: string;
  email: string;
  optional: string;
  handOnNow: string;
  handedOnTo: string;
  somebody: string;
  theirLink: string;
  sendBySms: string;
  theirPin: string;
  takeBack: string;
  help: string;
  call: string;
  write: string;
  helpHint: string;
  gone: { title: string; text: string };
  failed: { title: string; text: string };
};

const en: Words = {
  lang: 'en',
  dates: 'en-GB',
  tasks: {
    hand_in: {
      ready: 'Your door is ready',
      what: 'Open it, put everything in and close it.',
      ahead: 'Your door is not ready yet',
      done: 'You have put it in. Thank you!',
    },
    parcel: {
      ready: 'Your parcel is here',
      what: 'Open the door, take your parcel out and close the door.',
      ahead: 'Your parcel is not here yet',
      done: 'Your parcel has been picked up',
    },
    order: {
      ready: 'Your order is here',
      what: 'Open the door, take your order out and close the door.',
      ahead: 'Your order is not here yet',
      done: 'Your order has been picked up',
    },
    release: {
      ready: 'Something is here for you',
      what: 'Open the door, take everything out and close the door.',
      ahead: 'It is not here for you yet',
      done: 'It has been picked up',
    },
    return: {
      ready: 'The return is here',
      what: 'Open the door, take the return out and close the door.',
      ahead: 'The return is not here yet',
      done: 'The return has been picked up',
    },
    borrow: {
      ready: 'What you borrow is here',
      what: 'Open the door, take it out and close the door.',
      ahead: 'What you borrow is not here yet',
      done: 'You have borrowed it',
    },
    bring_back: {
      ready: 'Please bring it back',
      what: 'Open the door, put everything back and close the door.',
      ahead: 'It cannot be brought back yet',
      done: 'You have brought it back. Thank you!',
    },
    rent: {
      ready: 'The door is yours',
      what: 'Open it as often as you like until your time ends. Close it each time.',
      ahead: 'The door is not yours yet',
      done: 'Your time has ended',
    },
  },
  situations: {
    no_door_yet: {
      title: 'You are waiting for a door',
      text: 'All doors are taken. Yours will be shown here as soon as there is one.',
    },
    too_early: { title: 'It is too early', text: 'The door opens for you from the time below.' },
    delegated: {
      title: 'Somebody else picks it up',
      text: 'You have handed this on. Until you take it back, the door does not open for you.',
    },
    on_hold: { title: 'On hold', text: 'The sender has stopped this for now. Please ask them.' },
    moving: {
      title: 'It is being moved to another door',
      text: 'Please come back in a little while. The new door will be shown here.',
    },
    payment_pending: { title: 'Not paid yet', text: 'The door opens once it is paid. Please pay the sender.' },
    approval_pending: { title: 'Not approved yet', text: 'The door opens once somebody has approved it.' },
    identity_unconfirmed: {
      title: 'Your identity is not confirmed yet',
      text: 'The door opens once it is. Please do what the sender has asked you to.',
    },
    age_unconfirmed: {
      title: 'Your age is not confirmed yet',
      text: 'The door opens once it is. Please do what the sender has asked you to.',
    },
    too_late: { title: 'It is too late', text: 'The time has passed, and the door does not open any more.' },
    replaced: {
      title: 'This does not open the door any more',
      text: 'If you have had a newer message, use what it says.',
    },
    taken_back: { title: 'It is being taken back', text: 'The door does not open for you any more.' },
    cancelled: { title: 'Cancelled', text: 'There is nothing left to do here.' },
    expired: { title: 'The time has passed', text: 'The door was given to somebody else.' },
    recalled: { title: 'It was taken back', text: 'It is no longer behind the door.' },
    rejected: { title: 'There is no door', text: 'Your request could not be met.' },
  },
  notices: {
    handed_on: 'Handed on. Now send the link below to whoever goes for you.',
    back: 'You have taken it back. Only you can open the door now.',
    wrong_presence_code: 'The bank does not show this code now. It changes every half minute: please try the new one.',
    presence_locked:
      'Too many wrong codes. Within this hour the door cannot be opened from here; at the bank itself it can.',
    door_busy: 'The door is opening already.',
    changed: 'Something has changed meanwhile. Please look again.',
    not_possible: 'That is not possible now.',
    not_a_name: 'Please say who goes for you, in at most 120 letters.',
    not_a_phone: 'Please write the phone number with its country, for example +41 79 123 45 67.',
    not_an_email: 'This is not an e-mail address.',
    busy: 'That did not work. Please try again in a moment.',
  },
  openings: {
    under_way: (door) => `Door ${door} is about to open …`,
    open: (door) => `Door ${door} is open`,
    closed: (door) => `Door ${door} was opened and is closed again`,
    not_opened: (door) => `Door ${door} did not open. Please try again, or use the keypad.`,
  },
  door: (door) => `Door ${door}`,
  at: 'Where',
  map: 'Show on a map',
  from: 'From',
  until: 'Until',
  dueBack: 'Due back',
  awaitedBy: 'Expected by',
  overdue: 'It is overdue. Please bring it back now: the door still opens.',
  offline: 'The bank has no network right now. Its keypad and scanner work all the same; opening from here does not.',
  scan: 'At the door the label has to be scanned.',
  left: '{time} left',
  opensIn: 'in {time}',
  over: 'The time has passed. Reload this page.',
  onYourClock: '{clock} on your clock',
  howToOpen: 'How to open',
  showPin: 'Show PIN',
  pinHint: 'Type it at the keypad of the bank.',
  qr: 'QR code',
  qrHint: 'Hold it in front of the scanner of the bank.',
  badge: 'Hold your badge in front of the reader of the bank.',
  barcode: 'Scan the label of your order at the bank.',
  openByPhone: 'Open from here',
  openHint: 'You stand before the bank? Type the six digits that its screen shows.',
  code: 'Six digits on the screen',
  open: (door) => `Open door ${door}`,
  isOpening: 'Opening …',
  noAnswer: 'No answer. Please try again.',
  look: 'See whether it has opened',
  handOn: 'Somebody else goes for you?',
  handOnHint: 'They get a PIN and a page of their own. Your own codes open nothing meanwhile; you can take it back.',
  name: 'Name',
  phone: 'Mobile number',
  email: 'E-mail',
  optional: 'optional',
  handOnNow: 'Hand it on',
  handedOnTo: 'Goes for you',
  somebody: 'Somebody else',
  theirLink: 'Their page',
  sendBySms: 'Send it by SMS',
  theirPin: 'Show their PIN',
  takeBack: 'Take it back',
  help: 'Need help?',
  call: 'Call',
  write: 'Write to',
  helpHint: 'Please ask whoever has sent you this link.',
  gone: {
    title: 'This link leads nowhere',
    text: 'It is not right, or it is no longer valid. If you have had a newer message, use the link in that one.',
  },
  failed: { title: 'That did not work', text: 'Please try again in a moment.' },
};

const de: Words = {
  lang: 'de',
  dates: 'de-DE',
  tasks: {
    hand_in: {
      ready: 'Ihr Fach ist bereit',
      what: 'Fach öffnen, alles hineinlegen, Tür schließen.',
      ahead: 'Ihr Fach ist noch nicht bereit',
      done: 'Sie haben es eingelegt. Vielen Dank!',
    },
    parcel: {
      ready: 'Ihr Paket ist da',
      what: 'Fach öffnen, Paket herausnehmen, Tür schließen.',
      ahead: 'Ihr Paket ist noch nicht da',
      done: 'Ihr Paket wurde abgeholt',
    },
    order: {
      ready: 'Ihre Bestellung ist da',
      what: 'Fach öffnen, Bestellung herausnehmen, Tür schließen.',
      ahead: 'Ihre Bestellung ist noch nicht da',
      done: 'Ihre Bestellung wurde abgeholt',
    },
    release: {
      ready: 'Für Sie liegt etwas bereit',
      what: 'Fach öffnen, alles herausnehmen, Tür schließen.',
      ahead: 'Für Sie liegt noch nichts bereit',
      done: 'Es wurde abgeholt',
    },
    return: {
      ready: 'Die Rücksendung ist da',
      what: 'Fach öffnen, Rücksendung herausnehmen, Tür schließen.',
      ahead: 'Die Rücksendung ist noch nicht da',
      done: 'Die Rücksendung wurde abgeholt',
    },
    borrow: {
      ready: 'Ihre Leihe liegt bereit',
      what: 'Fach öffnen, alles herausnehmen, Tür schließen.',
      ahead: 'Ihre Leihe liegt noch nicht bereit',
      done: 'Sie haben es ausgeliehen',
    },
    bring_back: {
      ready: 'Bitte zurückbringen',
      what: 'Fach öffnen, alles zurücklegen, Tür schließen.',
      ahead: 'Es kann noch nicht zurückgebracht werden',
      done: 'Sie haben es zurückgebracht. Vielen Dank!',
    },
    rent: {
      ready: 'Das Fach gehört Ihnen',
      what: 'Bis Ihre Zeit endet, öffnen Sie es, so oft Sie wollen. Bitte jedes Mal schließen.',
      ahead: 'Das Fach gehört Ihnen noch nicht',
      done: 'Ihre Zeit ist zu Ende',
    },
  },
  situations: {
    no_door_yet: {
      title: 'Sie warten auf ein Fach',
      text: 'Alle Fächer sind belegt. Sobald eines frei ist, steht es hier.',
    },
    too_early: { title: 'Es ist noch zu früh', text: 'Das Fach öffnet sich für Sie ab der Zeit, die unten steht.' },
    delegated: {
      title: 'Jemand anderes holt es ab',
      text: 'Sie haben die Abholung weitergegeben. Bis Sie sie zurücknehmen, öffnet sich das Fach für Sie nicht.',
    },
    on_hold: {
      title: 'Angehalten',
      text: 'Der Absender hat die Abholung vorerst angehalten. Bitte fragen Sie dort nach.',
    },
    moving: {
      title: 'Es kommt gerade in ein anderes Fach',
      text: 'Bitte schauen Sie in Kürze wieder nach. Das neue Fach steht dann hier.',
    },
    payment_pending: {
      title: 'Noch nicht bezahlt',
      text: 'Das Fach öffnet sich, sobald bezahlt ist. Bitte bezahlen Sie beim Absender.',
    },
    approval_pending: {
      title: 'Noch nicht freigegeben',
      text: 'Das Fach öffnet sich, sobald jemand es freigegeben hat.',
    },
    identity_unconfirmed: {
      title: 'Ihre Identität ist noch nicht bestätigt',
      text: 'Danach öffnet sich das Fach. Bitte tun Sie, worum der Absender Sie gebeten hat.',
    },
    age_unconfirmed: {
      title: 'Ihr Alter ist noch nicht bestätigt',
      text: 'Danach öffnet sich das Fach. Bitte tun Sie, worum der Absender Sie gebeten hat.',
    },
    too_late: { title: 'Es ist zu spät', text: 'Die Frist ist abgelaufen, das Fach öffnet sich nicht mehr.' },
    replaced: {
      title: 'Das Fach öffnet sich damit nicht mehr',
      text: 'Wenn Sie eine neuere Nachricht haben, gilt, was darin steht.',
    },
    taken_back: { title: 'Es wird zurückgenommen', text: 'Das Fach öffnet sich für Sie nicht mehr.' },
    cancelled: { title: 'Abgesagt', text: 'Hier ist nichts mehr zu tun.' },
    expired: { title: 'Die Frist ist abgelaufen', text: 'Das Fach wurde anderweitig vergeben.' },
    recalled: { title: 'Es wurde zurückgenommen', text: 'Es liegt nicht mehr im Fach.' },
    rejected: { title: 'Es gibt kein Fach', text: 'Ihre Anfrage konnte nicht erfüllt werden.' },
  },
  notices: {
    handed_on: 'Weitergegeben. Senden Sie jetzt den Link unten an die Person, die für Sie geht.',
    back: 'Zurückgenommen. Jetzt öffnen nur noch Sie das Fach.',
    wrong_presence_code:
      'Diesen Code zeigt die Anlage gerade nicht. Er wechselt jede halbe Minute: Bitte nehmen Sie den neuen.',
    presence_locked:
      'Zu viele falsche Codes. In dieser Stunde lässt sich das Fach von hier aus nicht öffnen, an der Anlage selbst schon.',
    door_busy: 'Das Fach öffnet sich bereits.',
    changed: 'Inzwischen hat sich etwas geändert. Bitte schauen Sie noch einmal.',
    not_possible: 'Das geht jetzt nicht.',
    not_a_name: 'Bitte sagen Sie, wer für Sie geht, mit höchstens 120 Zeichen.',
    not_a_phone: 'Bitte schreiben Sie die Nummer mit der Landesvorwahl, zum Beispiel +41 79 123 45 67.',
    not_an_email: 'Das ist keine E-Mail-Adresse.',
    busy: 'Das hat nicht geklappt. Bitte versuchen Sie es gleich noch einmal.',
  },
  openings: {
    under_way: (door) => `Fach ${door} öffnet sich gleich …`,
    open: (door) => `Fach ${door} ist offen`,
    closed: (door) => `Fach ${door} war offen und ist wieder zu`,
    not_opened: (door) => `Fach ${door} ging nicht auf. Bitte noch einmal versuchen oder das Tastenfeld benutzen.`,
  },
  door: (door) => `Fach ${door}`,
  at: 'Wo',
  map: 'Auf der Karte zeigen',
  from: 'Ab',
  until: 'Bis',
  dueBack: 'Zurück bis',
  awaitedBy: 'Erwartet bis',
  overdue: 'Die Frist ist vorbei. Bitte bringen Sie es jetzt zurück: Das Fach öffnet sich noch.',
  offline:
    'Die Anlage hat gerade kein Netz. Tastenfeld und Scanner gehen trotzdem; von hier aus öffnen geht gerade nicht.',
  scan: 'Am Fach ist das Etikett zu scannen.',
  left: 'noch {time}',
  opensIn: 'in {time}',
  over: 'Die Zeit ist um. Bitte die Seite neu laden.',
  onYourClock: '{clock} nach Ihrer Uhr',
  howToOpen: 'So öffnen Sie',
  showPin: 'PIN zeigen',
  pinHint: 'Am Tastenfeld der Anlage eingeben.',
  qr: 'QR-Code',
  qrHint: 'Vor den Scanner der Anlage halten.',
  badge: 'Ihren Ausweis vor den Leser der Anlage halten.',
  barcode: 'Das Etikett Ihrer Bestellung an der Anlage scannen.',
  openByPhone: 'Von hier aus öffnen',
  openHint: 'Sie stehen vor der Anlage? Geben Sie die sechs Ziffern ein, die ihr Bildschirm zeigt.',
  code: 'Sechs Ziffern auf dem Bildschirm',
  open: (door) => `Fach ${door} öffnen`,
  isOpening: 'Öffnet sich …',
  noAnswer: 'Keine Antwort. Bitte noch einmal versuchen.',
  look: 'Nachsehen, ob es offen ist',
  handOn: 'Jemand anderes geht für Sie?',
  handOnHint:
    'Die Person bekommt eine eigene PIN und eine eigene Seite. Ihre eigenen Codes öffnen so lange nicht; Sie können es zurücknehmen.',
  name: 'Name',
  phone: 'Handynummer',
  email: 'E-Mail',
  optional: 'freiwillig',
  handOnNow: 'Weitergeben',
  handedOnTo: 'Geht für Sie',
  somebody: 'Jemand anderes',
  theirLink: 'Die Seite für diese Person',
  sendBySms: 'Per SMS senden',
  theirPin: 'PIN dieser Person zeigen',
  takeBack: 'Zurücknehmen',
  help: 'Brauchen Sie Hilfe?',
  call: 'Anrufen:',
  write: 'Schreiben an',
  helpHint: 'Bitte fragen Sie, wer Ihnen diesen Link geschickt hat.',
  gone: {
    title: 'Dieser Link führt nirgends hin',
    text: 'Er stimmt nicht oder gilt nicht mehr. Wenn Sie eine neuere Nachricht haben, nehmen Sie den Link darin.',
  },
  failed: { title: 'Das hat nicht geklappt', text: 'Bitte versuchen Sie es gleich noch einmal.' },
};

export const languages = { en, de } as const satisfies Record<string, Words>;

const isLanguage = (text: string): text is keyof typeof languages => Object.hasOwn(languages, text);

/** What a browser asks for (RFC 9110, 12.5.4), the most wanted first. */
const wanted = (acceptLanguage: string): string[] =>
  acceptLanguage
    .slice(0, 200)
    .split(',')
    .map((range) => {
      const [tag = '', ...parameters] = range.trim().split(/\s*;\s*/);
      const quality = parameters.find((it) => it.startsWith('q='))?.slice(2);
      return { language: tag.slice(0, 2).toLowerCase(), quality: Number(quality ?? 1) };
    })
    .filter(({ quality }) => quality > 0)
    .toSorted((a, b) => b.quality - a.quality)
    .map(({ language }) => language);

/** The words of whoever it is for: as is known of them, else as their browser says; English where we speak neither. */
export const wordsFor = (locale: string | undefined, acceptLanguage: string | undefined): Words => {
  const known = [locale?.slice(0, 2) ?? '', ...wanted(acceptLanguage ?? '')].find(isLanguage);
  return languages[known ?? 'en'];
};
