import * as z from 'zod';

export const AccessMethod = z.enum(['pin', 'qr', 'barcode', 'badge', 'app', 'operator']);
export type AccessMethod = z.infer<typeof AccessMethod>;

export const Step = z.enum(['deposit', 'pickup', 'use', 'recall']);
export type Step = z.infer<typeof Step>;

/**
 * Where the value comes from that a person shows, and so how a bank knows it. `digits`: we derive them, they are typed,
 * and typing is what can be guessed at. `brought`: the customer's own, a badge number or an order label, of which we keep
 * a verifier only. `token`: we sign it, and the bank needs nothing but our public key.
 */
export const methods = {
  pin: { value: 'digits' },
  /** A code for once that lets staff act outside the plan: holds and unmet conditions do not stop it. */
  operator: { value: 'digits' },
  badge: { value: 'brought' },
  barcode: { value: 'brought' },
  /** Printed or sent: one token for as long as the credential lives. */
  qr: { value: 'token' },
  /** On a phone: a token for minutes, each for one opening, so that a copied picture of it is soon worth nothing. */
  app: { value: 'token' },
} as const satisfies Record<AccessMethod, { value: 'digits' | 'brought' | 'token' }>;

/** What can be guessed at a keypad counts against its limits. */
export const isTyped = (method: AccessMethod): boolean => methods[method].value === 'digits';
