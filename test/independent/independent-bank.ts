import { createHash, createHmac, createPublicKey, randomUUID, timingSafeEqual, verify } from 'node:crypto';
import { iot, mqtt5 } from 'aws-iot-device-sdk-v2';
import * as z from 'zod';

/*
 * A bank written from docs/bank-protocol.md alone, with AWS's device SDK: it imports nothing of ours, and its shapes are
 * spelled out as the document has them. It is small: doors with contents sensors, PINs and tokens, a disk in memory.
 */

const Step = z.enum(['deposit', 'pickup', 'use', 'recall']);
type Step = z.infer<typeof Step>;
const Grant = z.object({
  id: z.string(),
  step: Step,
  after: z.string().optional(),
  within: z.number().optional(),
  method: z.string(),
  verifier: z.string().optional(),
  notBefore: z.number(),
  notAfter: z.number(),
  uses: z.number(),
  blocked: z.string().optional(),
});
type Grant = z.infer<typeof Grant>;
const DoorGrants = z.object({ transactionId: z.string(), version: z.number(), grants: z.array(Grant) });
type DoorGrants = z.infer<typeof DoorGrants>;
const Grants = z.object({ rev: z.number() }).catchall(DoorGrants);
const Open = z.object({ commandId: z.string(), notAfter: z.number(), transactionId: z.string().nullish() });
type Open = z.infer<typeof Open>;
const Doors = z.record(z.string(), z.object({ open: Open.nullish() }));
const IssuerKey = z.object({ version: z.number(), key: z.string() });
type IssuerKey = z.infer<typeof IssuerKey>;
const Config = z.object({ rev: z.number(), issuerKeys: z.array(IssuerKey).default([]) });
const Desired = z.record(z.string(), z.unknown());
const Delta = z.object({ version: z.number(), timestamp: z.number(), state: Desired });
const Accepted = z.object({
  version: z.number(),
  timestamp: z.number(),
  clientToken: z.string().optional(),
  state: z.object({ desired: Desired.default({}) }),
});
const Ack = z.object({ journalId: z.string(), seq: z.number() });
const Replay = z.object({ from: z.number(), to: z.number() });
const Key = z.object({ generation: z.number(), key: z.string() });

type Cause = { grantId: string; step: Step } | { commandId: string };
type Cycle = { transactionId: string | null; version: number | null; cause: Cause | null };
type Door = { door: 'closed' | 'open'; contents: 'empty' | 'filled'; item: string | null; cycle: Cycle };
export type Entry = { seq: number; at: number; type: string } & Record<string, unknown>;
const nobody: Cycle = { transactionId: null, version: null, cause: null };
type Answer = { granted: boolean; door?: string; reason?: string };

export type Settings = {
  bank: string;
  host: string;
  port: number;
  caFile: string;
  certFile: string;
  keyFile: string;
  doors: string[];
};

// "Credentials"

export const verifierOf = (bankKey: Buffer, method: string, value: string): string =>
  createHmac('sha256', bankKey).update(`${method}:${value}`, 'utf8').digest().subarray(0, 16).toString('base64url');

const isSame = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

const tag = (id: string, bytes: number): string =>
  createHash('sha256').update(id, 'utf8').digest().subarray(0, bytes).toString('base64url');

const kinds = (['deposit', 'pickup', 'use', 'recall'] as const).flatMap((step) =>
  (['qr', 'app'] as const).map((method) => ({ method, step })),
);

/** What a token says; null if it is none that one of these keys has signed. */
export const readToken = (issuerKeys: IssuerKey[], text: string) => {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length !== 112 || bytes.toString('base64url') !== text || bytes[0] !== 1) return null;
  const issuer = issuerKeys.find(({ version }) => version === bytes.readUInt16BE(1));
  const kind = kinds[bytes.readUInt8(3)];
  if (!issuer || !kind) return null;
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: issuer.key }, format: 'jwk' });
  if (!verify(null, bytes.subarray(0, 48), key, bytes.subarray(48))) return null;
  const part = (from: number, to: number): string => bytes.subarray(from, to).toString('base64url');
  return {
    ...kind,
    bank: part(4, 12),
    transaction: part(12, 24),
    credential: part(24, 36),
    nonce: part(36, 44),
    notAfter: bytes.readUInt32BE(44) || null,
  };
};

export const tags = (bank: string, transaction: string, credential: string) => ({
  bank: tag(bank, 8),
  transaction: tag(transaction, 12),
  credential: tag(credential, 12),
});

// "In the order in which it happens"

export class IndependentBank {
  /** The journal, as it is on the disk. */
  readonly entries: Entry[] = [];
  readonly journalId = `jnl_${randomUUID()}`;
  acknowledged = 0;
  /** When each request to a shadow was sent, and how many were unanswered then. */
  readonly requests: { at: number; unanswered: number }[] = [];
  config: z.infer<typeof Config> | null = null;
  readonly held = new Map<string, { rev: number; doors: Record<string, DoorGrants> }>();
  private readonly settings: Settings;
  private client: mqtt5.Mqtt5Client | null = null;
  private readonly doors: Map<string, Door>;
  private readonly commands = new Set<string>();
  private readonly uses = new Map<string, { count: number; at: number }>();
  private readonly versions = new Map<string, number>();
  private readonly pending = new Map<string, { token: string; sentAt: number }>();
  private queue: string[] = [];
  /** Shadows to say in what their doors look like. */
  private report: string[] = [];
  private key: { generation: number; bytes: Buffer } | null = null;
  private time: { lower: number; upper: number; at: number } | null = null;
  private sent = 0;
  private last = 0;
  private timer: NodeJS.Timeout | undefined;
  private resendAt = 0;

  constructor(settings: Settings) {
    this.settings = settings;
    const closed = (): Door => ({ door: 'closed', contents: 'empty', item: null, cycle: nobody });
    this.doors = new Map(settings.doors.map((door) => [door, closed()]));
    // Whoever began this journal has no key yet.
    this.write('boot', { generation: null });
  }

  private newClient(): mqtt5.Mqtt5Client {
    const { bank, host, port, caFile, certFile, keyFile } = this.settings;
    const builder = iot.AwsIotMqtt5ClientConfigBuilder.newDirectMqttBuilderWithMtlsFromPath(host, certFile, keyFile);
    builder.withPort(port);
    builder.withCertificateAuthorityFromPath(undefined, caFile);
    builder.withConnectProperties({ clientId: bank, keepAliveIntervalSeconds: 30 });
    builder.withSessionBehavior(mqtt5.ClientSessionBehavior.Clean);
    const client = new mqtt5.Mqtt5Client(builder.build());
    client.on('messageReceived', ({ message }) => this.hear(message));
    return client;
  }

  async connect(): Promise<void> {
    const client = this.newClient();
    this.client = client;
    const connected = new Promise<void>((resolve, reject) => {
      client.once('connectionSuccess', () => resolve());
      client.once('connectionFailure', ({ error }) => reject(error));
    });
    client.start();
    await connected;
    const things = `$aws/things/${this.settings.bank}/shadow/name/+`;
    const filters = [`lw/${this.settings.bank}/down/+`, `${things}/update/delta`, `${things}/get/+`];
    await client.subscribe({
      subscriptions: filters.map((topicFilter) => ({ topicFilter, qos: mqtt5.QoS.AtMostOnce })),
    });
    this.versions.clear();
    this.pending.clear();
    this.sent = this.acknowledged;
    const grants = this.acknowledged > 0 ? this.shadows('grants', 8) : [];
    this.queue = [];
    this.askFor('config', ...grants, ...this.shadows('doors', 24));
    this.report = this.shadows('doors', 24);
    this.send();
    this.timer = setInterval(() => this.tick(), 250);
  }

  async disconnect(): Promise<void> {
    const { client } = this;
    if (!client) return;
    clearInterval(this.timer);
    this.client = null;
    const stopped = new Promise<void>((resolve) => client.once('stopped', () => resolve()));
    client.stop();
    await stopped;
    client.close();
  }

  // People and their things

  /** Somebody types a PIN or shows a token. */
  enter(method: 'pin' | 'qr' | 'app', value: string): Answer {
    const reason = this.decide(method, value);
    if (typeof reason === 'object') return { granted: true, door: reason.door };
    this.write('access.denied', { method, reason });
    this.send();
    return { granted: false, reason };
  }

  /** They put it in or take it out, and close the door. */
  leaves(label: string, contents: 'empty' | 'filled'): void {
    const door = this.door(label);
    if (door.contents !== contents) {
      door.contents = contents;
      door.item = contents === 'empty' ? null : door.cycle.transactionId;
      this.writeOf(label, 'contents.changed');
    }
    door.door = 'closed';
    const { cause } = door.cycle;
    const isDone =
      cause && 'step' in cause && { deposit: 'filled', pickup: 'empty', recall: 'empty', use: contents }[cause.step];
    if (isDone === contents && cause && 'grantId' in cause) {
      const before = this.uses.get(cause.grantId);
      this.uses.set(cause.grantId, { count: (before?.count ?? 0) + 1, at: before?.at ?? this.now().middle });
    }
    this.writeOf(label, 'door.closed');
    this.send();
  }

  // "Deciding"

  private decide(method: 'pin' | 'qr' | 'app', value: string): string | { door: string } {
    if (!this.time) return 'no_cloud_time';
    const token = method === 'pin' ? null : readToken(this.config?.issuerKeys ?? [], value);
    if (method !== 'pin' && token?.method !== method) return 'wrong_credential';
    if (token && token.bank !== tag(this.settings.bank, 8)) return 'wrong_bank';
    if (!this.key) return 'wrong_credential';
    const verifier = verifierOf(this.key.bytes, method, value);
    let reason: { text: string; passed: number } | null = null;
    for (const { doors } of this.held.values())
      for (const [label, held] of Object.entries(doors))
        for (const grant of held.grants) {
          const fits = token
            ? grant.method === method &&
              grant.step === token.step &&
              tag(grant.id, 12) === token.credential &&
              tag(held.transactionId, 12) === token.transaction
            : grant.method === method && grant.verifier !== undefined && isSame(grant.verifier, verifier);
          if (!fits) continue;
          const checks = this.checks(label, held, grant);
          const passed = checks.findIndex((it) => it !== null);
          if (passed === -1) return this.grants(label, held, grant, method);
          if (!reason || passed > reason.passed) reason = { text: checks[passed] ?? '', passed };
        }
    return reason?.text ?? 'wrong_credential';
  }

  /** In the order of the document; without apps’ tokens, and with sensors that work. */
  private checks(label: string, held: DoorGrants, grant: Grant): (string | null)[] {
    const { middle, upper } = this.now();
    const door = this.door(label);
    const used = this.uses.get(grant.id);
    const sameStep = (id: string | undefined): string[] => {
      const step = held.grants.find((it) => it.id === id)?.step;
      return [...(id === undefined ? [] : [id]), ...held.grants.filter((it) => it.step === step).map((it) => it.id)];
    };
    const before = sameStep(grant.after).flatMap((id) => this.uses.get(id) ?? []);
    const begun = grant.after === undefined ? used?.at : before.map(({ at }) => at).toSorted((a, b) => a - b)[0];
    const end =
      begun === undefined || grant.within === undefined ? Number.POSITIVE_INFINITY : begun + grant.within * 1000;
    const notYet = { deposit: 'too_early', use: 'too_early', pickup: 'compartment_empty', recall: 'compartment_empty' };
    const isDoneByOther = held.grants.some(
      (it) => it.step === grant.step && it.id !== grant.id && this.uses.has(it.id),
    );
    const isSpent = (used?.count ?? 0) >= grant.uses || (grant.step !== 'use' && isDoneByOther);
    const isOccupied = door.contents === 'filled' || (door.item !== null && door.item !== held.transactionId);
    return [
      upper < grant.notBefore * 1000 ? 'too_early' : null,
      middle > Math.min(grant.notAfter * 1000, end) ? 'too_late' : null,
      grant.after !== undefined && before.length === 0 ? notYet[grant.step] : null,
      grant.blocked ?? null,
      isSpent ? 'credential_revoked' : null,
      door.door === 'open' ? 'door_not_closed' : null,
      grant.step === 'deposit' && isOccupied ? 'compartment_occupied' : null,
    ];
  }

  private grants(label: string, held: DoorGrants, grant: Grant, method: string): { door: string } {
    const { transactionId, version } = held;
    this.door(label).cycle = { transactionId, version, cause: { grantId: grant.id, step: grant.step } };
    this.writeOf(label, 'access.granted', { method });
    this.door(label).door = 'open';
    this.writeOf(label, 'door.opened');
    return { door: label };
  }

  // "Shadows"

  private hear({ topicName, payload }: mqtt5.PublishPacket): void {
    const message: unknown = JSON.parse(Buffer.from(z.instanceof(ArrayBuffer).parse(payload)).toString('utf8'));
    const [, name = '', news = ''] = topicName.match(/\/shadow\/name\/([^/]+)\/(.+)$/) ?? [];
    if (news === 'update/delta') this.delta(name, Delta.parse(message));
    else if (news === 'get/accepted') this.accepted(name, Accepted.parse(message));
    else if (news === 'get/rejected') this.pending.delete(name);
    else if (topicName.endsWith('/down/ack')) this.ack(Ack.parse(message));
    else if (topicName.endsWith('/down/replay')) this.replay(Replay.parse(message));
    else if (topicName.endsWith('/down/key')) this.takeKey(Key.parse(message));
    this.ask();
  }

  private takeKey({ generation, key }: z.infer<typeof Key>): void {
    if (generation > (this.key?.generation ?? 0)) this.key = { generation, bytes: Buffer.from(key, 'base64url') };
  }

  private delta(name: string, { version, timestamp, state }: z.infer<typeof Delta>): void {
    if (this.time) this.time = this.since({ ...this.now(), lower: Math.max(this.now().lower, timestamp * 1000) });
    if (name.startsWith('grants-') && !this.versions.has(name)) {
      // Older than what this journal may know, perhaps.
      if (this.acknowledged > 0) this.askFor(name);
    } else if (version > (this.versions.get(name) ?? -1)) this.take(name, version, state);
  }

  private accepted(name: string, message: z.infer<typeof Accepted>): void {
    const asked = this.pending.get(name);
    if (!asked || asked.token !== message.clientToken) return;
    this.pending.delete(name);
    const told = message.timestamp * 1000;
    const before = this.time && this.now();
    const lower = Math.max(before?.lower ?? 0, told);
    const latest = told + 1000 + (performance.now() - asked.sentAt);
    this.time = this.since({ lower, upper: Math.max(lower, Math.min(before?.upper ?? latest, latest)) });
    if (message.version >= (this.versions.get(name) ?? -1)) this.take(name, message.version, message.state.desired);
  }

  private take(name: string, version: number, desired: z.infer<typeof Desired>): void {
    this.versions.set(name, version);
    // It is being made for the first time, and says nothing yet.
    if (!name.startsWith('doors-') && !('rev' in desired)) return;
    if (name === 'config') this.takeConfig(Config.parse(desired));
    if (name.startsWith('grants-')) this.takeGrants(name, Grants.parse(desired));
    if (!name.startsWith('doors-')) return;
    for (const [door, { open }] of Object.entries(Doors.parse(desired))) if (open) this.obey(door, open);
  }

  private takeConfig(desired: z.infer<typeof Config>): void {
    if (desired.rev > (this.config?.rev ?? -1)) this.config = desired;
  }

  private takeGrants(name: string, { rev, ...entries }: z.infer<typeof Grants>): void {
    const before = this.held.get(name);
    if (rev <= (before?.rev ?? -1)) return;
    const doors: Record<string, DoorGrants> = entries;
    this.held.set(name, { rev, doors });
    const of = (them: [string, DoorGrants][]) =>
      Object.fromEntries(them.map(([door, { transactionId, version }]) => [door, { transactionId, version }]));
    const isNew = ([door, it]: [string, DoorGrants]) =>
      before?.doors[door]?.transactionId !== it.transactionId || before.doors[door]?.version !== it.version;
    const kept = Object.values(doors).map((it) => it.transactionId);
    this.write('grants.applied', {
      k: Number(name.slice('grants-'.length)),
      rev,
      doors: of(Object.entries(doors).filter(isNew)),
      removed: of(Object.entries(before?.doors ?? {}).filter(([, it]) => !kept.includes(it.transactionId))),
    });
    this.send();
  }

  // "Commands"

  private obey(label: string, { commandId, notAfter, transactionId }: Open): void {
    if (this.commands.has(commandId)) return;
    this.commands.add(commandId);
    const door = this.door(label);
    const held = [...this.held.values()].map(({ doors }) => doors[label]).find((it) => it);
    const owner = held?.transactionId ?? door.item;
    const isTold = this.versions.has(`grants-${Math.floor(this.settings.doors.indexOf(label) / 8)}`);
    const isAnothers = transactionId != null && (owner === null ? isTold : owner !== transactionId);
    const refusals = [
      !this.time && 'no_cloud_time',
      this.time && this.now().upper > notAfter * 1000 && 'expired',
      isAnothers && 'wrong_transaction',
      door.door === 'open' && 'door_busy',
    ];
    const reason = refusals.find((it) => it);
    if (reason) this.write('command.rejected', { commandId, door: label, reason });
    else {
      this.write('command.acknowledged', { commandId, door: label });
      const whose = transactionId ?? held?.transactionId ?? null;
      const version = held && held.transactionId === whose ? held.version : null;
      Object.assign(door, { door: 'open', cycle: { transactionId: whose, version, cause: { commandId } } });
      this.writeOf(label, 'door.opened');
    }
    this.send();
  }

  // "Journal"

  private write(type: string, fields: Record<string, unknown>): void {
    this.last = Math.max(this.last, this.time ? this.now().middle : Date.now());
    this.entries.push({ seq: this.entries.length + 1, at: this.last, type, ...fields });
  }

  private writeOf(label: string, type: string, more: Record<string, unknown> = {}): void {
    const { door, contents, cycle } = this.door(label);
    this.write(type, { door: label, after: { door, contents, lock: 'ok' }, ...cycle, ...more });
  }

  /** What is due: from the first that was not sent in this session. */
  private send(): void {
    this.publishEntries(Math.max(this.sent, this.acknowledged) + 1, this.entries.length);
    this.sent = this.entries.length;
    this.resendAt ||= performance.now() + 2_000;
  }

  private publishEntries(from: number, to: number): void {
    for (let first = from; first <= to; first += 100)
      this.publish(
        `$aws/rules/lw_journal/${this.settings.bank}`,
        { journalId: this.journalId, entries: this.entries.slice(first - 1, Math.min(to, first + 99)) },
        mqtt5.QoS.AtLeastOnce,
      );
  }

  private replay({ from, to }: z.infer<typeof Replay>): void {
    this.publishEntries(from, Math.min(to, this.entries.length));
  }

  private ack({ journalId, seq }: z.infer<typeof Ack>): void {
    if (journalId !== this.journalId || seq <= this.acknowledged) return;
    // The first says that grants may be taken from now on.
    if (this.acknowledged === 0) this.askFor(...this.shadows('grants', 8));
    this.acknowledged = seq;
    this.resendAt = this.acknowledged < this.sent ? performance.now() + 2_000 : 0;
  }

  private tick(): void {
    const now = performance.now();
    if (this.resendAt > 0 && this.resendAt <= now) {
      this.sent = this.acknowledged;
      this.resendAt = 0;
      this.send();
    }
    for (const [name, { sentAt }] of this.pending)
      if (sentAt + 5_000 <= now) {
        this.pending.delete(name);
        this.askFor(name);
      }
    this.ask();
  }

  // "Connection"

  private askFor(...names: string[]): void {
    for (const name of names) if (!this.queue.includes(name)) this.queue.push(name);
    this.ask();
  }

  /** At most 16 requests a second and 8 unanswered. */
  private ask(): void {
    const now = performance.now();
    const isPaced = () => this.requests.filter(({ at }) => at > now - 1_000).length >= 16;
    const isFull = () => this.pending.size >= 8 || isPaced();
    while (this.queue.length > 0 && !isFull()) {
      const [name = ''] = this.queue.splice(0, 1);
      const token = randomUUID();
      this.pending.set(name, { token, sentAt: now });
      this.requests.push({ at: now, unanswered: this.pending.size });
      const topic = `$aws/things/${this.settings.bank}/shadow/name/${name}/get`;
      this.publish(topic, { clientToken: token }, mqtt5.QoS.AtMostOnce);
    }
    while (this.queue.length === 0 && this.report.length > 0 && !isPaced()) {
      const [name = ''] = this.report.splice(0, 1);
      this.requests.push({ at: now, unanswered: this.pending.size });
      const doors = [...this.doors].slice(24 * Number(name.slice('doors-'.length))).slice(0, 24);
      const reported = Object.fromEntries(doors.map(([label, it]) => [label, { is: `${it.door} ${it.contents} ok` }]));
      const topic = `$aws/things/${this.settings.bank}/shadow/name/${name}/update`;
      this.publish(topic, { state: { reported } }, mqtt5.QoS.AtMostOnce);
    }
  }

  private publish(topicName: string, message: object, qos: mqtt5.QoS): void {
    // What gets lost is asked for or sent again.
    this.client?.publish({ topicName, payload: JSON.stringify(message), qos }).catch(() => undefined);
  }

  private shadows(kind: string, doorsEach: number): string[] {
    return Array.from({ length: Math.ceil(this.settings.doors.length / doorsEach) }, (_, k) => `${kind}-${k}`);
  }

  // "Time at the bank"

  private since({ lower, upper }: { lower: number; upper: number }) {
    return { lower, upper: Math.max(lower, upper), at: performance.now() };
  }

  private now(): { lower: number; upper: number; middle: number } {
    const { lower, upper, at } = this.time ?? { lower: 0, upper: 0, at: 0 };
    const passed = performance.now() - at;
    return {
      lower: lower + passed,
      upper: upper + passed,
      middle: Math.max(this.last, Math.round((lower + upper) / 2 + passed)),
    };
  }

  private door(label: string): Door {
    const found = this.doors.get(label);
    if (!found) throw new Error(`there is no door ${label}`);
    return found;
  }
}
