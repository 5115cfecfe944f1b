import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';

export type Alerts = { raise: (alert: { title: string; text: string }) => Promise<void> };

/** SNS takes a subject of ASCII, up to 100 characters, on one line; mail is where it is shown. */
const subjectOf = (title: string): string => title.replaceAll(/[^\x20-\x7e]+/g, '?').slice(0, 100);

/** To the people who run the product, by the operations topic. */
export const openAlerts = (topicArn: string, client = new SNSClient()): Alerts => ({
  raise: async ({ title, text }) => {
    await client.send(new PublishCommand({ TopicArn: topicArn, Subject: subjectOf(title), Message: text }));
  },
});
