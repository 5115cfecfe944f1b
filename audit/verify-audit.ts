import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

/*
 * npm run verify-audit -- --trail FILE [--anchors DIR]
 *
 * Checks an exported audit trail (JSON Lines: one event a line, as GET /v1/transactions/{id}/events gives them) and the
 * anchors that cover it. This file stands alone, on purpose: whoever does not trust us reads it, or writes their own from
 * docs/finding-and-proving.md, and needs nothing else of ours.
 */

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Canonical JSON (RFC 8785): names sorted by UTF-16 code units, numbers and strings as ECMAScript writes them. */
const canonical = (value: Json): string => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name] ?? null)}`).join(',')}}`;
};

const sha256 = (...parts: (Buffer | string)[]): Buffer =>
  parts.reduce((sum, part) => sum.update(part), createHash('sha256')).digest();

/** Root of a Merkle tree (RFC 6962, section 2.1). */
const merkleRoot = (leaves: readonly string[]): Buffer => {
  const [only = ''] = leaves;
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return sha256(Buffer.of(0), only);
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return sha256(Buffer.of(1), merkleRoot(leaves.slice(0, split)), merkleRoot(leaves.slice(split)));
};

const isObject = (value: Json | undefined): value is { [name: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

type Event = { line: number; subject: string; sequence: number; hash: string; commitsToPersonalData: boolean };

export type Verdict = {
  /** What is wrong with the first link that is, in a sentence; null: nothing. */
  broken: string | null;
  events: number;
  subjects: number;
  /** What the anchors say, a sentence each. */
  anchors: string[];
  /** Events in which personal data stands as its salted hash. */
  commitments: number;
};

/** Follows the chains; the first link that does not hold ends it. */
const follow = (lines: readonly string[]): { broken: string | null; chains: Map<string, Event[]> } => {
  const chains = new Map<string, Event[]>();
  for (const [nth, text] of lines.entries()) {
    if (text.trim() === '') continue;
    const at = `line ${nth + 1}`;
    const broken = (why: string) => ({ broken: `${at}: ${why}`, chains });
    let event: Json;
    try {
      event = JSON.parse(text);
    } catch {
      return broken('is not JSON');
    }
    if (!isObject(event)) return broken('is not an event');
    const { hash, ...signed } = event;
    const { subject, sequence, prevHash, type, data } = signed;
    if (typeof subject !== 'string' || typeof sequence !== 'number' || typeof hash !== 'string')
      return broken('is not an event: it needs subject, sequence and hash');

    const chain = chains.get(subject) ?? [];
    const before = chain.at(-1);
    const what = `event ${sequence} of ${subject} (${String(type)})`;
    const expected = (before?.sequence ?? 0) + 1;
    if (sequence !== expected)
      return broken(`${what} stands where event ${expected} belongs: one is missing, or they are in another order`);
    const follows = before?.hash ?? '0'.repeat(64);
    if (prevHash !== follows)
      return broken(`${what} says that it follows ${String(prevHash)}, before it is ${follows}`);
    const computed = sha256(canonical(signed)).toString('hex');
    if (hash !== computed) return broken(`${what} bears the hash ${hash}, but what it says gives ${computed}`);

    const changes = isObject(data) ? data.changes : undefined;
    const commitsToPersonalData = isObject(changes) && typeof changes.personalHash === 'string';
    chain.push({ line: nth + 1, subject, sequence, hash, commitsToPersonalData });
    chains.set(subject, chain);
  }
  return { broken: null, chains };
};

export type AnchorFile = { name: string; text: string };

/** What an anchor says of these chains: what it covers, or what it contradicts. */
const compare = (
  { name, text }: AnchorFile,
  chains: Map<string, Event[]>,
): { broken: string | null; covers: string[] } => {
  const broken = (why: string) => ({ broken: `anchor ${name}: ${why}`, covers: [] });
  let anchor: Json;
  try {
    anchor = JSON.parse(text);
  } catch {
    return broken('is not JSON');
  }
  if (!isObject(anchor) || !Array.isArray(anchor.heads)) return broken('has no heads');
  const root = merkleRoot(anchor.heads.map(canonical)).toString('hex');
  if (root !== anchor.root) return broken(`its root is ${String(anchor.root)}, its heads give ${root}`);

  const covers: string[] = [];
  for (const head of anchor.heads) {
    if (!isObject(head) || typeof head.subject !== 'string' || typeof head.sequence !== 'number')
      return broken('has a head that is none');
    const chain = chains.get(head.subject);
    if (chain === undefined) continue;
    const event = chain[head.sequence - 1];
    const what = `event ${head.sequence} of ${head.subject}`;
    if (event === undefined) return broken(`it holds ${what}, the trail ends at event ${chain.length}`);
    if (event.hash !== head.hash)
      return broken(`it holds ${what} with the hash ${String(head.hash)}, the trail has ${event.hash}`);
    covers.push(`${head.subject}: events 1 to ${head.sequence} are anchored by ${name} (hour ${String(anchor.hour)})`);
  }
  return { broken: null, covers };
};

export const verify = (lines: readonly string[], anchorFiles: readonly AnchorFile[] = []): Verdict => {
  const { broken, chains } = follow(lines);
  const events = [...chains.values()].flat();
  const verdict: Verdict = {
    broken,
    events: events.length,
    subjects: chains.size,
    anchors: [],
    commitments: events.filter((it) => it.commitsToPersonalData).length,
  };
  if (broken !== null) return verdict;
  for (const file of anchorFiles) {
    const compared = compare(file, chains);
    if (compared.broken !== null) return { ...verdict, broken: compared.broken };
    verdict.anchors.push(...compared.covers);
  }
  return verdict;
};

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const main = (): number => {
  const { trail, anchors } = parseArgs({
    options: { trail: { type: 'string' }, anchors: { type: 'string' } },
  }).values;
  if (trail === undefined) {
    say('usage: npm run verify-audit -- --trail FILE [--anchors DIR]');
    return 2;
  }
  const files = anchors === undefined ? [] : readdirSync(anchors, { recursive: true, encoding: 'utf8' });
  const verdict = verify(
    readFileSync(trail, 'utf8').split('\n'),
    files
      .filter((name) => name.endsWith('.json'))
      .sort()
      .map((name) => ({ name, text: readFileSync(join(anchors ?? '', name), 'utf8') })),
  );
  if (verdict.broken !== null) {
    say(`BROKEN at ${verdict.broken}`);
    if (verdict.events > 0) say(`Up to there ${verdict.events} events are as they were written.`);
    return 1;
  }
  if (verdict.events === 0) {
    say('There is no event in this trail.');
    return 1;
  }
  say(`Whole: ${verdict.events} events of ${verdict.subjects} subjects, each the follower of the one before.`);
  for (const anchor of verdict.anchors) say(anchor);
  if (verdict.anchors.length === 0)
    say('No anchor covers it: that nobody has written the whole chain anew cannot be told from the chain alone.');
  if (verdict.commitments > 0)
    say(
      `Personal data stands in ${verdict.commitments} events as its salted hash, not itself: once it and its salt are erased, the chain stays valid and says nothing of them.`,
    );
  return 0;
};

if (import.meta.main) process.exitCode = main();
