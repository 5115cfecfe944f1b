import * as z from 'zod';
import { Envelope } from '../../events/envelope.ts';
import { packed } from './packed.ts';

/** A commit's row: its events, which are outbox and audit trail in one. Apart, for whoever only passes them on. */
export const CommitRow = z.object({ events: packed(z.array(Envelope).min(1)) });
