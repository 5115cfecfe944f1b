import { describe, expect, it } from 'vitest';
import { seeded } from '../../device-sim/faults.ts';
import { defaultBankConfig } from '../../shared/device/config.ts';
import { lockedUntil } from '../../shared/device/lockout.ts';
import { livePinsPerDoor, pinDigitsFor } from '../../shared/domain/credential.ts';
import { credentialValue, issuerKeysOf } from '../../shared/domain/derived.ts';
import { rootKeysFrom } from '../../shared/domain/root-key.ts';
import { Guesses } from './guesses.ts';
import { bankId, grantOf, held, Rig } from './rig.ts';

/*
 * Somebody stands at a keypad for a month and guesses whenever it takes a code. Every door has as many PINs as a door may
 * have, all of which open now, and they are new every three days; nobody else uses the bank. CI has each trick tried at
 * two banks, LATCHWORK_FULL=1 at two hundred.
 */
const full = process.env.LATCHWORK_FULL === '1';
const times = full ? 50 : 1;
const dayMs = 86_400_000;
const days = 30;
const pinsLastMs = 3 * dayMs;

/** 25 and 250 doors are the most that 6 and 7 digits may serve: there, guessing is worth most. */
const sizes = full ? [6, 25, 120, 250] : [25, 60];

const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(32), older: {} });
const qr =
  credentialValue(
    rootKeys,
    { bankId, transactionId: 'txn_1' },
    { id: 'crd_qr', method: 'qr', step: 'use', attempt: 0, digits: 6, keyVersion: 1 },
  ) ?? '';

const offline = (rig: Rig): void => void rig.put({ type: 'disconnected' });
const online = (rig: Rig): void => void rig.put({ type: 'connected' });

/** What somebody does who hopes for more guesses than the rules allow. */
type Trick = {
  hasBatteryClock?: boolean;
  begins: (rig: Rig) => void;
  /** After the nth guess in a row, which the bank may be asking the cloud about. */
  guessed?: (rig: Rig, nth: number) => void;
  /** Before the fifth in a row. */
  afterFour?: (rig: Rig, ownPin: string) => void;
  locked?: (rig: Rig) => void;
};

const tricks: Record<string, Trick> = {
  'waits until the keypad is on again': { begins: offline },
  'types a PIN of their own after every four guesses': {
    begins: offline,
    afterFour: (rig, ownPin) => {
      if (rig.enter(ownPin)?.granted) rig.door('1', { door: 'closed' });
    },
  },
  'cuts the power whenever the keypad is off': {
    begins: offline,
    locked: (rig) => {
      rig.power(false);
      rig.advance(60);
      rig.power(true);
      online(rig);
      offline(rig);
    },
  },
  'turns the clock of a bank that goes by its own': {
    hasBatteryClock: true,
    begins: (rig) => rig.restart({ online: false }),
    locked: (rig) => {
      rig.skewMs = rig.skewMs === 0 ? 7 * dayMs : 0;
    },
  },
  'cuts the power while the cloud is asked': {
    begins: online,
    guessed: (rig, nth) => {
      // Of the others it is told that nobody knows them.
      if (nth < 5) rig.answerAsk(false);
      else {
        rig.ack(rig.state.durable.lastSeq);
        rig.restart();
      }
    },
  },
};

/** The PINs of a bank, all different, and new ones when `nth` is another. */
const pinsOf = (doors: string[], digits: number, random: () => number): Map<string, string> => {
  const pins = new Map<string, string>();
  for (const door of doors)
    for (let nth = 0; nth < livePinsPerDoor; ) {
      const pin = String(Math.floor(random() * 10 ** digits)).padStart(digits, '0');
      if (pins.has(pin)) continue;
      pins.set(pin, door);
      nth += 1;
    }
  return pins;
};

const give = (rig: Rig, rev: number, doors: string[], pins: Map<string, string>): void => {
  const notAfter = 4_000_000_000;
  const grants = [...pins].map(([pin, door]) => ({
    door,
    grant: grantOf(`crd_${rev}_${pin}`, 'use', pin, { uses: 10_000, notAfter }),
  }));
  const { verifier: _, ...token } = grantOf('crd_qr', 'use', '', { method: 'qr', uses: 10_000, notAfter });
  const byDoor = Map.groupBy(grants, ({ door }) => door);
  rig.grants(
    rev,
    Object.fromEntries(
      doors.map((door, nth) => [
        door,
        held(`txn_${nth + 1}`, [...(byDoor.get(door) ?? []).map(({ grant }) => grant), ...(nth === 0 ? [token] : [])]),
      ]),
    ),
  );
};

type Month = { guesses: number; most: number; hits: { day: number; door: string }[]; opened: number };

/** A month at one bank. */
const month = (trick: Trick, size: number, digits: number, seed: number): Month => {
  const random = seeded(seed);
  const doors = Array.from({ length: size }, (_, nth) => String(nth + 1));
  const rig = Rig.begun({ doors, batteryBackedClock: trick.hasBatteryClock });
  const config = { ...defaultBankConfig, batteryBackedClock: trick.hasBatteryClock ?? false, rev: 1 };
  rig.setShadow('config', { ...config, issuerKeys: issuerKeysOf(rootKeys) });
  const counted = new Guesses(config);
  const found: Month = { guesses: 0, most: 0, hits: [], opened: 0 };
  rig.watch = (output) => {
    if (output.type !== 'persist') return;
    for (const entry of output.change.entries ?? []) {
      if (entry.type === 'access.granted' && entry.method === 'pin') counted.succeeded();
      if (entry.type !== 'access.denied' || entry.reason !== 'wrong_credential') continue;
      counted.failed(rig.time);
      found.guesses += 1;
    }
  };

  let next = Math.floor(random() * 10 ** digits);
  const guess = (pins: Map<string, string>, own: string): string => {
    next = (next + 1) % 10 ** digits;
    const value = String(next).padStart(digits, '0');
    return value === own ? guess(pins, own) : value;
  };
  let scannedOn = -1;

  for (let rev = 1; rig.mono < days * dayMs; rev += 1) {
    const ends = Math.min(rig.mono + pinsLastMs, days * dayMs);
    const pins = pinsOf(doors, digits, random);
    const [own = ''] = pins.keys();
    // The bank is told the new ones, and what it wrote is heard.
    online(rig);
    give(rig, rev, doors, pins);
    rig.ack(rig.state.durable.lastSeq);
    trick.begins(rig);
    for (let inRow = 0; rig.mono < ends; ) {
      if (inRow === 4) trick.afterFour?.(rig, own);
      const value = guess(pins, own);
      // What it said before is of no more use, and a month of it is long.
      rig.outputs.length = 0;
      const answer = rig.enter(value);
      if (answer === undefined || answer.reason === 'wrong_credential') {
        trick.guessed?.(rig, inRow + 1);
        inRow = (inRow + 1) % 5;
        continue;
      }
      if (answer.granted) {
        found.hits.push({ day: Math.floor(rig.mono / dayMs), door: answer.door ?? '' });
        rig.door(answer.door ?? '', { door: 'closed' });
        inRow = 0;
        continue;
      }
      expect(answer.reason).toBe('keypad_locked');
      next -= 1;
      const today = Math.floor(rig.mono / dayMs);
      if (scannedOn !== today) {
        expect(rig.enter(qr, 'qr')).toMatchObject({ granted: true, door: '1' });
        rig.door('1', { door: 'closed' });
        scannedOn = today;
        found.opened += 1;
      }
      trick.locked?.(rig);
      const wait = lockedUntil(rig.state.durable.keypad, config) - rig.time;
      // At once, in case the trick has helped, and else when the keypad is on again.
      const isOff = rig.enter(value)?.reason === 'keypad_locked';
      rig.ack(rig.state.durable.lastSeq);
      if (isOff) rig.advance(Math.max(1, Math.ceil(wait / 1000)));
    }
  }
  return { ...found, most: counted.most };
};

const oneIn = (chance: number): string => `1 in ${Math.floor(1 / chance).toLocaleString('en')}`;

describe(`${days} days of guessing at a keypad, ${times} times at banks of ${sizes.join(', ')} doors`, () => {
  it.each(Object.entries(tricks))('by somebody who %s', { timeout: 600_000 }, (name, trick) => {
    let bankDays = 0;
    let expected = 0;
    let hits = 0;
    for (const size of sizes) {
      const digits = pinDigitsFor(size, defaultBankConfig.guessesPerDay) ?? 0;
      const perGuess = (size * livePinsPerDoor) / 10 ** digits;
      for (let nth = 0; nth < times; nth += 1) {
        const found = month(trick, size, digits, size * 1_000 + nth);
        // As many as the rules allow, so that the test is one of guessing and not of waiting.
        expect(found.guesses).toBeGreaterThan((days - 1) * defaultBankConfig.guessesPerDay * 0.9);
        expect(found.opened, 'days on which a QR code opened at a locked keypad').toBeGreaterThanOrEqual(days - 1);
        const anyDoor = 1 - (1 - perGuess) ** found.most;
        expect(anyDoor, 'some door, in the 24 hours with most guesses').toBeLessThan(1 / 1_000);
        expect(anyDoor / size, 'a given door').toBeLessThan(1 / 10_000);
        bankDays += days;
        expected += found.guesses * perGuess;
        hits += new Set(found.hits.map(({ day }) => day)).size;
      }
    }
    // Four standard deviations: what was opened is what the number of guesses lets expect, and nothing else opens doors.
    expect(hits).toBeLessThanOrEqual(expected + 4 * Math.sqrt(expected) + 1);
    console.info(
      `${name}: ${hits} doors opened in ${bankDays.toLocaleString('en')} bank-days; by the guesses taken ${expected.toFixed(2)}, ${oneIn(expected / bankDays)} a day (stated: below 1 in 1,000)`,
    );
  });
});
