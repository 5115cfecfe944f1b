import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { type EntryShape, type Picture, type Testimony, TransactionShape } from './invariants-picture.ts';
import { replayed } from './invariants-trail.ts';

/**
 * By how much a bank may take the time wrong that the cloud told it: the answer counts whole seconds, and was under way.
 */
const clockErrorMs = 2_000;
const dayMs = 86_400_000;

const epochMs = (at: string): number => Date.parse(at);
const sameCause = (a: EntryShape['cause'], b: EntryShape['cause']): boolean => isDeepStrictEqual(a ?? null, b ?? null);

const AtVersion = TransactionShape.pick({
  id: true,
  bankId: true,
  door: true,
  state: true,
  flags: true,
  credentials: true,
  move: true,
});

/** A transaction as its events tell it at a version. */
const atVersion = ({ logs }: Picture, id: string, version: number) => {
  const log = logs.find(({ PK }) => PK.startsWith('TXN#') && PK.endsWith(`#${id}`));
  const told = log && AtVersion.safeParse(replayed(log, version));
  return told?.success ? told.data : null;
};

/** By the bank's own journal, a step was done before an entry. */
const doneBefore = (entries: readonly EntryShape[], step: string, transactionId: string, seq: number): boolean =>
  entries.some(
    (it) =>
      it.seq < seq &&
      it.transactionId === transactionId &&
      it.cause?.step === step &&
      it.after?.door === 'closed' &&
      it.after.contents !== (step === 'deposit' ? 'empty' : 'filled'),
  );

/** The same, by whoever carried the item: out of that door, or into it. */
const carriedBefore = (
  entries: readonly EntryShape[],
  [step, door]: ['recall' | 'deposit', string],
  transactionId: string,
  seq: number,
): boolean =>
  doneBefore(
    entries.filter((it) => it.door === door),
    step,
    transactionId,
    seq,
  );

/** As banks know the rights of whoever carries an item. */
const stepsAtDoor: Record<string, string> = { take_out: 'recall', put_in: 'deposit' };

type Opening = Testimony['journal']['openings'][number];

/** A journal whole, as the bank has it; of a disk that it lost, what it had told the cloud of it. */
const entriesOf = ({ recorded }: Picture, { state, journal }: Testimony, journalId: string): readonly EntryShape[] =>
  journalId === journal.journalId
    ? journal.entries
    : recorded.filter((it) => it.bankId === state.id && it.journalId === journalId).map((it) => it.entry);

/** A disk that the bank lost had told, and the bank has had time to hear of it, that the grant was used up. */
const usedByLostDisk = ({ recorded }: Picture, { state }: Testimony, { cause, journalId, at }: Opening): boolean =>
  recorded.some(
    ({ bankId, journalId: other, recordedAt, entry }) =>
      bankId === state.id &&
      other !== journalId &&
      epochMs(recordedAt) + clockErrorMs < at &&
      entry.cause?.grantId === cause?.grantId &&
      doneBefore([entry], cause?.step ?? '', entry.transactionId ?? '', entry.seq + 1),
  );

/** An opening by somebody's credential: what the bank held of it, and what the cloud had decided as far as the bank knew. */
const wrongByGrant = (
  picture: Picture,
  testimony: Testimony,
  opening: Opening,
  entry: EntryShape,
  trustsOwnClock: boolean,
): string[] => {
  const { state } = testimony;
  const { cause, grant, door, journalId } = opening;
  if (grant === undefined) return ['the bank held no such grant'];
  const found: string[] = [];
  const { notBefore, notAfter, uses, used, isReopening, blocked } = grant;
  if (entry.at > notAfter * 1000) found.push(`it was over at ${notAfter}, the bank's time was ${entry.at}`);
  if (entry.at + clockErrorMs < notBefore * 1000)
    found.push(`it begins at ${notBefore}, the bank's time was ${entry.at}`);
  if (!trustsOwnClock && opening.at > notAfter * 1000 + clockErrorMs)
    found.push(`it was over at ${notAfter}, and it was ${opening.at}`);
  if (blocked !== undefined) found.push(`it was blocked: ${blocked}`);
  if (used >= uses && !isReopening) found.push(`it was used up: ${used} of ${uses}`);
  if (usedByLostDisk(picture, testimony, opening)) found.push('it was used up, by what a lost disk had told');

  const transactionId = opening.transactionId ?? '';
  const known = atVersion(picture, transactionId, entry.version ?? 0);
  const credential = known?.credentials.find(({ id }) => id === cause?.grantId);
  if (known === null || credential === undefined)
    return [...found, `version ${entry.version} of ${transactionId} has no such credential`];
  const { step, state: was } = credential;
  if ((stepsAtDoor[step] ?? step) !== cause?.step) found.push(`it is for ${step}, not for ${cause?.step}`);
  const { move } = known;
  const before = (done: 'recall' | 'deposit', at: string): boolean =>
    carriedBefore(entriesOf(picture, testimony, journalId), [done, at], transactionId, entry.seq);
  // At its new door somebody may pick it up as soon as it was put in there, which the bank knows before we do.
  const isThere = move != null && door === move.to && before('deposit', move.to);
  const its = { take_out: move?.from, put_in: move?.to, pickup: isThere ? move.to : known.door }[step] ?? known.door;
  if (known.bankId !== state.id || its !== door) found.push(`it is for ${known.bankId}/${its}`);
  if (step === 'pickup' && move != null && !isThere) found.push(`${transactionId} was being moved, as the bank knew`);
  if (step === 'put_in' && was === 'issued' && move?.stage === 'planned' && !before('recall', move.from))
    found.push('nobody had taken out what is to be put in');
  if (isReopening) return found;
  if (!['issued', 'active'].includes(was)) found.push(`it was ${was} in version ${entry.version}, which the bank knew`);
  if (
    was === 'issued' &&
    cause?.step !== 'deposit' &&
    !doneBefore(entriesOf(picture, testimony, journalId), 'deposit', transactionId, entry.seq)
  )
    found.push(`it was only issued in version ${entry.version}, and the bank had seen no deposit`);
  if (credential.suspended) found.push(`somebody else had its right in version ${entry.version}, which the bank knew`);
  const { tokenId } = cause ?? {};
  const spent = entriesOf(picture, testimony, journalId).some(
    (it) => it.seq < entry.seq && it.cause?.tokenId === tokenId && step === 'use' && it.after?.door === 'closed',
  );
  if (tokenId !== undefined && spent) found.push(`its token ${tokenId} had opened before`);
  // A code of staff is meant to.
  if (step === 'pickup' && known.flags.includes('held') && credential.method !== 'operator')
    found.push(`${transactionId} was held in version ${entry.version}, which the bank knew`);
  return found;
};

const wrongByCommand = (picture: Picture, { state, journal }: Testimony, opening: Opening): string[] => {
  const { cause, door, at } = opening;
  const command = picture.commands.find(({ id }) => id === cause?.commandId);
  if (command === undefined) return ['nobody ordered it'];
  const found: string[] = [];
  if (command.bankId !== state.id || command.door !== door) found.push(`it is for ${command.bankId}/${command.door}`);
  if (at > epochMs(command.notAfter)) found.push(`it was valid until ${command.notAfter}, and it was ${at}`);
  if (at < epochMs(command.createdAt)) found.push(`it was ordered only at ${command.createdAt}`);
  if ((opening.command?.notAfter ?? 0) * 1000 > epochMs(command.notAfter))
    found.push(`the bank held it valid until ${opening.command?.notAfter}, it is until ${command.notAfter}`);
  const times = journal.openings.filter((it) => it.cause?.commandId === command.id).length;
  if (times > 1) found.push(`it opened ${times} times`);
  return found;
};

/** I2: a door opens only for what its bank could take for a live right, or for a command, that once and in time. */
export const openedRightly = (picture: Picture): string[] =>
  picture.testimonies.flatMap((testimony) => {
    const { state, journal } = testimony;
    const bank = picture.banks.find(({ id }) => id === state.id);
    const trustsOwnClock = bank?.config.batteryBackedClock === true || state.clock.skewMs !== 0;
    const taken = new Set<EntryShape>();
    return journal.openings.flatMap((opening) => {
      const { door, cause, at, journalId } = opening;
      const entry = entriesOf(picture, testimony, journalId).find(
        (it) => it.type === 'door.opened' && !taken.has(it) && it.door === door && sameCause(it.cause, cause),
      );
      const what = `door ${door} of ${state.id} opened at ${new Date(at).toISOString()} for ${JSON.stringify(cause)}`;
      if (entry === undefined) return [`I2: ${what}, which its journal does not say`];
      taken.add(entry);
      const wrong = (): string[] => {
        if (cause?.commandId !== undefined) return wrongByCommand(picture, testimony, opening);
        if (cause?.grantId !== undefined) return wrongByGrant(picture, testimony, opening, entry, trustsOwnClock);
        return ['nothing allows it'];
      };
      return wrong().map((why) => `I2: ${what} (entry ${entry.seq}): ${why}`);
    });
  });

/** Refused before the PIN was looked at, so nobody learned anything. */
const unread = ['keypad_locked', 'no_cloud_time'];

/** I10: PINs tried while the keypad was off, or more wrong ones in a day than a keypad accepts. */
export const guessesLimited = ({ testimonies, banks }: Picture): string[] =>
  testimonies.flatMap(({ state, journal }) => {
    const config = banks.find(({ id }) => id === state.id)?.config;
    if (config === undefined) return [`I10: the limits of ${state.id} are unknown`];
    const { lockout, guessesPerDay } = config;
    const most = Math.max(...lockout.map(({ failures }) => failures));
    const found: string[] = [];
    const guesses: number[] = [];
    let failures = 0;
    let lockedUntil = 0;
    for (const { seq, at, type, method, reason, grantId } of journal.entries) {
      const isTry =
        ['pin', 'operator'].includes(method ?? '') && (type === 'access.granted' || type === 'access.denied');
      if (!isTry || unread.includes(reason ?? '')) continue;
      const what = `entry ${seq} of ${state.id}, a PIN tried at ${new Date(at).toISOString()}`;
      if (at + clockErrorMs < lockedUntil)
        found.push(`I10: ${what} while the keypad was off until ${new Date(lockedUntil).toISOString()}`);
      if (type === 'access.granted') failures = 0;
      // One that names its grant was right, only not now.
      if (type === 'access.granted' || grantId !== undefined) continue;
      guesses.push(at);
      const today = guesses.filter((it) => it > at - dayMs).length;
      if (today > guessesPerDay) found.push(`I10: ${what} is wrong number ${today} within 24 h of ${guessesPerDay}`);
      failures += 1;
      const row = lockout.find((it) => it.failures === failures);
      if (row) lockedUntil = Math.max(lockedUntil, at + row.lockSeconds * 1000);
      if (failures >= most) failures = 0;
    }
    return found;
  });

const Doing = z.object({ step: z.enum(['deposit', 'pickup', 'recall']) });
const provenBy = {
  deposit: ['transaction.deposited', 'transaction.returned', 'transaction.moved', 'transaction.conflicted'],
  pickup: ['transaction.picked_up', 'transaction.conflicted'],
  recall: ['transaction.recalled', 'transaction.taken_out', 'transaction.moved', 'transaction.conflicted'],
} as const;

/** What is an event of the bank itself, each time its journal says it. */
const bankNews: Record<string, string> = {
  'access.denied': 'access.denied',
  boot: 'bank.booted',
  'journal.truncated': 'bank.journal_truncated',
  'power.lost': 'bank.power_lost',
  'power.restored': 'bank.power_restored',
  tamper: 'bank.tampered',
};

/** However often an entry arrived, and with whatever others: it is one event. */
export const toldOnce = ({ banks, recorded, logs }: Picture): string[] =>
  banks.flatMap(({ id }) =>
    Object.entries(bankNews).flatMap(([entryType, eventType]) => {
      const entries = recorded.filter((it) => it.bankId === id && it.entry.type === entryType);
      const written = new Set(entries.map(({ journalId, entry }) => `${journalId} ${entry.seq}`)).size;
      const commits = logs.find(({ PK }) => PK === `BANKLOG#${id}`)?.commits ?? [];
      const told = commits.flatMap(({ events }) => events).filter(({ envelope }) => envelope.type === eventType).length;
      return written === told
        ? []
        : [`I3: ${id} journalled ${entryType} ${written} times, events tell of it ${told} times`];
    }),
  );

/** Section 6: the journal is recorded as the bank wrote it, and nothing that a door did is dropped. */
export const journalKept = (picture: Picture): string[] => {
  const found: string[] = [];
  for (const { bankId, entry } of picture.recorded) {
    if (!('cause' in entry) || entry.after?.door !== 'closed') continue;
    if (entry.type !== 'door.closed' && entry.type !== 'contents.changed') continue;
    const doing = Doing.safeParse(entry.cause);
    const transactionId = entry.transactionId ?? '';
    if (!doing.success || !doneBefore([entry], doing.data.step, transactionId, entry.seq + 1)) continue;
    const types: readonly string[] = provenBy[doing.data.step];
    const log = picture.logs.find(({ PK }) => PK.startsWith('TXN#') && PK.endsWith(`#${transactionId}`));
    const events = log?.commits.flatMap((commit) => commit.events) ?? [];
    if (!events.some(({ envelope }) => types.includes(envelope.type)))
      found.push(
        `I6: ${doing.data.step} of ${transactionId} was done by entry ${entry.seq} of ${bankId}, no event says so`,
      );
  }
  for (const { state, journal } of picture.testimonies) {
    const own = new Map(journal.entries.map((entry) => [entry.seq, entry]));
    for (const { entry, raw, journalId, bankId } of picture.recorded) {
      if (bankId !== state.id || journalId !== journal.journalId) continue;
      const written = own.get(entry.seq);
      if (written !== undefined && !isDeepStrictEqual(written, raw))
        found.push(
          `I3: entry ${entry.seq} of ${bankId} is recorded as ${JSON.stringify(raw)}, not ${JSON.stringify(written)}`,
        );
    }
  }
  return found;
};

/** The newest entry that was recorded of a door alone tells its state. */
export const doorsAsTold = ({ compartments, recorded }: Picture): string[] =>
  compartments.flatMap(({ bankId, door, doorState, contents, lock, lastEntry }) => {
    const told = recorded.filter(
      (it) => it.bankId === bankId && it.entry.door === door && it.entry.after !== undefined,
    );
    const journals = new Set(told.map(({ journalId }) => journalId));
    const newest = told.toSorted((a, b) => a.entry.seq - b.entry.seq).at(-1)?.entry;
    // Which controller came later is not in the entries themselves.
    if (newest === undefined || journals.size > 1) return [];
    const row = { door: doorState, contents, lock };
    if (lastEntry?.seq === newest.seq && isDeepStrictEqual(row, newest.after)) return [];
    return [
      `I6: ${bankId}/${door} is ${JSON.stringify(row)} by entry ${lastEntry?.seq}, entry ${newest.seq} says ${JSON.stringify(newest.after)}`,
    ];
  });

/** I3: a door's wear is how often its journal says that it was opened, whatever came late or again. */
export const wornAsTold = ({ compartments, recorded }: Picture): string[] =>
  compartments.flatMap(({ bankId, door, wear = 0 }) => {
    const opened = recorded.filter(
      (it) => it.bankId === bankId && it.entry.door === door && ['door.opened', 'door.forced'].includes(it.entry.type),
    ).length;
    return opened === wear ? [] : [`I3: ${bankId}/${door} was opened ${opened} times, its row says ${wear}`];
  });

/** What has not come to rest at the banks: entries, grants. Nothing wrong while things are moving. */
export const unsettledBanks = ({
  testimonies,
  transactions,
  compartments,
  applied,
  recorded,
  now,
}: Picture): string[] =>
  testimonies.flatMap(({ state, journal, grants }) => {
    const found: string[] = [];
    if (!state.online) return [`I6: ${state.id} is offline`];
    if (state.journal.unacknowledged > 0) found.push(`I6: ${state.id} waits for ${state.journal.unacknowledged} acks`);
    const own = recorded.filter((it) => it.bankId === state.id && it.journalId === journal.journalId);
    const known = new Set(own.map((it) => it.entry.seq));
    for (const { seq } of journal.entries.filter((it) => !known.has(it.seq)))
      found.push(`I6: entry ${seq} of ${state.id} is not recorded`);
    for (const door of Object.keys(state.doors)) {
      const row = compartments.find((it) => it.bankId === state.id && it.door === door);
      const held = grants.doors[door];
      const holder = transactions.find(({ id }) => id === row?.heldBy);
      if (holder === undefined) {
        const opens = held?.grants.some(({ uses, used, blocked }) => used < uses && blocked === undefined);
        if (held !== undefined && opens && (row?.until ?? 0) <= epochMs(now))
          found.push(`I6: ${state.id} holds a live grant of ${held.transactionId} for door ${door}, which nobody has`);
        continue;
      }
      const since = Math.max(0, ...holder.credentials.map(({ sinceVersion }) => sinceVersion));
      if (held?.transactionId !== holder.id || held.version < since)
        found.push(
          `I6: ${state.id} holds ${held?.transactionId} ${held?.version} for door ${door}, not ${holder.id} ${since}`,
        );
      if ((applied.get(holder.id) ?? 0) < since)
        found.push(`I6: that ${state.id} has applied version ${since} of ${holder.id} is not recorded`);
    }
    return found;
  });

/** I6: an item behind a door that would be promised to somebody, or that nobody is known to have put there. */
export const itemsKnown = ({ testimonies, compartments }: Picture): string[] =>
  testimonies.flatMap(({ state }) =>
    Object.entries(state.doors).flatMap(([door, { inside }]) => {
      const row = compartments.find((it) => it.bankId === state.id && it.door === door);
      if (inside !== 'filled' || (row !== undefined && row.availability !== 'available')) return [];
      return [
        `I6: something is inside door ${door} of ${state.id}, which is ${row?.availability ?? 'new and available'}`,
      ];
    }),
  );
