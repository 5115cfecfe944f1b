import { describe, expect, it } from 'vitest';
import { presenceOf } from '../../device-sim/presence.ts';
import { isPresenceCode, presenceCodeAt, presenceSeconds } from '../../shared/device/presence.ts';
import { bankKey, Rig, startedAt } from './rig.ts';

const onPanel = (rig: Rig) => presenceOf(rig.state, { mono: rig.mono, wall: rig.time + rig.skewMs });
const shown = (rig: Rig): string | null => onPanel(rig)?.code ?? null;
const seconds = startedAt / 1000;

describe('the code on the panel', () => {
  it('is six digits that the cloud knows from the key and the time alone, another every half minute', () => {
    const rig = Rig.online();
    const codes = [0, 1, 2, 3].map(() => {
      const code = shown(rig) ?? '';
      expect(isPresenceCode(bankKey, code, rig.time / 1000)).toBe(true);
      rig.advance(presenceSeconds);
      return code;
    });
    expect(codes.every((it) => /^\d{6}$/.test(it))).toBe(true);
    expect(new Set(codes).size).toBe(4);
  });

  it('says how long it is until the next', () => {
    const rig = Rig.online();
    const { code, leftMs } = onPanel(rig) ?? { code: '', leftMs: 0 };
    expect(leftMs).toBeGreaterThan(1000);
    expect(leftMs).toBeLessThanOrEqual(presenceSeconds * 1000);
    rig.advance(Math.floor(leftMs / 1000) - 1);
    expect(shown(rig)).toBe(code);
    rig.advance(2);
    expect(shown(rig)).not.toBe(code);
  });

  it('is good for as long as it takes to type it, and then no more', () => {
    const code = presenceCodeAt(bankKey, seconds);
    expect(isPresenceCode(bankKey, code, seconds + presenceSeconds)).toBe(true);
    expect(isPresenceCode(bankKey, code, seconds - presenceSeconds)).toBe(true);
    expect(isPresenceCode(bankKey, code, seconds + 2 * presenceSeconds)).toBe(false);
    expect(isPresenceCode(bankKey, code, seconds - 2 * presenceSeconds)).toBe(false);
  });

  it('is that of its bank and no other', () => {
    const code = presenceCodeAt(bankKey, seconds);
    expect(isPresenceCode(Buffer.alloc(32, 8), code, seconds)).toBe(false);
    expect(isPresenceCode(bankKey, `${code}0`, seconds)).toBe(false);
    expect(isPresenceCode(bankKey, '', seconds)).toBe(false);
  });

  it('is not shown by a bank that lacks the time, its key or power', () => {
    expect(shown(Rig.online({ key: false }))).toBeNull();
    const rig = Rig.online({ batteryBackedClock: false });
    rig.put({ type: 'disconnected' });
    expect(shown(rig)).not.toBeNull();
    rig.restart({ online: false });
    expect(shown(rig)).toBeNull();
    rig.power(false);
    expect(shown(rig)).toBeNull();
  });
});
