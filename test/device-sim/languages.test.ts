import { describe, expect, it } from 'vitest';
import { isWords, languageOf, languages } from '../../device-sim/words.ts';
import { nextByReason } from '../../shared/device/denial.ts';
import type { Grant } from '../../shared/device/shadow.ts';
import { credentialValue, issuerKeysOf } from '../../shared/domain/derived.ts';
import { rootKeysFrom } from '../../shared/domain/root-key.ts';
import { bankId, grantOf, held, Rig, startedAt } from './rig.ts';

const now = startedAt / 1000;
const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(32), older: {} });
const credential = {
  id: 'crd_q',
  method: 'qr' as const,
  step: 'pickup' as const,
  attempt: 0,
  digits: 6,
  keyVersion: 1,
};
const elsewhere = credentialValue(rootKeys, { bankId: 'bnk_other', transactionId: 'txn_1' }, credential) ?? '';

const speaking = (locale: string | undefined, over: Partial<Grant> = {}): Rig => {
  const rig = Rig.holding({ '1': held('txn_1', [grantOf('crd_p', 'pickup', '222222', over)]) });
  const config = { ...rig.state.durable.config, rev: 9, timeZone: 'Europe/Zurich', issuerKeys: issuerKeysOf(rootKeys) };
  rig.setShadow('config', { ...config, ...(locale !== undefined && { locale }) });
  rig.put({ type: 'disconnected' });
  return rig;
};

const locked = (rig: Rig): void => {
  for (let nth = 0; nth < 5; nth += 1) rig.enter('000000');
};

/** Each is met at a bank of its own: what it holds, what is done there first, what is shown. */
const refused: Record<string, { over?: Partial<Grant>; first?: (rig: Rig) => void; shown?: 'wrong' | 'elsewhere' }> = {
  too_early: { over: { notBefore: now + 3_600 } },
  too_late: { over: { notAfter: now - 60 } },
  wrong_bank: { shown: 'elsewhere' },
  wrong_credential: { shown: 'wrong' },
  keypad_locked: { first: locked },
  credential_revoked: { over: { blocked: 'credential_revoked' } },
  on_hold: { over: { blocked: 'on_hold' } },
  payment_pending: { over: { blocked: 'payment_pending' } },
};

const isTried = (rig: Rig, shown?: 'wrong' | 'elsewhere') =>
  shown === 'elsewhere' ? rig.enter(elsewhere, 'qr') : rig.enter(shown === 'wrong' ? '999999' : '222222');

describe.each(Object.entries(languages))('in %s', (language, { words, locale }) => {
  it.each(Object.entries(refused))('a person is told why not: %s', (reason, { over, first, shown }) => {
    const rig = speaking(locale, over);
    first?.(rig);
    const answer = isTried(rig, shown);
    expect(answer).toMatchObject({ granted: false, reason, next: nextByReason[reason] });
    const { limitAt } = rig.entries('access.denied').at(-1) ?? {};
    const isOfTime = ['too_early', 'too_late', 'keypad_locked'].includes(reason);
    expect(limitAt !== undefined).toBe(isOfTime);
    const [before = '', after = ''] = words[isWords(reason) ? reason : 'refused'](undefined, '\n').split('\n');
    expect(answer?.message.startsWith(before) && answer.message.endsWith(after)).toBe(true);
    expect(rig.state.ram?.message).toBe(answer?.message);
    expect(rig.entries('access.denied').at(-1)).toMatchObject({ reason, next: nextByReason[reason] });
    expect(rig.unlocked).toEqual([]);
    if (language !== 'en') expect(answer?.message).not.toBe(isTried(speaking('en', over), shown)?.message);
  });

  it('there are words for every reason that a bank knows', () => {
    const byCloud = ['wrong_presence_code'];
    expect(Object.keys(nextByReason).filter((it) => !isWords(it) && !byCloud.includes(it))).toEqual([]);
    expect(Object.values(words).every((say) => /^[A-ZÄÖÜ].+\.$/.test(say('7', 'noon')))).toBe(true);
  });
});

describe('the language of a bank', () => {
  it('is that of its config, with the hour as it is said there', () => {
    expect(speaking('de-CH', { notBefore: now + 3_600 }).enter('222222')?.message).toBe(
      'Für diesen Code ist es zu früh. Bitte kommen Sie ab Mo., 5. Jan., 14:00 wieder.',
    );
  });

  it('is English where it was not said, or is none that the bank speaks', () => {
    const inEnglish = 'This code is not valid here. Please check it, and try again.';
    for (const locale of [undefined, 'en', 'fr-CH', ''])
      expect(speaking(locale).enter('999999')?.message).toBe(inEnglish);
    expect(languageOf('constructor').locale).toBe('en-GB');
  });

  it('greets after a power cut too, and says that it is dark', () => {
    const rig = speaking('de');
    rig.power(false);
    expect(rig.enter('222222')?.message).toBe('Diese Anlage hat keinen Strom.');
    rig.power(true);
    expect(rig.state.ram?.message).toBe('Bitte geben Sie Ihren Code ein, oder scannen Sie ihn.');
    expect(bankId).toBe(rig.state.layout.bankId);
  });
});
