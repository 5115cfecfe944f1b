import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Command, CommandState } from '#shared/domain/command.ts';
import { type Compartment, newCompartment } from '#shared/domain/compartment.ts';
import { epochMs, instant } from '#shared/domain/time.ts';
import { freshCodes, hearCode } from '#shared/vendors/lock-board/codes.ts';
import {
  type DoorMemory,
  doorOf,
  journalled,
  type Memory,
  type NewEntry,
  newMemory,
  withDoor,
} from '#shared/vendors/lock-board/memory.ts';
import { Callback, unlockResultOf } from '#shared/vendors/lock-board/messages.ts';
import { isDue, takeAnswer, takeOrder } from '#shared/vendors/lock-board/orders.ts';
import { doorsByAddress, locksRefused } from '#shared/vendors/lock-board/registration.ts';
import { type DoorNews, doorNewsOf, hearDoors } from '#shared/vendors/lock-board/states.ts';
import { bankOf, doorOf as built, startedAt } from './cloud-and-bank.ts';

const bank = bankOf(['1', '2'].map((door) => built(door)));
const start = epochMs(startedAt);
const ajarAfterMs = 60_000;
const empty = newMemory('jnl_1');
const because = { commandId: 'cmd_1', transactionId: 'txn_1' };
const ordered: Partial<DoorMemory> = { order: { ...because, notAfter: start + 30_000, isTaken: true } };

/** `open 1 5`: the door was open and full, five seconds in; `-`: not said. */
const news = (text: string, door = '1'): DoorNews => {
  const [position = '', goods = '', seconds = ''] = text.split(' ').map((it) => (it === '-' ? '' : it));
  return { door, position, goods, at: start + Number(seconds) * 1000 } as DoorNews;
};

/** In few words: what happened, what it left, and because of what. */
const told = (entries: readonly NewEntry[]): string[] =>
  entries.map((it) => {
    if (!('after' in it)) return 'reason' in it ? `${it.type} ${it.reason}` : it.type;
    const { cause, after, type } = it;
    const why = cause === null ? 'nobody' : 'commandId' in cause ? cause.commandId : 'grant';
    return `${type} ${after.door} ${after.contents} ${why} ${(it.at - start) / 1000}`;
  });

const hear = (memory: Memory, ...texts: string[]) =>
  hearDoors(
    memory,
    texts.map((it) => news(it)),
    ajarAfterMs,
  );

describe('what a vendor says of a door', () => {
  const command = 'cmd_1';
  it.each<[string, { before?: Partial<DoorMemory>; hears: string[]; tells: string[] }]>([
    ['a door that is as it was built is no news', { hears: ['closed 0 1'], tells: [] }],
    [
      'a door that opens though nobody ordered it was forced',
      { hears: ['open 0 1'], tells: ['door.forced open empty nobody 1'] },
    ],
    [
      'a door that opens as ordered is a cycle of its command',
      {
        before: ordered,
        hears: ['open 0 1', 'open 1 3', 'closed 1 5'],
        tells: [
          `door.opened open empty ${command} 1`,
          `contents.changed open filled ${command} 3`,
          `door.closed closed filled ${command} 5`,
        ],
      },
    ],
    [
      'one that opened before the vendor has answered was taken',
      {
        before: { order: { ...because, notAfter: start + 30_000, isTaken: false } },
        hears: ['open 0 1'],
        tells: ['command.acknowledged', `door.opened open empty ${command} 1`],
      },
    ],
    [
      'one that opens long after its command was forced',
      { before: ordered, hears: ['open 0 61'], tells: ['door.forced open empty nobody 61'] },
    ],
    [
      'a contents sensor may notice when the door is closed again',
      {
        before: ordered,
        hears: ['open 0 1', 'closed 0 2', 'closed 1 3'],
        tells: [
          `door.opened open empty ${command} 1`,
          `door.closed closed empty ${command} 2`,
          `contents.changed closed filled ${command} 3`,
        ],
      },
    ],
    [
      'what is inside is not known once the door has moved and nobody says',
      {
        before: ordered,
        hears: ['open - 1', 'closed - 2'],
        tells: [`door.opened open unknown ${command} 1`, `door.closed closed unknown ${command} 2`],
      },
    ],
    [
      'an empty text says nothing new',
      { before: { contents: 'filled' }, hears: ['- - 1', 'closed - 2', '- 1 3'], tells: [] },
    ],
    [
      'of a door whose opening was lost, what is inside tells that it was open',
      {
        before: ordered,
        hears: ['closed 1 5'],
        tells: [`door.opened open empty ${command} 5`, `door.closed closed filled ${command} 5`],
      },
    ],
    [
      'of what comes in the wrong order, the later is how it is',
      {
        before: ordered,
        hears: ['closed - 5', 'open - 1'],
        tells: [`door.opened open unknown ${command} 1`, `door.closed closed unknown ${command} 5`],
      },
    ],
    [
      'what is older than the last time it moved changes nothing, nor does what is said again',
      {
        before: { ...ordered, door: 'open', since: start + 4_000, at: start + 4_000 },
        hears: ['closed 1 3', 'open 0 4', 'closed 1 4'],
        tells: [],
      },
    ],
    [
      'a door that is told to stand open for long is ajar, once',
      {
        before: ordered,
        hears: ['open 0 1', 'open 0 60', 'open 0 61', 'open 0 90', 'closed 0 99'],
        tells: [
          `door.opened open empty ${command} 1`,
          `door.ajar ajar empty ${command} 61`,
          `door.closed closed empty ${command} 99`,
        ],
      },
    ],
  ])('%s', (_, { before, hears, tells }) => {
    const memory = before ? withDoor(empty, '1', before) : empty;
    const heard = hear(memory, ...hears);
    expect(told(heard.entries)).toEqual(tells);
    // However it is said again, and cut into however many callbacks.
    const again = hear(heard.memory, ...hears);
    expect(again).toEqual({ memory: heard.memory, entries: [], news: 0 });
    expect(again.memory).toBe(heard.memory);
    const oneByOne = hears.reduce((so, it) => hear(so, it).memory, memory);
    expect(oneByOne.doors).toEqual(heard.memory.doors);
  });

  const history = fc
    .array(fc.tuple(fc.constantFrom('open', 'closed'), fc.constantFrom('0', '1')), { minLength: 1, maxLength: 8 })
    .map((states) => states.map(([position, goods], nth) => news(`${position} ${goods} ${nth + 1}`)));

  it('ends as it is by the newest, in whatever order and however often it is told', () => {
    fc.assert(
      fc.property(
        history.chain((states) =>
          fc.tuple(
            fc.constant(states),
            fc.shuffledSubarray([...states, ...states], { minLength: states.length, maxLength: 2 * states.length }),
          ),
        ),
        ([states, arriving]) => {
          const newest = states.at(-1);
          const all = [...arriving, ...(newest ? [newest] : [])];
          const { memory, entries } = all.reduce(
            (so, it) => {
              const heard = hearDoors(so.memory, [it], ajarAfterMs);
              return { memory: heard.memory, entries: [...so.entries, ...heard.entries] };
            },
            { memory: withDoor(empty, '1', ordered), entries: [] as NewEntry[] },
          );
          const door = doorOf(memory, '1');
          expect([door.door, door.contents]).toEqual([newest?.position, newest?.goods === '1' ? 'filled' : 'empty']);
          expect(hearDoors(memory, all, ajarAfterMs)).toEqual({ memory, entries: [], news: 0 });
          // Opened and closed in turn, and the last entry tells how it is.
          const moves = entries
            .filter(({ type }) => /opened|forced|closed/.test(type))
            .map(({ type }) => type === 'door.closed');
          expect(moves).toEqual(moves.map((_, nth) => nth % 2 === 1));
          const last = entries.findLast((it) => 'after' in it);
          if (last && 'after' in last)
            expect([last.after.door, last.after.contents]).toEqual([door.door, door.contents]);
          // A command opens once.
          expect(entries.filter(({ type }) => type === 'door.opened').length).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});

describe('the addresses of locks', () => {
  const locks = { '1': { board: '0A', lock: '1F' }, '2': { board: 'a', lock: '20' } };

  it('are the same however they are written', () => {
    const callback = Callback().parse({
      boardStates: [
        {
          board: '0a',
          locks: [
            { lock: '1f', door: 'open', goods: '', ts: String(start), temperature: '' },
            { lock: '0020', door: '', goods: '1', ts: '' },
            { lock: '21', door: 'open', goods: '1', ts: '' },
          ],
        },
      ],
    });
    expect(doorNewsOf(callback, doorsByAddress(locks), start - 1)).toEqual([
      { door: '2', position: '', goods: '1', at: start - 1 },
      { door: '1', position: 'open', goods: '', at: start },
    ]);
  });

  it.each([
    ['one for each door', locks, ['1', '2'], []],
    ['a door without', locks, ['1', '2', '3'], [['/locks/3', 'is missing']]],
    ['one for no door', locks, ['1'], [['/locks/2', 'is no door of the layout']]],
    [
      'two doors with one',
      { ...locks, '2': { board: 'A', lock: '01f' } },
      ['1', '2'],
      [['/locks/2', 'is the lock of door 1 as well']],
    ],
  ])('%s', (_, given, doors, errors) => {
    expect(locksRefused(given, doors).map(({ pointer, detail }) => [pointer, detail])).toEqual(errors);
  });
});

describe('a command', () => {
  const command: Command = {
    id: 'cmd_5',
    tenant: 'ten_1',
    bankId: bank.id,
    door: '1',
    livemode: true,
    transactionId: 'txn_1',
    credential: null,
    state: 'queued',
    reason: 'cleaning',
    outcome: null,
    notAfter: instant(start + 30_000),
    createdAt: startedAt,
    updatedAt: startedAt,
    version: 1,
    hash: '',
  };
  const compartment: Compartment = { ...newCompartment('1'), heldBy: 'txn_1' };
  const take = (memory: Memory, it = command, at = { bank, compartment, now: start }) => takeOrder(memory, it, at);
  /** Without the `boot` that comes before all else. */
  const journalOf = ({ outbox }: Memory) =>
    told(outbox.journal.flatMap(({ entries }) => entries).filter(({ type }) => type !== 'boot'));

  it('is remembered before it is sent, and sent again until it is answered', () => {
    const first = take(empty);
    expect(first.send).toBe(true);
    expect(doorOf(first.memory, '1').order).toMatchObject({ commandId: command.id, isTaken: false });
    expect(take(first.memory)).toEqual({ memory: first.memory, send: true });
    const answered = takeAnswer(first.memory, command, 'ok', { bank, now: start });
    expect(journalOf(answered)).toEqual(['command.acknowledged']);
    expect(take(answered).send).toBe(false);
    expect(takeAnswer(answered, command, 'ok', { bank, now: start })).toBe(answered);
  });

  it.each<
    [string, Memory, Partial<Command>, Partial<{ now: number; heldBy: string | null; bank: typeof bank }>, string[]]
  >([
    ['that is over', empty, {}, { now: start + 30_000 }, []],
    ['of a bank that is cut off', empty, {}, { bank: { ...bank, lifecycle: 'inactive' } }, []],
    [
      'that a newer one took the place of',
      withDoor(empty, '1', { order: { ...because, commandId: 'cmd_6', notAfter: start, isTaken: false } }),
      {},
      {},
      [],
    ],
    ['that has opened its door', withDoor(empty, '1', { done: 'cmd_5' }), {}, {}, []],
    ['for a door that is another’s by now', empty, {}, { heldBy: 'txn_2' }, ['command.rejected wrong_transaction']],
    ['for a door that stands open', withDoor(empty, '1', { door: 'open' }), {}, {}, ['command.rejected door_busy']],
    ...CommandState.options
      .filter((state) => state !== 'queued' && state !== 'sent')
      .map(
        (state) =>
          [`that is ${state}`, empty, { state }, {}, []] as [string, Memory, Partial<Command>, object, string[]],
      ),
  ])('%s is not sent', (_, memory, of, { now = start, heldBy = 'txn_1', bank: at = bank }, tells) => {
    const taken = take(memory, { ...command, ...of }, { bank: at, compartment: { ...compartment, heldBy }, now });
    expect(taken.send).toBe(false);
    expect(journalOf(taken.memory)).toEqual(tells);
    // Nor is it rejected twice.
    expect(take(taken.memory).memory === taken.memory || tells.length === 0).toBe(true);
  });

  it('for a door that is at home to goods or assets names no transaction', () => {
    const taken = take(
      empty,
      { ...command, transactionId: null },
      { bank, compartment: { ...compartment, heldBy: 'ast_1' }, now: start },
    );
    expect(taken.send).toBe(true);
  });

  it.each([
    ['ok', ['command.acknowledged']],
    ['busy', ['command.rejected door_busy']],
    ['jammed', ['command.acknowledged', 'lock.jammed closed empty cmd_5 0', 'command.failed lock_jammed']],
  ] as const)('answered with %s is told so', (result, tells) => {
    expect(journalOf(takeAnswer(take(empty).memory, command, result, { bank, now: start }))).toEqual(tells);
  });

  it('whose door opened before its answer came is acknowledged once', () => {
    const opened = hear(take(empty).memory, 'open 0 1');
    expect(told(opened.entries)).toEqual(['command.acknowledged', 'door.opened open empty cmd_5 1']);
    expect(takeAnswer(opened.memory, command, 'ok', { bank, now: start })).toBe(opened.memory);
  });

  it('is due until it is answered or over', () => {
    expect(isDue(command, start + 29_999)).toBe(true);
    expect(isDue(command, start + 30_000)).toBe(false);
    expect(isDue({ ...command, state: 'superseded' }, start)).toBe(false);
  });

  it.each([
    ['{"result":"ok","board":"0A"}', 'ok'],
    ['{"result":"OK"}', null],
    ['{"result":""}', null],
    ['<html>', null],
    ['', null],
    ['null', null],
  ])('is answered by %s as %s', (text, result) => expect(unlockResultOf(text)).toBe(result));
});

describe('a typed code', () => {
  const code = (seconds: number, terminal = '1') => ({ terminal, code: '123456', ts: String(start + seconds * 1000) });
  const at = (seconds: number, fits: { method: 'pin'; verifier: string } | null) => ({
    fits,
    bank,
    now: start + seconds * 1000,
  });

  it('is heard once, while somebody may still stand there', () => {
    const heard = hearCode(empty, code(1), at(1, null)).memory;
    expect(freshCodes(heard, [code(1), code(0), code(2), code(1, '2')], start + 5_000)).toEqual([
      code(1, '2'),
      code(2),
    ]);
    expect(freshCodes(empty, [code(1)], start + 62_000)).toEqual([]);
    expect(freshCodes(empty, [{ ...code(1), code: '' }], start)).toEqual([]);
  });

  it('that is somebody’s is asked about, under a name that is the same for the same typing', () => {
    const fits = { method: 'pin', verifier: 'v' } as const;
    const { memory, entries } = hearCode(empty, code(1), at(1, fits));
    expect(entries).toEqual([]);
    const [ask] = memory.outbox.asks;
    expect(ask).toEqual({ ...fits, askId: expect.any(String), at: start + 1_000, brokerTime: start + 1_000 });
    expect(ask?.askId.length).toBeLessThanOrEqual(64);
    expect(hearCode(empty, code(1), at(9, fits)).memory.outbox.asks[0]?.askId).toBe(ask?.askId);
    expect(hearCode(empty, code(1, '2'), at(1, fits)).memory.outbox.asks[0]?.askId).not.toBe(ask?.askId);
  });

  it('locks the keypad of all terminals after five that are nobody’s, for right ones too', () => {
    let memory = empty;
    for (const nth of [1, 2, 3, 4, 5]) {
      const heard = hearCode(memory, code(nth, String(nth)), at(nth, null));
      expect(told(heard.entries)).toEqual(['access.denied wrong_credential']);
      memory = heard.memory;
    }
    const right = { method: 'pin', verifier: 'v' } as const;
    const locked = hearCode(memory, code(6), at(6, right));
    expect(told(locked.entries)).toEqual(['access.denied keypad_locked']);
    expect(locked.memory.outbox.asks).toEqual([]);
    expect(hearCode(memory, code(66), at(66, right)).memory.outbox.asks).toHaveLength(1);
  });

  it('is guessed twenty times a day at most, whatever succeeds between', () => {
    let memory = empty;
    let wrong = 0;
    const right = { method: 'pin', verifier: 'v' } as const;
    for (let nth = 1; nth <= 80; nth += 1) {
      const heard = hearCode(memory, code(nth * 600), at(nth * 600, nth % 2 === 0 ? right : null));
      wrong += told(heard.entries).filter((it) => it === 'access.denied wrong_credential').length;
      memory = heard.memory;
    }
    expect(wrong).toBe(20);
  });
});

describe('the journal of an adapter', () => {
  const tampered: NewEntry = { type: 'tamper', at: start };
  const written = ({ outbox }: Memory) =>
    outbox.journal.flatMap(({ entries }) => entries.map(({ seq, type }) => `${seq} ${type}`));

  it('begins with a boot that has the key, and again once the controller was replaced', () => {
    const first = journalled(empty, [tampered], bank, start);
    const second = journalled(first, [tampered], bank, start);
    const replaced = journalled(second, [tampered], { ...bank, bankKey: { generation: 2, keyVersion: 1 } }, start);
    expect(written(replaced)).toEqual(['1 boot', '2 tamper', '3 tamper', '4 boot', '5 tamper']);
  });

  it('goes in messages that the journal takes', () => {
    const many = journalled(
      empty,
      Array.from({ length: 250 }, () => tampered),
      bank,
      start,
    );
    expect(many.outbox.journal.map(({ entries }) => entries.length)).toEqual([100, 100, 51]);
  });
});
