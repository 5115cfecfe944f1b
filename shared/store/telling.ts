import { Branding, unbranded } from '../domain/branding.ts';
import { MessageTemplate } from '../domain/message-template.ts';
import { Site } from '../domain/site.ts';
import { keys, ranges } from './rows.ts';
import type { Table } from './table.ts';

/** How a tenant speaks to people. */
export type Manner = { branding: Branding; templates: MessageTemplate[] };

/** All of it in one call; `consistent`: surely the newest. */
export const readManner = async (table: Table, tenant: string, consistent: boolean): Promise<Manner> => {
  const { PK, SK } = keys.branding(tenant);
  const { rows } = await table.query(ranges.partition(PK), { consistent });
  const own = rows.find((row) => row.SK === SK);
  return {
    branding: own === undefined ? unbranded(tenant) : Branding.parse(own),
    templates: rows.filter((row) => row.SK !== SK).map((row) => MessageTemplate.parse(row)),
  };
};

/** With what a site says of itself, null where it is gone. */
export type Telling = (tenant: string, siteId: string) => Promise<Manner & { site: Site | null }>;

/** How long what was read is told: somebody who changes a text sees it at work within a minute. */
const toldForMs = 60_000;
/** So many tenants are remembered per function environment; the oldest goes first. */
const remembered = 200;

/** What whoever sends needs to know besides the message itself, read once a minute. `clock`: milliseconds since 1970. */
export const openTelling = (table: Table, clock: () => number): Telling => {
  const known = new Map<string, { at: number; manner: ReturnType<Telling> }>();

  const read = async (tenant: string, siteId: string) => {
    const [manner, siteRow] = await Promise.all([
      readManner(table, tenant, false),
      table.get(keys.site(tenant, siteId)),
    ]);
    return { ...manner, site: siteRow === undefined ? null : Site.parse(siteRow) };
  };

  return async (tenant, siteId) => {
    const key = `${tenant} ${siteId}`;
    const cached = known.get(key);
    if (cached && clock() - cached.at < toldForMs) return cached.manner;
    known.delete(key);
    if (known.size >= remembered) known.delete(known.keys().next().value ?? '');
    const manner = read(tenant, siteId);
    known.set(key, { at: clock(), manner });
    // What could not be read is asked for anew by the next.
    manner.catch(() => known.delete(key));
    return manner;
  };
};
