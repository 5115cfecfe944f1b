import { parseWaits } from './domain/waits.ts';
import { env } from './lambda/env.ts';
import type { SendMessageDeps } from './lambda/send-message.ts';
import { live } from './live.ts';
import { openQueue } from './outside/queues.ts';

/** Where messages to people wait for their channel: whoever asks for one to be sent knows both. */
export const liveChannels = (): Pick<SendMessageDeps, 'isOn' | 'sending'> => ({
  isOn: { sms: true, email: process.env.EMAIL_FROM !== undefined },
  sending: { sms: openQueue(env('SMS_QUEUE_URL')), email: openQueue(env('EMAIL_QUEUE_URL')) },
});

/** The real collaborators of those that send messages to people. */
export const liveSending = (): SendMessageDeps => ({
  ...live(),
  ...liveChannels(),
  waits: parseWaits(env('MESSAGE_WAITS_SECONDS')),
});
