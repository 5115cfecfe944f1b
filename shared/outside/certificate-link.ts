import { IoTDataPlaneClient, PublishCommand } from '@aws-sdk/client-iot-data-plane';
import type { CertificateAnswer } from '../device/certificate.ts';
import { topics } from '../device/topics.ts';

export type CertificateLink = {
  /** A bank that did not hear asks again. */
  answer: (bankId: string, answer: CertificateAnswer) => Promise<void>;
};

export const openCertificateLink = (client = new IoTDataPlaneClient()): CertificateLink => ({
  answer: async (bankId, answer) => {
    const payload = new TextEncoder().encode(JSON.stringify(answer));
    await client.send(new PublishCommand({ topic: topics(bankId).newCertificate, qos: 1, payload }));
  },
});
