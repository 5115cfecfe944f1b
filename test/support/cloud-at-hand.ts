import * as z from 'zod';
import { type Faults, noFaults } from '../../device-sim/faults.ts';
import type { openLink } from '../../device-sim/link.ts';
import { JournalBatch } from '../../shared/device/messages.ts';
import { topics } from '../../shared/device/topics.ts';

type Shadows = Record<string, Record<string, unknown>>;

/**
 * Links that end in this process, at a cloud of a few lines: it tells the time, hands out these shadows, and acknowledges
 * all it hears. For tests of what people see at a bank, which need no other cloud.
 */
export const cloudAtHand =
  (shadows: Shadows, key: Buffer): typeof openLink =>
  ({ bankId, proof }, events) => {
    const own = topics(bankId);
    let isOnline = false;
    let faults: Faults = noFaults;
    const down = (topic: string, payload: unknown): void => {
      setImmediate(() => {
        if (isOnline) events.message(topic, payload);
      });
    };
    const answerGet = (name: string, payload: unknown): void => {
      const { clientToken } = z.object({ clientToken: z.string() }).parse(payload);
      const timestamp = Math.floor(Date.now() / 1000);
      const desired = shadows[name];
      const { getAccepted, getRejected } = own.shadow(name);
      if (desired) down(getAccepted, { version: 1, timestamp, clientToken, state: { desired } });
      else down(getRejected, { code: 404, message: 'no such shadow', timestamp, clientToken });
    };
    const setOnline = (online: boolean): void => {
      if (online === isOnline) return;
      isOnline = online;
      setImmediate(() => (online ? events.connected(proof(0)) : events.disconnected()));
    };
    return {
      publish: ({ topic, payload }) => {
        if (!isOnline) return;
        const [, name] = topic.match(/\/shadow\/name\/([^/]+)\/get$/) ?? [];
        if (name !== undefined) answerGet(name, payload);
        if (topic !== own.journal) return;
        const { journalId, entries } = JournalBatch.parse(payload);
        down(own.key, { generation: 1, key: key.toString('base64url') });
        down(own.ack, { journalId, seq: entries.at(-1)?.seq ?? 0 });
      },
      setOnline,
      setFaults: (change) => {
        faults = { ...faults, ...change };
      },
      faults: () => faults,
      isConnected: () => isOnline,
      reconnect: () => {
        setOnline(false);
        setOnline(true);
      },
      stop: async () => {
        isOnline = false;
      },
    };
  };
