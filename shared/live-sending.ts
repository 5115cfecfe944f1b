import { parseWaits } from './domain/waits.ts';
import { env } from './lambda/env.ts';
import type { SendMessageDeps } from './lambda/send-message.ts';
import { live, publicUrl } from './live.ts';
import { openQueue } from './outside/queues.ts';
import { openTelling } from './store/telling.ts';

/** Where messages to people wait for their channel: whoever asks for one to be sent knows both. */
export const liveChannels = (): Pick<SendMessageDeps, 'isOn' | 'sending'> => ({
  isOn: { sms: true, email: process.env.EMAIL_FROM !== undefined },
  sending: { sms: openQueue(env('SMS_QUEUE_URL')), email: openQueue(env('EMAIL_QUEUE_URL')) },
});

/** The real collaborators of those that send messages to people. */
export const liveSending = (): SendMessageDeps => {
  const deps = live();
  return {
    ...deps,
    ...liveChannels(),
    telling: openTelling(deps.table, deps.clock),
    publicUrl: publicUrl(),
    waits: parseWaits(env('MESSAGE_WAITS_SECONDS')),
  };
};
