import { deflateRawSync, inflateRawSync } from 'node:zlib';
import * as z from 'zod';

/*
 * Attributes that lie in the table as compressed JSON (RFC 1951), read and written without the product's code: what
 * judges it must not repeat its mistakes.
 */

export const unpacked = <S extends z.ZodType>(schema: S) =>
  z
    .instanceof(Uint8Array)
    .transform((bytes): unknown => JSON.parse(inflateRawSync(bytes).toString('utf8')))
    .pipe(schema);

export const repacked = (value: unknown): Uint8Array => deflateRawSync(JSON.stringify(value));
