import { InvalidParameterException, PublishCommand, SNSClient } from '@aws-sdk/client-sns';

export type Sms = {
  /** False when SNS says that no message can go to this number, which trying again does not change. */
  send: (phone: string, text: string) => Promise<boolean>;
};

export const openSms = (client = new SNSClient()): Sms => ({
  send: async (phone, text) => {
    try {
      await client.send(
        new PublishCommand({
          PhoneNumber: phone,
          Message: text,
          // Somebody waits for it: reliable rather than cheap.
          MessageAttributes: { 'AWS.SNS.SMS.SMSType': { DataType: 'String', StringValue: 'Transactional' } },
        }),
      );
      return true;
    } catch (error) {
      if (error instanceof InvalidParameterException) return false;
      throw error;
    }
  },
});
