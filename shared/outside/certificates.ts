import {
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateCertificateFromCsrCommand,
  DescribeCertificateCommand,
  IoTClient,
  UpdateCertificateCommand,
} from '@aws-sdk/client-iot';

/** A certificate of AWS IoT; `arn` is its name where it is attached to something. */
export type IssuedCertificate = { id: string; arn: string; pem: string };

export type Certificates = {
  /** Made for whoever has the key of this CSR; valid only once it is admitted. */
  create: (csr: string) => Promise<IssuedCertificate>;
  find: (id: string) => Promise<IssuedCertificate>;
  /** Valid from now on, for what the policy lets it do; as this thing, if one is named. */
  admit: (certificate: IssuedCertificate, thingName?: string) => Promise<void>;
};

const complete = ({ id, arn, pem }: { [name in keyof IssuedCertificate]: string | undefined }): IssuedCertificate => {
  if (!id || !arn || !pem) throw new Error('a certificate came incomplete');
  return { id, arn, pem };
};

export const openCertificates = (policyName: string, client = new IoTClient()): Certificates => ({
  create: async (certificateSigningRequest) => {
    const made = await client.send(new CreateCertificateFromCsrCommand({ certificateSigningRequest }));
    return complete({ id: made.certificateId, arn: made.certificateArn, pem: made.certificatePem });
  },
  find: async (certificateId) => {
    const { certificateDescription } = await client.send(new DescribeCertificateCommand({ certificateId }));
    const { certificateArn: arn, certificatePem: pem } = certificateDescription ?? {};
    return complete({ id: certificateId, arn, pem });
  },
  admit: async ({ id, arn }, thingName) => {
    await client.send(new AttachPolicyCommand({ policyName, target: arn }));
    if (thingName !== undefined) await client.send(new AttachThingPrincipalCommand({ thingName, principal: arn }));
    await client.send(new UpdateCertificateCommand({ certificateId: id, newStatus: 'ACTIVE' }));
  },
});
