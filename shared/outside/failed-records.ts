import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import type { DynamoDBRecord } from 'aws-lambda';
import * as z from 'zod';

export type FailedBatch = { key: string; records: DynamoDBRecord[] };

export type FailedRecords = {
  /** Batches of stream records that the publisher gave up on. */
  list: (most: number) => Promise<FailedBatch[]>;
  /** They are published now. */
  forget: (key: string) => Promise<void>;
};

const Batch = z.object({ Records: z.array(z.custom<DynamoDBRecord>((it) => typeof it === 'object' && it !== null)) });

/** What Lambda writes to S3 when a stream's batch failed for good: the batch is in `payload`, as JSON or as text of it. */
const Invocation = z.object({
  payload: z.union([z.string().transform((text): unknown => JSON.parse(text)), z.unknown()]),
});

export const openFailedRecords = (bucket: string, client = new S3Client()): FailedRecords => ({
  list: async (most) => {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, MaxKeys: most }));
    const batches: FailedBatch[] = [];
    for (const { Key } of Contents) {
      if (Key === undefined) continue;
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
      const invocation = Invocation.parse(JSON.parse((await Body?.transformToString()) ?? '{}'));
      batches.push({ key: Key, records: Batch.parse(invocation.payload).Records });
    }
    return batches;
  },
  forget: async (key) => {
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
  },
});
