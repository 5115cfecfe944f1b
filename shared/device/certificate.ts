import * as z from 'zod';
import * as field from '../../events/fields.ts';

/**
 * Up on `certificate`. With `csr`: the bank asks for a certificate of the rotation that its `config` names, beside the one
 * that it connects with. Without: it has connected with that certificate, so the old one is not needed any more.
 */
export const CertificateRequest = z.object({
  rotation: field.text,
  /** PKCS #10, PEM. Its private key never leaves the bank. */
  csr: z.string().max(4096).optional(),
});
export type CertificateRequest = z.infer<typeof CertificateRequest>;

/** Down on `certificate`: the certificate, or that its having connected with it is recorded. */
export const CertificateAnswer = z.object({
  rotation: field.text,
  certificatePem: field.maybeText,
  done: z.literal(true).optional(),
});
export type CertificateAnswer = z.infer<typeof CertificateAnswer>;

/*
 * Fleet provisioning by claim, as AWS IoT speaks it (developer guide, "Device provisioning MQTT API"): how a controller
 * that has no certificate of its own yet comes to one.
 */

export const provisioningTopics = (template: string) => ({
  /** A CSR for a certificate; the private key stays where it was made. */
  fromCsr: '$aws/certificates/create-from-csr/json',
  /** A certificate with a private key that AWS makes: for an endpoint that answers nothing else. */
  withKey: '$aws/certificates/create/json',
  register: `$aws/provisioning-templates/${template}/provision/json`,
});

/** Client ids of controllers that are not let in yet: nobody else's, or they would end a bank's session. */
export const enrollingClient = 'lw-enrol-';

/** `parameters` of RegisterThing. */
export const EnrolmentParameters = z.object({ SerialNumber: z.string().min(1).max(64) });
export type EnrolmentParameters = z.infer<typeof EnrolmentParameters>;
