import { PutObjectCommand, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import type { Anchor } from '../domain/anchor.ts';

/** Where anchors are kept so that nobody can change or delete them, us included. */
export type Anchors = {
  /** False where there is one of that tenant and hour already, which stays as it is. */
  put: (anchor: Anchor) => Promise<boolean>;
};

/** `<tenant>/2026-03-02T09.json` */
export const anchorKey = ({ tenant, hour }: Pick<Anchor, 'tenant' | 'hour'>): string =>
  `${tenant}/${hour.slice(0, 13)}.json`;

export const openAnchors = (bucket: string, client = new S3Client()): Anchors => ({
  put: async (anchor) => {
    const request = new PutObjectCommand({
      Bucket: bucket,
      Key: anchorKey(anchor),
      Body: JSON.stringify(anchor),
      ContentType: 'application/json',
      IfNoneMatch: '*',
    });
    try {
      await client.send(request);
      return true;
    } catch (error) {
      if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 412) return false;
      throw error;
    }
  },
});
