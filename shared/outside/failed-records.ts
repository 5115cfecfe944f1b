import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import type { DynamoDBRecord } from 'aws-lambda';
import * as z from 'zod';

/** A batch of stream records that the publisher gave up on. Reading it throws if it is not what Lambda writes. */
export type FailedBatch = { key: string; read: () => Promise<DynamoDBRecord[]> };

export type FailedRecords = {
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
    return Contents.flatMap(({ Key }) =>
      Key === undefined
        ? []
        : {
            key: Key,
            read: async () => {
              const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
              const invocation = Invocation.parse(JSON.parse((await Body?.transformToString()) ?? '{}'));
              return Batch.parse(invocation.payload).Records;
            },
          },
    );
  },
  forget: async (key) => {
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
  },
});
