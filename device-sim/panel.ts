import { remember, type Turn } from './turn.ts';

/** What the screen of the bank says, in words a person at the door understands. Reason codes are design.md section 4's. */
export const words = {
  idle: () => 'Please enter or scan your code.',
  waiting: () => 'One moment, please.',
  open_deposit: (door) => `Door ${door} is open. Put the item in and close the door.`,
  open_pickup: (door) => `Door ${door} is open. Take the item out and close the door.`,
  open_use: (door) => `Door ${door} is open. Please close it when you are done.`,
  open_recall: (door) => `Door ${door} is open. Take the item out and close the door.`,
  open_command: (door) => `Door ${door} is open.`,
  opening: (door) => (door ? `Door ${door} is about to open.` : 'Your door is about to open.'),
  closed: (door) => `Door ${door} is closed. Thank you.`,
  not_done: (door) => `Door ${door} is closed, but nothing has changed inside. Enter the same code to open it again.`,
  too_early: () => 'It is too early for this code. Please come back later.',
  too_late: () => 'This code is no longer valid: its time has passed.',
  wrong_bank: () => 'This code belongs to another location.',
  wrong_credential: () => 'This code is not valid here.',
  wrong_compartment: () => 'This code belongs to another door.',
  keypad_locked: () => 'Too many wrong codes were entered. Please try again later.',
  credential_revoked: () => 'This code was used already or has been withdrawn.',
  on_hold: () => 'This item is on hold. Please contact the sender.',
  moving: () => 'This item is being moved to another door. Please come back in a while.',
  payment_pending: () => 'This item has not been paid for yet.',
  approval_pending: () => 'This item has not been approved yet. Please ask who sent you here.',
  identity_unconfirmed: () => 'Please have your identity confirmed first.',
  age_unconfirmed: () => 'Please have your age confirmed first.',
  compartment_empty: () => 'The item has not been put in yet.',
  compartment_occupied: () => 'This door cannot be used: something is inside already. Please contact support.',
  compartment_faulty: () => 'This door does not open. Please contact support.',
  door_not_closed: (door) => `Door ${door} is still open. Please close it first.`,
  no_cloud_time: () => 'This bank is still starting. Please try again in a moment.',
  abandoned: () => 'This item is no longer waiting for you.',
  refused: () => 'This code cannot be used at the moment. Please contact support.',
  dark: () => 'The bank has no power.',
} as const satisfies Record<string, (door?: string) => string>;
export type Words = keyof typeof words;

const isWords = (reason: string): reason is Words => Object.hasOwn(words, reason);

/** The cloud may send reasons that this bank does not know yet. */
export const say = (reason: string, door?: string): string => (isWords(reason) ? words[reason] : words.refused)(door);

/** Shows it, until something else is to be said. */
export const panel = (turn: Turn, reason: string, door?: string): string => {
  const message = say(reason, door);
  remember(turn, { message });
  return message;
};
