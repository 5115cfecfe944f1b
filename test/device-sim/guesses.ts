import { expect } from 'vitest';
import type { BankConfig } from '../../shared/device/config.ts';

/** Counts guesses by the rules of design.md section 5, by true time. */
export class Guesses {
  private wrong: number[] = [];
  private streak = 0;
  private lockedUntil = 0;
  private readonly config: BankConfig;

  constructor(config: BankConfig) {
    this.config = config;
  }

  /** How many there were in the 24 hours that had the most. */
  most = 0;

  failed(time: number): void {
    expect(time, 'a guess was taken while the keypad was locked').toBeGreaterThanOrEqual(this.lockedUntil);
    const today = [...this.wrong.filter((at) => at > time - 86_400_000), time];
    this.wrong = today;
    expect(today.length, 'guesses in 24 hours').toBeLessThanOrEqual(this.config.guessesPerDay);
    this.most = Math.max(this.most, today.length);
    this.streak += 1;
    const row = this.config.lockout.find(({ failures }) => failures === this.streak);
    if (row) this.lockedUntil = time + row.lockSeconds * 1000;
    if (this.streak === this.config.lockout.at(-1)?.failures) this.streak = 0;
  }

  succeeded(): void {
    this.streak = 0;
  }
}
