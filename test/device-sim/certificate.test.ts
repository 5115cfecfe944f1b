import { describe, expect, it } from 'vitest';
import { askAgainMs } from '../../device-sim/certificate.ts';
import { type CertificateAnswer, CertificateRequest } from '../../shared/device/certificate.ts';
import { topics } from '../../shared/device/topics.ts';
import { bankId, Rig } from './rig.ts';

const own = topics(bankId);
const rotation = 'rot_1';

const said = (rig: Rig): CertificateRequest[] =>
  rig.outputs.flatMap((it) =>
    it.type === 'publish' && it.topic === own.certificate ? [CertificateRequest.parse(it.payload)] : [],
  );
const done = (rig: Rig, type: string): number => rig.outputs.filter((it) => it.type === type).length;
const told = (rig: Rig, answer: CertificateAnswer): void => {
  rig.hear(own.newCertificate, answer);
};

/** The bank is to rotate, and its key was made. */
const asking = (): Rig => {
  const rig = Rig.begun();
  rig.config({ rotation });
  rig.put({ type: 'request', rotation, csr: 'a request' });
  return rig;
};

const renewed = (): Rig => {
  const rig = asking();
  told(rig, { rotation, certificatePem: 'a certificate' });
  rig.put({ type: 'disconnected' });
  rig.put({ type: 'connected', rotation });
  return rig;
};

describe('a bank that is to change its certificate', () => {
  it('makes a key of its own, and asks with a request that shows only the public one', () => {
    const rig = Rig.begun();
    rig.config({ rotation });
    expect(rig.outputs).toContainEqual({ type: 'newKey', rotation });
    expect(said(rig)).toEqual([]);
    rig.put({ type: 'request', rotation, csr: 'a request' });
    expect(said(rig)).toEqual([{ rotation, csr: 'a request' }]);
  });

  it('asks again until it is answered, over power cuts too', () => {
    const rig = asking();
    rig.advance((2 * askAgainMs) / 1000);
    expect(said(rig)).toHaveLength(3);
    rig.restart();
    expect(done(rig, 'newKey')).toBe(2);
  });

  it('connects with the new one, says so until that is recorded, and lets go of the old one only then', () => {
    const rig = renewed();
    expect(done(rig, 'renew')).toBe(1);
    expect(said(rig).at(-1)).toEqual({ rotation });
    rig.advance(askAgainMs / 1000);
    expect(said(rig).filter(({ csr }) => csr === undefined)).toHaveLength(2);
    expect(done(rig, 'settled')).toBe(0);
    told(rig, { rotation, done: true });
    expect(done(rig, 'settled')).toBe(1);
    rig.advance(3600);
    rig.restart();
    expect(said(rig)).toHaveLength(3);
  });

  it('that could not connect with the new one goes on with the old one, and asks again', () => {
    const rig = asking();
    told(rig, { rotation, certificatePem: 'a certificate' });
    rig.put({ type: 'disconnected' });
    rig.put({ type: 'connected', rotation: null });
    expect(said(rig)).toEqual([
      { rotation, csr: 'a request' },
      { rotation, csr: 'a request' },
    ]);
  });

  it('takes no certificate of a rotation that was given up, and no thanks for one that it is not connected with', () => {
    const rig = asking();
    told(rig, { rotation: 'rot_0', certificatePem: 'another' });
    told(rig, { rotation, done: true });
    expect([done(rig, 'renew'), done(rig, 'settled')]).toEqual([0, 0]);
    rig.config({ rotation: 'rot_2' });
    expect(rig.outputs.filter((it) => it.type === 'newKey').map((it) => it.rotation)).toEqual([rotation, 'rot_2']);
    told(rig, { rotation, certificatePem: 'too late' });
    expect(done(rig, 'renew')).toBe(0);
  });

  it('that was told of none, or of none any more, asks for nothing', () => {
    const rig = Rig.begun();
    rig.advance(3600);
    expect([said(rig), done(rig, 'newKey')]).toEqual([[], 0]);
    rig.config({ rotation });
    rig.config({});
    rig.advance(3600);
    expect([said(rig), done(rig, 'newKey')]).toEqual([[], 1]);
  });
});
