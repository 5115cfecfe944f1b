import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** DER, as far as a certification request needs it (X.690): tag, length, content. */
export const der = (tag: number, ...parts: Buffer[]): Buffer => {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
};

export const sequence = (...parts: Buffer[]): Buffer => der(0x30, ...parts);
/** 2.5.4.3 and 1.2.840.10045.4.3.2. */
const commonName = Buffer.from('0603550403', 'hex');
export const ecdsaWithSha256 = Buffer.from('06082a8648ce3d040302', 'hex');

/** A key on the curve P-256, PKCS #8 in PEM. It stays where it is made. */
export const newPrivateKey = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

/** Somebody's name, as certificates spell it. */
export const nameOf = (name: string): Buffer => sequence(der(0x31, sequence(commonName, der(0x0c, Buffer.from(name)))));

export const publicKeyOf = (key: KeyObject): Buffer => createPublicKey(key).export({ type: 'spki', format: 'der' });

/** What is said, with how and that it was signed with this key; in PEM. */
export const signedPem = (label: string, said: Buffer, key: KeyObject): string => {
  const signature = der(0x03, Buffer.from([0]), sign('sha256', said, key));
  const base64 = sequence(said, sequence(ecdsaWithSha256), signature).toString('base64');
  return `-----BEGIN ${label}-----\n${base64.match(/.{1,64}/g)?.join('\n')}\n-----END ${label}-----\n`;
};

/** PKCS #10 (RFC 2986) for a key of `newPrivateKey`. */
export const csrFor = (privateKeyPem: string, name: string): string => {
  const key = createPrivateKey(privateKeyPem);
  const info = sequence(der(0x02, Buffer.from([0])), nameOf(name), publicKeyOf(key), der(0xa0));
  return signedPem('CERTIFICATE REQUEST', info, key);
};
