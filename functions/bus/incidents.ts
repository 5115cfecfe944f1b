import type { Envelope } from '#events/envelope.ts';
import { openedBy } from '#shared/domain/incident-kinds.ts';
import { instant } from '#shared/domain/time.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import { liveTable } from '#shared/live.ts';
import { anew } from '#shared/store/anew.ts';
import { openIncidents } from '#shared/store/incidents.ts';
import type { Table } from '#shared/store/table.ts';

export type IncidentReactionDeps = { table: Table; newId: (prefix: string) => string; clock: () => number };

/**
 * Makes work for somebody of what went wrong, and says when what is behind it is over. Each event counts once, and whether
 * its cause goes on is seen by what is true now: so it may come twice, late, or after the one that ends it.
 */
export const incidentReaction = ({ table, newId, clock }: IncidentReactionDeps) => {
  const incidents = openIncidents({ table, newId });
  return (event: Envelope): Promise<void> =>
    anew(async () => {
      const now = instant(clock());
      const kind = openedBy(event);
      if (kind !== null) await incidents.tell(event, kind, now);
      await incidents.settle(event, now);
    });
};

export const handler = reaction(() => incidentReaction(liveTable()));
