import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { type Carried, carriedBy } from './carried.ts';

/** `senderId`: whom it is from, where the country allows that. */
export type Sms = { send: (phone: string, text: string, senderId: string | null) => Promise<Carried> };

/** What SNS says of a number, and of all that we send. */
const answers = {
  refused: ['InvalidParameterException', 'InvalidParameterValueException', 'OptedOutException', 'UserErrorException'],
  // Its quota is used up, or a policy says no.
  unavailable: ['AuthorizationErrorException', 'AccessDeniedException', 'AccessDenied'],
} as const;

const said = (StringValue: string) => ({ DataType: 'String', StringValue });

export const openSms = (client = new SNSClient()): Sms => ({
  send: (phone, text, senderId) =>
    carriedBy(answers, () =>
      client.send(
        new PublishCommand({
          PhoneNumber: phone,
          Message: text,
          // Somebody waits for it: reliable rather than cheap.
          MessageAttributes: {
            'AWS.SNS.SMS.SMSType': said('Transactional'),
            ...(senderId !== null && { 'AWS.SNS.SMS.SenderID': said(senderId) }),
          },
        }),
      ),
    ),
});
