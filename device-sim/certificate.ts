import { CertificateAnswer } from '#shared/device/certificate.ts';
import { topics } from '#shared/device/topics.ts';
import type { Ram } from './state.ts';
import { config, ram, remember, type Turn, write } from './turn.ts';

/*
 * A new certificate, when the `config` names a rotation that the bank has not been through. It makes a key, asks for a
 * certificate for it, connects with that, and says so. Each question is asked again until it is answered, because the old
 * certificate is good for as long as that takes.
 */
export const askAgainMs = 30_000;

const change = (turn: Turn, set: Partial<Ram['certificate']>): void =>
  remember(turn, { certificate: { ...ram(turn).certificate, ...set } });

const wanted = (turn: Turn): string | null => {
  const { rotation } = config(turn);
  return rotation === undefined || rotation === turn.state.durable.rotated ? null : rotation;
};

/** The next thing to do for it, if there is anything. */
export const pursueRotation = (turn: Turn): void => {
  const rotation = wanted(turn);
  const { connected, certificate } = ram(turn);
  const isDue = rotation !== null && connected;
  change(turn, { askAt: isDue ? turn.now.mono + askAgainMs : null });
  if (!isDue) return;
  const say = (more: { csr?: string }): void => {
    const topic = topics(turn.state.layout.bankId).certificate;
    turn.outputs.push({ type: 'publish', topic, payload: { rotation, ...more }, qos: 1 });
  };
  if (certificate.inUse === rotation) say({});
  else if (certificate.request?.rotation === rotation) say({ csr: certificate.request.csr });
  else turn.outputs.push({ type: 'newKey', rotation });
};

/** The key was made, and this asks for its certificate. */
export const takeRequest = (turn: Turn, rotation: string, csr: string): void => {
  change(turn, { request: { rotation, csr } });
  pursueRotation(turn);
};

export const hearCertificate = (turn: Turn, payload: unknown): void => {
  const { data } = CertificateAnswer.safeParse(payload);
  if (!data || data.rotation !== wanted(turn)) return;
  const { rotation, certificatePem, done } = data;
  if (done && ram(turn).certificate.inUse === rotation) {
    write(turn, { rotated: rotation });
    change(turn, { request: null, askAt: null });
    turn.outputs.push({ type: 'settled' });
  } else if (certificatePem !== undefined) {
    turn.outputs.push({ type: 'renew', rotation, certificatePem });
  }
};

export const tickCertificate = (turn: Turn): void => {
  const { askAt } = ram(turn).certificate;
  if (askAt !== null && askAt <= turn.now.mono) pursueRotation(turn);
};

export const certificateWakeAt = (turn: Turn): number => {
  const { connected, certificate } = ram(turn);
  return (connected ? certificate.askAt : null) ?? Number.POSITIVE_INFINITY;
};
