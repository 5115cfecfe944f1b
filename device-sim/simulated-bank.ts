import { join } from 'node:path';
import type { AccessMethod } from '#shared/device/access.ts';
import { step, wakeAt } from './bank.ts';
import type { Faults } from './faults.ts';
import type { Identity } from './identity.ts';
import type { Link, LinkEvents } from './link.ts';
import { say } from './panel.ts';
import type { Compartment } from './picture.ts';
import type { BankState, Layout } from './state.ts';
import { openStore } from './store.ts';
import type { DoorChange, EnterResult, Input, Now, Output, ScanResult } from './turn.ts';
import { type Opening, openWitness } from './witness.ts';

export type LinkState = { online: boolean } & Faults;

export type SimulatedBank = {
  id: string;
  name: string;
  compartments: readonly Compartment[];
  /** Resolves when it has connected for the first time. */
  connected: Promise<void>;
  state(): BankState;
  openings(): Opening[];
  link(): LinkState;
  skewMs(): number;
  /** As AWS IoT names the certificate that it connects with. */
  certificateId(): string;
  enter(method: AccessMethod, value: string): Promise<EnterResult>;
  /** Shows a label to the scanner. */
  scan(value: string): Promise<ScanResult>;
  /** Answers why it cannot be so, or nothing. */
  door(door: string, change: DoorChange): Promise<string | undefined>;
  power(on: boolean): Promise<void>;
  /** Somebody opens the cover of the controller. */
  tamper(): Promise<void>;
  /** Power off, a new and empty disk, power on. */
  loseDisk(): Promise<void>;
  setLink(change: Partial<LinkState>): void;
  setSkew(skewMs: number): void;
  /** Calls whenever something has changed, until what it returns is called. */
  watch(changed: () => void): () => void;
  stop(): Promise<void>;
};

export type BankSettings = {
  name: string;
  /** Holds one folder per bank. */
  stateFolder: string;
  layout: Layout;
  /** How it is built, door by door as in the layout: for its picture. */
  compartments: readonly Compartment[];
  link: (events: LinkEvents) => Link;
  identity: Identity;
  /** Of its controller, where it has one: another number is another box. */
  serialNumber?: string | undefined;
};

/** Node's timers cannot wait longer. */
const timerMaxMs = 2 ** 31 - 1;

/** One bank in this process: the pure machine with a clock, a disk and a link. */
export const startBank = async (settings: BankSettings, log: (text: string) => void): Promise<SimulatedBank> => {
  const { layout, name, compartments, identity, serialNumber } = settings;
  const folder = join(settings.stateFolder, layout.bankId);
  const store = await openStore(folder, layout, Date.now(), serialNumber);
  const witness = await openWitness(folder);
  const entering = new Map<string, (result: EnterResult) => void>();
  let state: BankState = { layout, durable: store.durable, ram: null };
  let skewMs = 0;
  let wantsLink = true;
  let entered = 0;
  let timer: NodeJS.Timeout | undefined;
  let turns: Promise<unknown> = Promise.resolve();
  let isStopped = false;
  const connected = Promise.withResolvers<void>();
  const watchers = new Set<() => void>();
  const tellWatchers = (): void => {
    for (const changed of watchers) changed();
  };

  const now = (): Now => ({ mono: performance.now(), wall: Date.now() + skewMs });

  /** One input at a time, and the next only when everything that follows from the last is done. */
  const put = (input: Input): Promise<Output[]> => {
    const turn = turns.then(() => take(input));
    turns = turn.catch(halt);
    return turn;
  };

  /** For inputs that nobody waits for. */
  const tell = (input: Input): void => {
    put(input).catch(() => undefined);
  };

  const link = settings.link({
    connected: ({ rotation }) => {
      tell({ type: 'connected', rotation });
      connected.resolve();
    },
    disconnected: () => tell({ type: 'disconnected' }),
    message: (topic, payload) => tell({ type: 'message', topic, payload }),
    log,
  });

  const take = async (input: Input): Promise<Output[]> => {
    if (isStopped) throw new Error(`bank ${layout.bankId} has stopped`);
    clearTimeout(timer);
    const next = step(state, input, now());
    for (const output of next.outputs) await perform(output, next.state);
    state = next.state;
    tellWatchers();
    const wait = wakeAt(state) - performance.now();
    if (wait < timerMaxMs) timer = setTimeout(() => tell({ type: 'tick' }), Math.max(wait, 1));
    return next.outputs;
  };

  const perform = async (output: Output, next: BankState): Promise<void> => {
    if (output.type === 'persist') await store.append(output.change, { lazy: output.lazy });
    else if (output.type === 'publish') link.publish(output);
    else if (output.type === 'unlock') await witness.saw(output.door, output.cycle, next);
    else if (output.type === 'log') log(output.text);
    else if (output.type === 'newKey') {
      const { rotation } = output;
      tell({ type: 'request', rotation, csr: await identity.request(rotation) });
    } else if (output.type === 'renew') {
      const isOurs = await identity.accept(output.rotation, output.certificatePem);
      if (isOurs) link.reconnect();
      else log('a certificate came for a key that is not ours');
    } else if (output.type === 'settled') await identity.settle();
    else if (output.type === 'entered') {
      entering.get(output.id)?.(output.result);
      entering.delete(output.id);
    }
  };

  /** A bank that cannot write its journal must not open doors. */
  const halt = (error: unknown): void => {
    if (isStopped) return;
    isStopped = true;
    log(`stopped: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    clearTimeout(timer);
    link.setOnline(false);
    for (const resolve of entering.values())
      resolve({ granted: false, message: say('dark', state.durable.config?.locale) });
  };

  const applyLink = (): void => link.setOnline(wantsLink && state.ram !== null && !isStopped);

  const power = async (on: boolean): Promise<void> => {
    await put({ type: 'power', on });
    applyLink();
  };

  const loseDisk = async (): Promise<void> => {
    await power(false);
    turns = turns
      .then(async () => {
        state = { layout, durable: await store.lose(Date.now()), ram: null };
      })
      .catch(halt);
    await power(true);
  };

  await power(true);
  return {
    id: layout.bankId,
    name,
    compartments,
    connected: connected.promise,
    state: () => state,
    openings: witness.openings,
    link: () => ({ online: wantsLink, ...link.faults() }),
    skewMs: () => skewMs,
    certificateId: identity.certificateId,
    enter: async (method, value) => {
      entered += 1;
      const id = String(entered);
      const { promise, resolve } = Promise.withResolvers<EnterResult>();
      entering.set(id, resolve);
      await put({ type: 'enter', id, method, value });
      return promise;
    },
    scan: async (value) => {
      const outputs = await put({ type: 'scan', value });
      const scanned = outputs.find((output) => output.type === 'scanned');
      if (!scanned) throw new Error('a scan was not answered');
      return scanned.result;
    },
    door: async (door, change) => {
      const outputs = await put({ type: 'door', door, change });
      return outputs.find((output) => output.type === 'changed')?.impossible;
    },
    power,
    tamper: async () => {
      await put({ type: 'tamper' });
    },
    loseDisk,
    setLink: ({ online, ...faults }) => {
      link.setFaults(faults);
      wantsLink = online ?? wantsLink;
      applyLink();
      tellWatchers();
    },
    setSkew: (ms) => {
      skewMs = ms;
      tellWatchers();
    },
    watch: (changed) => {
      watchers.add(changed);
      return () => watchers.delete(changed);
    },
    stop: async () => {
      await link.stop();
      await turns;
      isStopped = true;
      clearTimeout(timer);
      await store.close();
    },
  };
};
