import * as z from 'zod';

export const AccessMethod = z.enum(['pin', 'qr', 'barcode', 'badge']);
export type AccessMethod = z.infer<typeof AccessMethod>;

export const Step = z.enum(['deposit', 'pickup', 'use', 'recall']);
export type Step = z.infer<typeof Step>;
