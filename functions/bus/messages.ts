import type { Envelope } from '#events/envelope.ts';
import { pinOf } from '#shared/domain/derived.ts';
import type { RootKeys } from '#shared/domain/root-key.ts';
import { epochMs, type Instant, instant } from '#shared/domain/time.ts';
import { Transaction } from '#shared/domain/transaction.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import { log } from '#shared/lambda/log.ts';
import { live } from '#shared/live.ts';
import { openSms, type Sms } from '#shared/outside/sms.ts';
import { parseBank } from '#shared/store/banks.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost, type Table } from '#shared/store/table.ts';

type Waiting = { place: string; door: string; pin: string; until: string };

/**
 * What a recipient is told, by the language of their locale. In the letters of GSM 03.38 as far as we choose them: one
 * letter outside it halves what fits into an SMS.
 */
const languages = {
  en: {
    // Hours to 24: American ones come with a narrow space that GSM 03.38 lacks.
    dates: 'en-GB',
    itemWaits: ({ place, door, pin, until }: Waiting) =>
      `Your item is at ${place}, door ${door}. PIN: ${pin}. Please collect it by ${until}.`,
  },
  de: {
    dates: 'de',
    itemWaits: ({ place, door, pin, until }: Waiting) =>
      `Ihre Sendung liegt bereit: ${place}, Fach ${door}. PIN: ${pin}. Bitte abholen bis ${until}.`,
  },
} as const;

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

/** For whom an item waits, and how they open; null when there is nothing to say to anybody. */
const pickupOf = (row: Record<string, unknown> | undefined) => {
  const transaction = row && Transaction.parse(row);
  // While it is being moved nobody may collect it; that it is there is told afterwards.
  if (transaction?.state !== 'stored' || transaction.move) return null;
  const { recipient, door, deadlines } = transaction;
  const credential = transaction.credentials.findLast((it) => it.step === 'pickup' && it.state === 'active');
  if (recipient.phone === undefined || credential === undefined || door === null) return null;
  return {
    phone: recipient.phone,
    locale: recipient.locale,
    credential,
    door,
    until: deadlines.pickupBy ?? credential.notAfter,
  };
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

/**
 * Tells the recipient that their item waits, once; once more if it was carried to another door. That it was told is written after it was: a crash between the two
 * repeats an SMS, which annoys, where the other order would lose one, and leave somebody before a door without a PIN.
 */
export const tellRecipients =
  ({ table, rootKeys, sms, clock }: MessagesDeps) =>
  async (event: Envelope): Promise<void> => {
    const isThere =
      event.type === 'transaction.deposited' || (event.type === 'transaction.moved' && event.data.state === 'stored');
    if (!isThere) return;
    const told = keys.message(event.tenant, event.id);
    const [row, bankRow, toldRow] = await table.batchGet(
      [keys.transaction(event.tenant, event.subject), keys.bank(String(event.data.bankId)), told],
      true,
    );
    const pickup = pickupOf(row);
    if (toldRow !== undefined || pickup === null || bankRow === undefined)
      return log.info('no message', { subject: event.subject, told: toldRow !== undefined });

    const bank = parseBank(bankRow);
    const language = languageOf(pickup.locale);
    const text = language.itemWaits({
      place: bank.name,
      door: pickup.door,
      pin: pinOf((await rootKeys()).of(pickup.credential.keyVersion), pickup.credential),
      until: localTime(pickup.until, bank.config.timeZone, language.dates),
    });
    const sent = await sms.send(pickup.phone, text);
    if (!sent) log.warn('phone number takes no message', { subject: event.subject });
    const at = clock();
    const put = { ...told, sent, at: instant(at), ttl: Math.ceil(at / 1000) + rememberedSeconds };
    try {
      await table.write([{ kind: 'other', expects: 'absent', put }]);
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
    }
  };

export const handler = reaction(() => tellRecipients({ ...live(), sms: openSms() }));
