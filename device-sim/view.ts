import { defaultBankConfig } from '#shared/device/config.ts';
import { lockedUntil } from '#shared/device/lockout.ts';
import { say } from './panel.ts';
import { picture } from './picture.ts';
import { presenceOf } from './presence.ts';
import type { SimulatedBank } from './simulated-bank.ts';
import type { DoorMemory } from './state.ts';
import { certainTime, knowsCloudTime } from './time.ts';
import type { Now } from './turn.ts';

/** `door`, `contents`, `lock` as the bank knows them; `actual` and `inside` are the truth, whether it sees it or not. */
const doorView = ({ known, actual, item }: DoorMemory) => ({ ...known, inside: actual.inside, actual, item });

const nowOf = (bank: SimulatedBank): Now => ({ mono: performance.now(), wall: Date.now() + bank.skewMs() });

export const stateView = (bank: SimulatedBank) => {
  const { durable, ram, layout } = bank.state();
  const { journalId, lastSeq, acked, keypad, key } = durable;
  const lockEnds = lockedUntil(keypad, durable.config ?? defaultBankConfig);
  const now = nowOf(bank);
  const time = certainTime(bank.state(), now);
  return {
    id: bank.id,
    name: bank.name,
    online: ram?.connected ?? false,
    power: ram !== null,
    doors: Object.fromEntries(
      layout.doors.flatMap((door) => {
        const memory = durable.doors[door];
        return memory ? [[door, doorView(memory)]] : [];
      }),
    ),
    message: ram?.message ?? '',
    presenceCode: presenceOf(bank.state(), now)?.code ?? null,
    journal: { journalId, lastSeq, acknowledged: acked, unacknowledged: lastSeq - acked },
    timeKnown: knowsCloudTime(bank.state()),
    keypadLockedUntil: lockEnds > time ? new Date(lockEnds).toISOString() : null,
    keyGeneration: key?.generation ?? null,
    certificateId: bank.certificateId(),
    link: bank.link(),
    clock: { skewMs: bank.skewMs() },
  };
};

const recentMost = 12;

/** The code of the panel, with what stands beside it in the bank's language. */
const presenceView = (bank: SimulatedBank) => {
  const presence = presenceOf(bank.state(), nowOf(bank));
  return presence && { ...presence, text: say('presence', bank.state().durable.config?.locale) };
};

/** All that the page of a bank shows of it, with the newest entries of its journal first. */
export const pageView = (bank: SimulatedBank) => ({
  ...stateView(bank),
  presence: presenceView(bank),
  recent: bank.state().durable.entries.slice(-recentMost).reverse(),
});
export type PageView = ReturnType<typeof pageView>;

/** How the bank is built. */
export const layoutView = ({ id, name, compartments }: SimulatedBank) => ({ id, name, picture: picture(compartments) });
export type LayoutView = ReturnType<typeof layoutView>;

/** Everything the bank has kept of its journal, and every opening as the world saw it. */
export const journalView = (bank: SimulatedBank) => {
  const { journalId, acked, lastSeq, entries } = bank.state().durable;
  return { journalId, acknowledged: acked, lastSeq, entries, openings: bank.openings() };
};

/** What the bank holds and goes by. Never the verifiers. */
export const grantsView = (bank: SimulatedBank) => {
  const { grants, uses, commands, config, key } = bank.state().durable;
  const held = Object.values(grants).flatMap(({ doors }) => Object.entries(doors));
  return {
    revs: Object.fromEntries(Object.entries(grants).map(([name, { rev }]) => [name, rev])),
    configRev: config?.rev ?? null,
    keyGeneration: key?.generation ?? null,
    doors: Object.fromEntries(
      held.map(([door, { transactionId, version, grants: rights }]) => [
        door,
        {
          transactionId,
          version,
          grants: rights.map(({ verifier: _, ...grant }) => ({ ...grant, used: uses[grant.id]?.count ?? 0 })),
        },
      ]),
    ),
    commands,
  };
};
