import mqtt, { type MqttClient } from 'mqtt';
import { topics } from '#shared/device/topics.ts';
import { deliveries, type Faults, noFaults, seeded } from './faults.ts';
import type { Proof } from './identity.ts';

export type LinkSettings = {
  bankId: string;
  host: string;
  port: number;
  /** PEM. */
  ca: string;
  /** What to connect with, by how often it has failed since it last connected. */
  proof: (failures: number) => Proof;
  /** Of the faults. */
  seed: number;
};

export type LinkEvents = {
  connected: (as: Proof) => void;
  disconnected: () => void;
  message: (topic: string, payload: unknown) => void;
  log: (text: string) => void;
};

export type Message = { topic: string; payload: unknown; qos: 0 | 1; expirySeconds?: number };

export type Link = {
  /** Lost without a word if the link is down: the journal sends again, and the rest is asked again. */
  publish(message: Message): void;
  /** Wants to be connected, or not. */
  setOnline(online: boolean): void;
  setFaults(faults: Partial<Faults>): void;
  faults(): Faults;
  isConnected(): boolean;
  /** Connects anew, at once, with what it is to connect with now. */
  reconnect(): void;
  stop(): Promise<void>;
};

const reconnectMs = { first: 500, last: 30_000 } as const;

/**
 * A bank's MQTT session: TLS with its own certificate, always clean, so that nothing old is delivered. Every attempt is
 * a new client: one that reconnects by itself would also send again what it had not finished, and an old question
 * about a credential must not open a door.
 */
export const openLink = (settings: LinkSettings, events: LinkEvents): Link => {
  const random = seeded(settings.seed);
  const timers = new Set<NodeJS.Timeout>();
  let faults = noFaults;
  let client: MqttClient | null = null;
  let isOnline = false;
  let isReady = false;
  let failures = 0;
  let retry: NodeJS.Timeout | null = null;

  const later = (ms: number, run: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      run();
    }, ms);
    timers.add(timer);
  };

  /** Through the faults; only copies that are delayed outlive this call. */
  const pass = (deliver: () => void): void => {
    for (const ms of deliveries(faults, random)) {
      if (ms === 0) deliver();
      else later(ms, deliver);
    }
  };

  const connect = (): void => {
    retry = null;
    const as = settings.proof(failures);
    const attempt = mqtt.connect(optionsOf(settings, as));
    client = attempt;
    const isCurrent = () => client === attempt;
    attempt.on('connect', () => {
      subscribe(attempt, settings.bankId).then(
        () => isCurrent() && ready(as),
        (error: unknown) => {
          events.log(`subscription refused: ${String(error)}`);
          attempt.end(true);
        },
      );
    });
    attempt.on('message', (topic, bytes) => {
      if (isCurrent()) pass(() => isCurrent() && events.message(topic, parsed(bytes)));
    });
    attempt.on('error', (error) => events.log(error.message || error.name));
    attempt.on('close', () => isCurrent() && lost());
  };

  const ready = (as: Proof): void => {
    failures = 0;
    isReady = true;
    events.connected(as);
  };

  const lost = (): void => {
    client?.end(true);
    client = null;
    for (const timer of timers) clearTimeout(timer);
    timers.clear();
    if (isReady) events.disconnected();
    isReady = false;
    if (!isOnline) return;
    const wait = Math.min(reconnectMs.first * 2 ** failures, reconnectMs.last);
    failures += 1;
    // Not all banks of a street at once when the power comes back.
    retry = setTimeout(connect, wait * (0.5 + random() / 2));
  };

  const reconnect = (): void => {
    if (!isOnline) return;
    setOnline(false);
    setOnline(true);
  };

  const setOnline = (online: boolean): void => {
    if (online === isOnline) return;
    isOnline = online;
    if (retry) clearTimeout(retry);
    failures = 0;
    if (online) connect();
    else lost();
  };

  return {
    publish: (message) => {
      const by = client;
      if (!by || !isReady) return;
      pass(() => client === by && send(by, message));
    },
    setOnline,
    setFaults: (change) => {
      faults = { ...faults, ...change };
    },
    faults: () => faults,
    isConnected: () => isReady,
    reconnect,
    stop: async () => {
      const last = client;
      client = null;
      setOnline(false);
      await last?.endAsync();
    },
  };
};

const optionsOf = ({ bankId, host, port, ca }: LinkSettings, { cert, key }: Proof) => ({
  protocol: 'mqtts' as const,
  host,
  port,
  ca,
  cert,
  key,
  clientId: bankId,
  protocolVersion: 5 as const,
  clean: true,
  keepalive: 30,
  reconnectPeriod: 0,
  connectTimeout: 10_000,
  queueQoSZero: false,
});

/** Three wildcards. At QoS 0: what gets lost is asked for or sent again, and AWS bills a device's PUBACK as a message. */
const subscribe = async (client: MqttClient, bankId: string): Promise<void> => {
  const own = topics(bankId);
  const shadow = own.shadow('+');
  await client.subscribeAsync([own.down, shadow.delta, `${shadow.get}/+`], { qos: 0 });
};

const send = (client: MqttClient, { topic, payload, qos, expirySeconds }: Message): void => {
  const properties = expirySeconds === undefined ? undefined : { messageExpiryInterval: expirySeconds };
  // Whether it arrived is for the cloud to say, not for the broker.
  client.publish(topic, JSON.stringify(payload), { qos, properties }, () => undefined);
};

const parsed = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return null;
  }
};
