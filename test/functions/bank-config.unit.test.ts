import { describe, expect, it } from 'vitest';
import { ConfigDocument } from '#shared/device/config.ts';
import { shadowBytesMax } from '#shared/device/topics.ts';
import { doorsPerBankMax } from '#shared/domain/bank.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { usualRanges } from '#shared/domain/thermal.ts';
import { configPatch } from '#shared/outside/bank-config.ts';
import { bankOf, doorOf } from '../domain/cloud-and-bank.ts';

const bank = bankOf([doorOf('1')]);
const first = rootKeysFrom({ version: 1, key: 'a'.repeat(32), older: {} });
const second = rootKeysFrom({ version: 2, key: 'b'.repeat(32), older: { 1: 'a'.repeat(32) } });
const third = rootKeysFrom({ version: 3, key: 'c'.repeat(32), older: { 1: 'a'.repeat(32), 2: 'b'.repeat(32) } });

/** As a shadow gives it back. */
const shown = (it: object | null): ConfigDocument => ConfigDocument().parse(JSON.parse(JSON.stringify(it)));

describe('what a bank is told in config', () => {
  const told = shown(configPatch({}, bank, first));

  it('is how it is set up, and the issuer whose tokens it takes', () => {
    expect(told).toMatchObject({ timeZone: 'UTC', guessesPerDay: 20, issuerKeys: [{ version: 1 }] });
  });

  it('is written once while nothing changes', () => {
    expect(configPatch(told, bank, first)).toBeNull();
  });

  it('is news to the bank when our key has changed, with the key before', () => {
    const next = shown(configPatch(told, bank, second));
    expect(next.rev).toBeGreaterThan(told.rev);
    expect(next.issuerKeys.map(({ version }) => version)).toEqual([2, 1]);
    expect(next.issuerKeys[1]).toEqual(told.issuerKeys[0]);
    expect(shown(configPatch(next, bank, third)).issuerKeys.map(({ version }) => version)).toEqual([3, 2]);
  });

  it('is news when its set-up has changed, whatever revision the row says', () => {
    const other = { ...bank, config: { ...bank.config, timeZone: 'Europe/Zurich' } };
    const next = shown(configPatch({ ...told, rev: 9 }, other, first));
    expect(next).toMatchObject({ rev: 10, timeZone: 'Europe/Zurich' });
  });

  it('takes back what was set before, for one method or altogether', () => {
    const set = { locale: 'de-CH', offlineSeconds: { pin: 60, badge: 600 } };
    const strict = shown(configPatch(told, { ...bank, config: { ...bank.config, ...set } }, first));
    const looser = { ...bank, config: { ...bank.config, offlineSeconds: { badge: 600 } } };
    expect(configPatch(strict, looser, first)).toMatchObject({
      locale: null,
      offlineSeconds: { pin: null, badge: 600 },
    });
    expect(configPatch(strict, bank, first)).toMatchObject({ locale: null, offlineSeconds: null });
  });

  it('says for how long it opens offline as its tenant and site say, but for what it says itself', () => {
    const limited = { ...bank, agreedOfflineSeconds: { pin: 3_600, badge: 600 } };
    expect(shown(configPatch({}, limited, first)).offlineSeconds).toEqual({ pin: 3_600, badge: 600 });
    const own = { ...limited, config: { ...bank.config, offlineSeconds: { pin: 0 } } };
    expect(shown(configPatch({}, own, first)).offlineSeconds).toEqual({ pin: 0, badge: 600 });
  });

  it('names the compartments whose temperature it is to watch, and leaves out what has no range', () => {
    const layout = [
      doorOf('1'),
      doorOf('2', { thermalClass: 'frozen' }),
      doorOf('3', { thermalClass: 'refrigerated' }),
      doorOf('4', { thermalClass: 'frozen' }),
    ];
    const strict = { minC: 2, maxC: 6, afterSeconds: 60 };
    const own = bankOf(layout, { config: { ...bank.config, thermalRanges: { refrigerated: strict } } });
    const chilled = shown(configPatch({}, own, first));
    expect(chilled.thermalZones).toEqual([
      { ...usualRanges.frozen, doors: ['2', '4'] },
      { ...strict, doors: ['3'] },
    ]);
    expect(chilled.thermalRanges).toBeUndefined();
    expect(configPatch(chilled, own, first)).toBeNull();
    expect(told.thermalZones).toBeUndefined();
  });

  it('fits into its shadow, were each of 120 doors chilled and labelled as long as can be', () => {
    const classes = ['refrigerated', 'frozen', 'heated'] as const;
    const layout = Array.from({ length: doorsPerBankMax }, (_, n) =>
      doorOf(`DOOR-${100 + n}`, { thermalClass: classes[n % 3] ?? 'frozen' }),
    );
    const patch = configPatch({}, bankOf(layout), third);
    expect(JSON.stringify({ desired: patch }).length).toBeLessThan(shadowBytesMax);
  });

  it('reaches a bank that was told before there were issuers', () => {
    const { issuerKeys: _, ...before } = told;
    expect(configPatch(before, bank, first)).toMatchObject({ rev: told.rev + 1, issuerKeys: [{ version: 1 }] });
  });
});
