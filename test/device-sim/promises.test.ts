import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Cycle } from '../../device-sim/state.ts';
import type { Output } from '../../device-sim/turn.ts';
import { defaultBankConfig } from '../../shared/device/config.ts';
import type { JournalEntry } from '../../shared/device/journal.ts';
import { type Act, anyAct, giveAll, usesOf } from './acts.ts';
import { Guesses } from './guesses.ts';
import { Rig } from './rig.ts';

/*
 * What a bank promises whatever happens to it, and in whatever order. The checks read only true time, what the locks
 * did and what was written; they do not know how the bank decides.
 */

/** Watches every output, in its order, and the true time at which it came. */
class Witness {
  private readonly guesses = new Guesses(defaultBankConfig);
  private readonly answered = new Set<string>();
  private readonly spent = new Map<string, number>();
  private written = { seq: 0, type: '' };

  saw(output: Output, rig: Rig): void {
    if (output.type === 'unlock') this.unlocked(output.cycle, rig);
    if (output.type !== 'persist') return;
    for (const [grantId, use] of Object.entries(output.change.uses ?? {})) {
      if (!use) continue;
      this.spent.set(grantId, use.count);
      expect(use.count, `uses of ${grantId}`).toBeLessThanOrEqual(usesOf(grantId));
    }
    for (const entry of output.change.entries ?? []) this.wrote(entry, rig);
  }

  welcomed(): void {
    this.guesses.succeeded();
  }

  private unlocked({ cause, done }: Cycle, { time, state }: Rig): void {
    expect(['access.granted', 'command.acknowledged'], 'written before the lock').toContain(this.written.type);
    if (cause && 'commandId' in cause) {
      expect(this.answered.has(cause.commandId), `${cause.commandId} ran or was refused before`).toBe(false);
      this.answered.add(cause.commandId);
      const { notAfter = 0 } = state.durable.commands[cause.commandId] ?? {};
      expect(time, `${cause.commandId} in time`).toBeLessThanOrEqual(notAfter * 1000);
    }
    // `done`: opened again without a sensor, on a use that was spent before.
    if (!cause || !('grantId' in cause) || done) return;
    expect(this.spent.get(cause.grantId) ?? 0, `uses left of ${cause.grantId}`).toBeLessThan(usesOf(cause.grantId));
  }

  private wrote(entry: JournalEntry, { time }: Rig): void {
    expect(entry.seq).toBe(this.written.seq + 1);
    this.written = entry;
    if (entry.type === 'command.rejected') this.answered.add(entry.commandId);
    if (entry.type === 'access.granted' && entry.method === 'pin') this.guesses.succeeded();
    if (entry.type !== 'access.denied' || entry.method !== 'pin') return;
    if (entry.reason === 'wrong_credential') this.guesses.failed(time);
  }
}

const run = (acts: Act[], startMs: number, options: ConstructorParameters<typeof Rig>[0]): void => {
  const rig = new Rig(options);
  // Not on a whole second, or nothing would be rounded off.
  rig.mono = startMs;
  rig.power(true);
  rig.put({ type: 'connected' });
  rig.config({ batteryBackedClock: options?.batteryBackedClock ?? false });
  const witness = new Witness();
  for (const output of rig.outputs) witness.saw(output, rig);
  rig.watch = (output) => witness.saw(output, rig);
  rig.onWelcome = () => witness.welcomed();
  giveAll(rig);
  for (const each of acts) each.run(rig);
  expect(rig.disk).toEqual(rig.state.durable);
};

it.each([
  ['with contents sensors', {}],
  ['without contents sensors', { contentsSensor: false }],
  ['with a battery-backed clock', { batteryBackedClock: true }],
  ['with slow contents sensors', { sensorLagMs: 3000 }],
])(
  'keeps its promises %s',
  (_, options) => {
    fc.assert(
      fc.property(fc.array(anyAct, { minLength: 20, maxLength: 120, size: 'max' }), fc.nat(999), (acts, startMs) =>
        run(acts, startMs, options),
      ),
      { numRuns: 60 },
    );
  },
  60_000,
);
