import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { type Carried, carriedBy } from './carried.ts';

export type Sms = { send: (phone: string, text: string) => Promise<Carried> };

/** What SNS says of a number, and of all that we send. */
const answers = {
  refused: ['InvalidParameterException', 'InvalidParameterValueException', 'OptedOutException', 'UserErrorException'],
  // Its quota is used up, or a policy says no.
  unavailable: ['AuthorizationErrorException', 'AccessDeniedException', 'AccessDenied'],
} as const;

export const openSms = (client = new SNSClient()): Sms => ({
  send: (phone, text) =>
    carriedBy(answers, () =>
      client.send(
        new PublishCommand({
          PhoneNumber: phone,
          Message: text,
          // Somebody waits for it: reliable rather than cheap.
          MessageAttributes: { 'AWS.SNS.SMS.SMSType': { DataType: 'String', StringValue: 'Transactional' } },
        }),
      ),
    ),
});
