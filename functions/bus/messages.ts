import * as z from 'zod';
import type { Envelope } from '#events/envelope.ts';
import * as field from '#events/fields.ts';
import type { Credential } from '#shared/domain/credential.ts';
import { credentialValue } from '#shared/domain/derived.ts';
import type { RootKeys } from '#shared/domain/root-key.ts';
import { epochMs, type Instant, instant } from '#shared/domain/time.ts';
import { type Party, Transaction } from '#shared/domain/transaction.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import { log } from '#shared/lambda/log.ts';
import { live } from '#shared/live.ts';
import { openSms, type Sms } from '#shared/outside/sms.ts';
import { parseBank } from '#shared/store/banks.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost, type Table } from '#shared/store/table.ts';

type Waiting = { place: string; door: string; code: string; until: string };

/**
 * What people are told, by the language of their locale. In the letters of GSM 03.38 as far as we choose them: one letter
 * outside it halves what fits into an SMS. `code`: how they open, by the method of their credential.
 */
const languages = {
  en: {
    // Hours to 24: American ones come with a narrow space that GSM 03.38 lacks.
    dates: 'en-GB',
    itemWaits: ({ place, door, code, until }: Waiting) =>
      `Your item is at ${place}, door ${door}. ${code} Please collect it by ${until}.`,
    delegated: ({ place, door, code, until }: Waiting) =>
      `You may open door ${door} at ${place} for somebody else. ${code} Until ${until}.`,
    takenBack: ({ place }: Pick<Waiting, 'place'>) =>
      `You need not go to ${place} any more: what you were given opens nothing now.`,
    code: {
      pin: (value: string) => `PIN: ${value}.`,
      operator: (value: string) => `Code: ${value}.`,
      qr: () => 'Scan the QR code that you were given.',
      app: () => 'Open it with your app.',
      badge: () => 'Open it with your badge.',
      barcode: () => 'Scan the label of your order.',
    },
  },
  de: {
    dates: 'de',
    itemWaits: ({ place, door, code, until }: Waiting) =>
      `Ihre Sendung liegt bereit: ${place}, Fach ${door}. ${code} Bitte abholen bis ${until}.`,
    delegated: ({ place, door, code, until }: Waiting) =>
      `Sie dürfen für jemand anderen Fach ${door} bei ${place} öffnen. ${code} Bis ${until}.`,
    takenBack: ({ place }: Pick<Waiting, 'place'>) =>
      `Der Weg zu ${place} hat sich erledigt: Sie können dort nichts mehr öffnen.`,
    code: {
      pin: (value: string) => `PIN: ${value}.`,
      operator: (value: string) => `Code: ${value}.`,
      qr: () => 'Zum Öffnen den erhaltenen QR-Code scannen.',
      app: () => 'Zum Öffnen die App benutzen.',
      badge: () => 'Zum Öffnen den Ausweis benutzen.',
      barcode: () => 'Zum Öffnen das Etikett der Bestellung scannen.',
    },
  },
} as const;

type Language = (typeof languages)[keyof typeof languages];

const isLanguage = (text: string): text is keyof typeof languages => Object.hasOwn(languages, text);

const languageOf = (locale: string | undefined) => {
  const language = locale?.slice(0, 2) ?? '';
  return languages[isLanguage(language) ? language : 'en'];
};

const localTime = (at: Instant, timeZone: string, dates: string): string =>
  new Intl.DateTimeFormat(dates, {
    timeZone,
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  }).format(epochMs(at));

/** Somebody to be told something, and their credential. */
type Told = { party: Party; credential: Credential; says: 'itemWaits' | 'delegated' | 'takenBack' };

/** Who may open now with a right that was handed to them. While it is being moved nobody may; they are told afterwards. */
const delegated = ({ credentials, delegates = {}, move }: Transaction): Told[] =>
  credentials.flatMap((credential) => {
    const party = delegates[credential.id];
    return party && credential.state === 'active' && !move ? [{ party, credential, says: 'delegated' as const }] : [];
  });

/** Who may collect what lies inside: whoever it is for, unless they handed that on, and whoever they handed it to. */
const collectors = (it: Transaction): Told[] => {
  if (it.state !== 'stored' || it.move) return [];
  // Staff were told what to do by whoever gave them their code.
  const own = it.credentials.filter(
    ({ step, state, suspended, delegatedFrom, method }) =>
      step === 'pickup' && state === 'active' && !suspended && delegatedFrom === undefined && method !== 'operator',
  );
  const credential = own.findLast(({ method }) => method === 'pin') ?? own.at(-1);
  return [...(credential ? [{ party: it.recipient, credential, says: 'itemWaits' as const }] : []), ...delegated(it)];
};

const About = z.object({ credentialId: field.text });

/** Who is to be told of an event, as things are now. */
const audienceOf = (event: Envelope, it: Transaction): Told[] => {
  if (event.type === 'transaction.deposited') return collectors(it);
  if (event.type === 'transaction.moved' || event.type === 'transaction.credentials_reissued')
    return event.data.state === 'stored' ? collectors(it) : [];
  const { credentialId } = About.parse(event.data);
  if (event.type === 'credential.delegated')
    return delegated(it).filter(({ credential }) => credential.id === credentialId);
  // Who was never told that they may collect it need not be told that they may not.
  const credential = it.credentials.find(({ id }) => id === credentialId);
  const party = it.delegates?.[credentialId];
  const wasTold = credential?.step !== 'pickup' || it.depositedAt !== null;
  return wasTold && credential && party ? [{ party, credential, says: 'takenBack' }] : [];
};

/** How long a message is remembered: longer than any queue, dead-letter queues included, can bring its event again. */
const rememberedSeconds = 30 * 86_400;

export type MessagesDeps = {
  table: Table;
  rootKeys: () => Promise<RootKeys>;
  sms: Sms;
  /** Milliseconds since 1970. */
  clock: () => number;
};

const heard = [
  'transaction.deposited',
  'transaction.moved',
  'transaction.credentials_reissued',
  'credential.delegated',
  'credential.taken_back',
];

/**
 * Tells people that an item waits for them, or no longer does, once; once more if it was carried to another door or has
 * another PIN. That
 * they were told is written after they were: a crash between the two repeats an SMS, which annoys, where the other order
 * would lose one, and leave somebody before a door without a PIN.
 */
export const tellRecipients =
  ({ table, rootKeys, sms, clock }: MessagesDeps) =>
  async (event: Envelope): Promise<void> => {
    if (!heard.includes(event.type)) return;
    const { tenant } = event;
    const [row, bankRow, toldRow] = await table.batchGet(
      [keys.transaction(tenant, event.subject), keys.bank(String(event.data.bankId)), keys.message(tenant, event.id)],
      true,
    );
    const transaction = row && Transaction.parse(row);
    const audience = transaction ? audienceOf(event, transaction) : [];
    const reached = audience.flatMap((it) => (it.party.phone === undefined ? [] : [{ ...it, phone: it.party.phone }]));
    if (!transaction || toldRow !== undefined || reached.length === 0 || bankRow === undefined)
      return log.info('no message', { subject: event.subject, told: toldRow !== undefined });

    const bank = parseBank(bankRow);
    const codeOf = async (language: Language, credential: Credential): Promise<string> => {
      const place = { bankId: bank.id, transactionId: transaction.id };
      return language.code[credential.method](credentialValue(await rootKeys(), place, credential) ?? '');
    };
    const sent: boolean[] = [];
    for (const { party, phone, credential, says } of reached) {
      const language = languageOf(party.locale);
      const until = localTime(credential.notAfter, bank.config.timeZone, language.dates);
      const text = language[says]({
        place: bank.name,
        door: transaction.door ?? '',
        code: await codeOf(language, credential),
        until,
      });
      const isSent = await sms.send(phone, text);
      if (!isSent) log.warn('phone number takes no message', { subject: event.subject });
      sent.push(isSent);
    }
    const at = clock();
    const put = {
      ...keys.message(tenant, event.id),
      sent: sent.every(Boolean),
      at: instant(at),
      ttl: Math.ceil(at / 1000) + rememberedSeconds,
    };
    try {
      await table.write([{ kind: 'other', expects: 'absent', put }]);
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
    }
  };

export const handler = reaction(() => tellRecipients({ ...live(), sms: openSms() }));
