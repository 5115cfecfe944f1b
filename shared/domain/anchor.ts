import { hash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Instant } from './time.ts';

/** How far the events of a subject had got: the newest one's number and hash. */
export type Head = { subject: string; sequence: number; hash: string };

/** What is put where nobody can change it. Its hashes stand for every event up to each head. */
export type Anchor = {
  version: 1;
  tenant: string;
  /** The hour in which the events became known to us, by its beginning. */
  hour: Instant;
  /** RFC 6962, section 2.1, over the canonical JSON (RFC 8785) of each head, in this order. */
  algorithm: 'rfc6962-sha256';
  root: string;
  heads: Head[];
};

const sha256 = (bytes: Buffer): Buffer => Buffer.from(hash('sha256', bytes, 'hex'), 'hex');

/** Leaves and nodes begin differently, so that none can be taken for the other. */
const leafHash = (head: Head): Buffer => sha256(Buffer.concat([Buffer.of(0), Buffer.from(canonicalize(head) ?? '')]));
const nodeHash = (left: Buffer, right: Buffer): Buffer => sha256(Buffer.concat([Buffer.of(1), left, right]));

const rootOf = (leaves: readonly Buffer[]): Buffer => {
  const [only] = leaves;
  if (only !== undefined && leaves.length === 1) return only;
  if (leaves.length === 0) return sha256(Buffer.alloc(0));
  // The largest power of two below the number of leaves.
  const split = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  return nodeHash(rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split)));
};

/** The same whatever order the heads come in. */
export const anchorOf = (tenant: string, hour: Instant, heads: readonly Head[]): Anchor => {
  const sorted = heads.toSorted((a, b) => (a.subject < b.subject ? -1 : 1));
  return {
    version: 1,
    tenant,
    hour,
    algorithm: 'rfc6962-sha256',
    root: rootOf(sorted.map(leafHash)).toString('hex'),
    heads: sorted,
  };
};

const hourMs = 3_600_000;

/** The beginning of the hour that a moment lies in. */
export const hourOf = (atMs: number): Instant => new Date(Math.floor(atMs / hourMs) * hourMs).toISOString();

/** The hours after one and up to another, both given by their beginnings; `last` included. */
export const hoursBetween = (after: Instant, last: Instant): Instant[] => {
  const first = Date.parse(after) + hourMs;
  const count = Math.max(0, (Date.parse(last) - first) / hourMs + 1);
  return Array.from({ length: count }, (_, nth) => hourOf(first + nth * hourMs));
};
