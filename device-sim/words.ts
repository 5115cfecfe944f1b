type Sentence = (door?: string, when?: string) => string;

/*
 * What a bank says, in words a person at the door understands: what is so, and what they can do now. Reason codes are
 * design.md section 4's. `when`: the moment that decides, as the clock on the wall there would say it.
 */

const english = {
  idle: () => 'Please enter or scan your code.',
  presence: () => 'To open a door with your phone, enter this code there.',
  waiting: () => 'One moment, please.',
  open_deposit: (door) => `Door ${door} is open. Put the item in and close the door.`,
  open_pickup: (door) => `Door ${door} is open. Take the item out and close the door.`,
  open_pickup_scan: (door) => `Door ${door} is open. Take the item out, scan its label and close the door.`,
  open_use: (door) => `Door ${door} is open. Please close it when you are done.`,
  open_recall: (door) => `Door ${door} is open. Take the item out and close the door.`,
  open_command: (door) => `Door ${door} is open.`,
  opening: (door) => (door ? `Door ${door} is about to open.` : 'Your door is about to open.'),
  closed: (door) => `Door ${door} is closed. Thank you.`,
  not_done: (door) => `Door ${door} is closed, but nothing has changed inside. Enter the same code to open it again.`,
  too_early: (_, when) => `It is too early for this code. Please come back ${when ? `from ${when}` : 'later'}.`,
  too_late: (_, when) =>
    `This code is no longer valid: its time ${when ? `ended on ${when}` : 'has passed'}. Please ask the sender for more time.`,
  code_expired: () => 'This code was good for one moment only. Please show the new one from your app.',
  wrong_bank: () => 'This code belongs to another location. Your message says where to go.',
  wrong_credential: () => 'This code is not valid here. Please check it, and try again.',
  wrong_compartment: () => 'This code belongs to another door. Please check it, and try again.',
  keypad_locked: (_, when) => `Too many wrong codes were entered. Please try again ${when ? `from ${when}` : 'later'}.`,
  credential_revoked: () =>
    'This code was used already or has been withdrawn. If you were sent a newer one, please use that.',
  delegated: () => 'You have handed this to somebody else. Take it back to open the door yourself.',
  on_hold: () => 'This item is on hold. Please contact the sender.',
  moving: () => 'This item is being moved to another door. Please come back in a while.',
  payment_pending: () => 'This item has not been paid for yet. Please pay first, then enter the same code.',
  approval_pending: () => 'This item has not been approved yet. Please ask who sent you here.',
  identity_unconfirmed: () => 'Please have your identity confirmed first.',
  age_unconfirmed: () => 'Please have your age confirmed first.',
  compartment_empty: () => 'The item has not been put in yet. Please come back when you are told that it is here.',
  compartment_occupied: () => 'This door cannot be used: something is inside already. Please contact support.',
  compartment_faulty: () => 'This door does not open. Please contact support.',
  door_not_closed: (door) => `Door ${door} is still open. Please close it first.`,
  no_cloud_time: () => 'This bank is still starting. Please try again in a moment.',
  bank_offline: () => 'This bank has had no network for too long to open with this code. Please try again later.',
  scan_required: () => 'Please scan the label of the item first, then enter the same code.',
  wrong_label: () => 'This is not the label of this item. Please check it, and scan again.',
  label_read: () => 'The label was read. Please enter or scan your code.',
  label_taken: (door) => `The label was read. Please close door ${door}.`,
  abandoned: () => 'This item is no longer waiting for you. Please contact the sender.',
  refused: () => 'This code cannot be used at the moment. Please contact support.',
  dark: () => 'The bank has no power.',
} as const satisfies Record<string, Sentence>;

export type Words = keyof typeof english;

const german: Record<Words, Sentence> = {
  idle: () => 'Bitte geben Sie Ihren Code ein, oder scannen Sie ihn.',
  presence: () => 'Um mit dem Telefon zu öffnen, geben Sie dort diesen Code ein.',
  waiting: () => 'Einen Moment, bitte.',
  open_deposit: (door) => `Fach ${door} ist offen. Legen Sie den Gegenstand hinein, und schließen Sie die Tür.`,
  open_pickup: (door) => `Fach ${door} ist offen. Nehmen Sie den Gegenstand heraus, und schließen Sie die Tür.`,
  open_pickup_scan: (door) =>
    `Fach ${door} ist offen. Nehmen Sie den Gegenstand heraus, scannen Sie sein Etikett, und schließen Sie die Tür.`,
  open_use: (door) => `Fach ${door} ist offen. Bitte schließen Sie die Tür, wenn Sie fertig sind.`,
  open_recall: (door) => `Fach ${door} ist offen. Nehmen Sie den Gegenstand heraus, und schließen Sie die Tür.`,
  open_command: (door) => `Fach ${door} ist offen.`,
  opening: (door) => (door ? `Fach ${door} öffnet sich gleich.` : 'Ihr Fach öffnet sich gleich.'),
  closed: (door) => `Fach ${door} ist geschlossen. Vielen Dank.`,
  not_done: (door) =>
    `Fach ${door} ist geschlossen, aber darin hat sich nichts geändert. Mit demselben Code öffnen Sie es noch einmal.`,
  too_early: (_, when) =>
    `Für diesen Code ist es zu früh. Bitte kommen Sie ${when ? `ab ${when} wieder` : 'später wieder'}.`,
  too_late: (_, when) =>
    `Dieser Code gilt nicht mehr: Seine Zeit ${when ? `war am ${when} zu Ende` : 'ist vorbei'}. Bitten Sie den Absender um mehr Zeit.`,
  code_expired: () => 'Dieser Code galt nur für einen Moment. Bitte zeigen Sie den neuen aus Ihrer App.',
  wrong_bank: () => 'Dieser Code gehört zu einem anderen Standort. Wohin, steht in Ihrer Nachricht.',
  wrong_credential: () => 'Dieser Code gilt hier nicht. Bitte prüfen Sie ihn, und versuchen Sie es noch einmal.',
  wrong_compartment: () =>
    'Dieser Code gehört zu einem anderen Fach. Bitte prüfen Sie ihn, und versuchen Sie es noch einmal.',
  keypad_locked: (_, when) =>
    `Es wurden zu viele falsche Codes eingegeben. Bitte versuchen Sie es ${when ? `ab ${when}` : 'später'} noch einmal.`,
  credential_revoked: () =>
    'Dieser Code wurde schon benutzt oder zurückgezogen. Wenn Sie einen neueren bekommen haben, nehmen Sie bitte den.',
  delegated: () => 'Sie haben dies an jemand anderen weitergegeben. Nehmen Sie es zurück, um selbst zu öffnen.',
  on_hold: () => 'Dieser Gegenstand ist angehalten. Bitte wenden Sie sich an den Absender.',
  moving: () => 'Dieser Gegenstand kommt gerade in ein anderes Fach. Bitte versuchen Sie es in einer Weile wieder.',
  payment_pending: () =>
    'Dies ist noch nicht bezahlt. Bitte bezahlen Sie zuerst, und geben Sie dann denselben Code ein.',
  approval_pending: () => 'Dies ist noch nicht freigegeben. Bitte fragen Sie, wer Sie hierher geschickt hat.',
  identity_unconfirmed: () => 'Bitte lassen Sie zuerst Ihre Identität bestätigen.',
  age_unconfirmed: () => 'Bitte lassen Sie zuerst Ihr Alter bestätigen.',
  compartment_empty: () =>
    'Der Gegenstand liegt noch nicht hier. Bitte kommen Sie wieder, wenn Sie davon benachrichtigt wurden.',
  compartment_occupied: () =>
    'Dieses Fach ist nicht frei: Es liegt schon etwas darin. Bitte wenden Sie sich an die Hilfe.',
  compartment_faulty: () => 'Dieses Fach öffnet sich nicht. Bitte wenden Sie sich an die Hilfe.',
  door_not_closed: (door) => `Fach ${door} ist noch offen. Bitte schließen Sie es zuerst.`,
  no_cloud_time: () => 'Diese Anlage startet noch. Bitte versuchen Sie es gleich noch einmal.',
  bank_offline: () =>
    'Diese Anlage ist schon zu lange ohne Netz, um mit diesem Code zu öffnen. Bitte versuchen Sie es später wieder.',
  scan_required: () => 'Bitte scannen Sie zuerst das Etikett, und geben Sie dann denselben Code ein.',
  wrong_label: () => 'Dies ist nicht das Etikett dazu. Bitte prüfen Sie es, und scannen Sie noch einmal.',
  label_read: () => 'Das Etikett ist gelesen. Bitte geben Sie Ihren Code ein, oder scannen Sie ihn.',
  label_taken: (door) => `Das Etikett ist gelesen. Bitte schließen Sie Fach ${door}.`,
  abandoned: () => 'Dies wartet nicht mehr auf Sie. Bitte wenden Sie sich an den Absender.',
  refused: () => 'Dieser Code geht im Moment nicht. Bitte wenden Sie sich an die Hilfe.',
  dark: () => 'Diese Anlage hat keinen Strom.',
};

const inEnglish = { words: english, locale: 'en-GB' };

/** By the language of a locale; a language is complete, or it does not compile. */
export const languages: Record<string, { words: Record<Words, Sentence>; locale: string }> = {
  en: inEnglish,
  de: { words: german, locale: 'de-DE' },
};

export const isWords = (reason: string): reason is Words => Object.hasOwn(english, reason);

/** That of a locale, for example of `de-CH`. Whoever speaks none of ours is spoken to in English. */
export const languageOf = (locale: string | undefined) => {
  const language = locale?.split('-')[0]?.toLowerCase() ?? '';
  return (Object.hasOwn(languages, language) ? languages[language] : undefined) ?? inEnglish;
};
