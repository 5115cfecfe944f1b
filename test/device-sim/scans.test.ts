import { describe, expect, it } from 'vitest';
import { labelText } from '../../shared/device/label.ts';
import type { DoorGrants } from '../../shared/device/shadow.ts';
import { verifierOf } from '../../shared/device/verifier.ts';
import { bankKey, grantOf, held, parcel, Rig } from './rig.ts';

const label = 'PARCEL-0001';
const labelled = (...scanAt: string[]): DoorGrants => ({
  ...parcel(),
  label: labelText(verifierOf(bankKey, 'barcode', label), scanAt),
});

const scan = (rig: Rig, value = label) =>
  rig.put({ type: 'scan', value }).flatMap((output) => (output.type === 'scanned' ? [output.result] : []))[0];
const scans = (rig: Rig) => rig.entries('scan').map(({ door, value, result, step }) => [door, value, result, step]);

describe('a label that must be scanned at the deposit', () => {
  it('is asked for before the door opens, offline as well', () => {
    const rig = Rig.holding({ '1': labelled('deposit') });
    rig.put({ type: 'disconnected' });
    expect(rig.enter('111111')).toMatchObject({ granted: false, reason: 'scan_required', next: 'scan_the_label' });
    expect(scan(rig)?.message).toBe('The label was read. Please enter or scan your code.');
    expect(rig.enter('111111')).toMatchObject({ granted: true, door: '1' });
    rig.use('1', 'filled');
    expect(scans(rig)).toEqual([['1', '', 'right', 'deposit']]);
    expect(rig.entries('scan')).toMatchObject([{ transactionId: 'txn_1' }]);
  });

  it('keeps the door shut for another one, and for the right one when it was scanned too long ago', () => {
    const rig = Rig.holding({ '1': labelled('deposit', 'pickup') });
    scan(rig, 'PARCEL-0002');
    expect(rig.enter('111111')).toMatchObject({ reason: 'wrong_label', next: 'scan_the_label' });
    scan(rig);
    rig.advance(61);
    expect(rig.enter('111111')).toMatchObject({ reason: 'scan_required' });
    expect(rig.unlocked).toEqual([]);
  });

  it('counts for one opening, and not for what somebody else puts in', () => {
    const rig = Rig.holding({
      '1': labelled('deposit'),
      '2': { ...held('txn_2', [grantOf('crd_2', 'deposit', '444444')]), label: labelText('another', ['deposit']) },
    });
    scan(rig);
    expect(rig.enter('444444')).toMatchObject({ reason: 'wrong_label' });
    rig.enter('111111');
    rig.use('1', 'empty');
    expect(rig.enter('111111')).toMatchObject({ reason: 'scan_required' });
  });

  it('counts also where another door stands open, which perhaps nobody can close', () => {
    const rig = Rig.holding({
      '1': parcel(),
      '2': {
        ...held('txn_2', [grantOf('crd_2', 'deposit', '444444')]),
        label: labelText(verifierOf(bankKey, 'barcode', label), ['deposit']),
      },
    });
    rig.enter('111111');
    expect(scan(rig)).toMatchObject({ door: '1', result: 'unchecked' });
    expect(rig.enter('444444')).toMatchObject({ granted: true, door: '2' });
    expect(scans(rig)).toEqual([
      ['1', label, 'unchecked', 'deposit'],
      ['2', '', 'right', 'deposit'],
    ]);
  });

  it('is not asked of who takes the item out', () => {
    const rig = Rig.holding({ '1': labelled('deposit') });
    scan(rig);
    rig.enter('111111');
    rig.use('1', 'filled');
    expect(rig.enter('222222')).toMatchObject({ granted: true });
    rig.use('1', 'empty');
    expect(scans(rig)).toHaveLength(1);
  });
});

describe('a label that must be scanned at the pickup', () => {
  const stored = (): Rig => {
    const rig = Rig.holding({ '1': labelled('pickup') });
    rig.enter('111111');
    rig.use('1', 'filled');
    return rig;
  };

  it('is asked for when the door is open, and written down', () => {
    const rig = stored();
    expect(rig.enter('222222')?.message).toContain('scan its label');
    expect(scan(rig)).toMatchObject({ door: '1', result: 'right' });
    rig.use('1', 'empty');
    expect(scans(rig)).toEqual([['1', '', 'right', 'pickup']]);
  });

  it('and was not is written down once, with the pickup, which stands', () => {
    const rig = stored();
    rig.enter('222222');
    rig.use('1', 'filled');
    expect(scans(rig)).toEqual([]);
    rig.enter('222222');
    rig.use('1', 'empty');
    expect(scans(rig)).toEqual([['1', '', 'missed', 'pickup']]);
    expect(rig.enter('222222')).toMatchObject({ reason: 'credential_revoked' });
  });

  it('is missed all the same by who has scanned another', () => {
    const rig = stored();
    rig.enter('222222');
    expect(scan(rig, 'PARCEL-0002')).toMatchObject({
      result: 'wrong',
      message: expect.stringContaining('not the label'),
    });
    rig.use('1', 'empty');
    expect(scans(rig)).toEqual([
      ['1', 'PARCEL-0002', 'wrong', 'pickup'],
      ['1', '', 'missed', 'pickup'],
    ]);
  });

  it('is missed as well where the sensor sees late that the item is gone', () => {
    const rig = Rig.holding({ '1': labelled('pickup') }, { sensorLagMs: 700 });
    rig.enter('111111');
    rig.use('1', 'filled');
    rig.advance(1);
    rig.enter('222222');
    rig.use('1', 'empty');
    rig.advance(1);
    expect(scans(rig)).toEqual([['1', '', 'missed', 'pickup']]);
  });
});

describe('a label that nobody asked for', () => {
  it('is written down where it is scanned, as it was read', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.enter('111111');
    expect(scan(rig, 'X-1')).toMatchObject({ door: '1', result: 'unchecked' });
    rig.use('1', 'filled');
    expect(scans(rig)).toEqual([['1', 'X-1', 'unchecked', 'deposit']]);
  });

  it('but which opens a door is not written down', () => {
    const rig = Rig.holding({
      '1': parcel(),
      '2': held('txn_2', [grantOf('crd_b', 'pickup', 'ORDER-77', { method: 'barcode' })]),
    });
    rig.enter('111111');
    scan(rig, 'ORDER-77');
    expect(scans(rig)).toEqual([['1', '', 'unchecked', 'deposit']]);
    expect(JSON.stringify(rig.journal)).not.toContain('ORDER-77');
  });

  it('is not written down where no door is open, nor read without power', () => {
    const rig = Rig.holding({ '1': parcel() });
    scan(rig, 'X-1');
    expect(scans(rig)).toEqual([]);
    rig.power(false);
    expect(scan(rig, 'X-1')?.message).toBe('The bank has no power.');
  });
});
