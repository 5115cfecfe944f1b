import { IoTDataPlaneClient, PublishCommand } from '@aws-sdk/client-iot-data-plane';
import type { Answer } from '../device/ask.ts';
import type { JournalAck, KeyHandover, ReplayRequest } from '../device/messages.ts';
import { topics } from '../device/topics.ts';

export type BankLink = {
  /** QoS 0: a lost ack costs a repetition, and the next one covers it. */
  ack: (bankId: string, ack: JournalAck) => Promise<void>;
  replay: (bankId: string, request: ReplayRequest) => Promise<void>;
  answer: (bankId: string, answer: Answer) => Promise<void>;
  key: (bankId: string, handover: KeyHandover) => Promise<void>;
};

/** What is said to a bank by message: it is told once, and asks again if it did not hear. */
export const openBankLink = (client = new IoTDataPlaneClient()): BankLink => {
  const publish = async (topic: string, qos: 0 | 1, message: unknown): Promise<void> => {
    await client.send(new PublishCommand({ topic, qos, payload: new TextEncoder().encode(JSON.stringify(message)) }));
  };
  return {
    ack: (bankId, ack) => publish(topics(bankId).ack, 0, ack),
    replay: (bankId, request) => publish(topics(bankId).replay, 1, request),
    answer: (bankId, answer) => publish(topics(bankId).answer, 1, answer),
    key: (bankId, handover) => publish(topics(bankId).key, 1, handover),
  };
};
