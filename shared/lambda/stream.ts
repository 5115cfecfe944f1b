import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { DynamoDBRecord } from 'aws-lambda';
import * as z from 'zod';
import { Envelope } from '../../events/envelope.ts';
import { rowOf } from '../store/attributes.ts';

const EventsRow = z.object({ events: z.array(Envelope).min(1) });

/** The events of a commit, out of the stream's record of its row. The stream's type differs from the SDK's only in name. */
export const eventsOfRecord = (record: DynamoDBRecord): Envelope[] => {
  const image: unknown = record.dynamodb?.NewImage ?? {};
  return EventsRow.parse(rowOf(z.record(z.string(), z.custom<AttributeValue>()).parse(image))).events;
};
