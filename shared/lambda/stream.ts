import type { DynamoDBRecord } from 'aws-lambda';
import * as z from 'zod';
import type { Envelope } from '../../events/envelope.ts';
import { CommitRow } from '../store/commit-row.ts';

/** A commit's row in the notation of a stream's record, in which binary comes as base64. */
const Image = z.object({ events: z.object({ B: z.base64() }) });

/** The events of a commit, out of the stream's record of its row. */
export const eventsOfRecord = (record: DynamoDBRecord): Envelope[] => {
  const { events } = Image.parse(record.dynamodb?.NewImage ?? {});
  return CommitRow.parse({ events: Buffer.from(events.B, 'base64') }).events;
};
