import { config, remember, type Turn } from './turn.ts';

/**
 * What the screen of the bank says, in words a person at the door understands: what is so, and what they can do now. Reason
 * codes are design.md section 4's. `when`: the moment that decides.
 */
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
  too_early: (_, when) => `It is too early for this code. Please come back ${when ? `from ${when}` : 'later'}.`,
  too_late: (_, when) =>
    `This code is no longer valid: its time ${when ? `ended on ${when}` : 'has passed'}. Please ask the sender for more time.`,
  code_expired: () => 'This code was good for one moment only. Please show the new one from your app.',
  wrong_bank: () => 'This code belongs to another location. Your message says where to go.',
  wrong_credential: () => 'This code is not valid here. Please check it, and try again.',
  wrong_compartment: () => 'This code belongs to another door. Please check it, and try again.',
  keypad_locked: (_, when) => `Too many wrong codes were entered. Please try again ${when ? `from ${when}` : 'later'}.`,
  credential_revoked: () =>
    'This code was used already or has been withdrawn. If you were sent a newer one, please use that.',
  delegated: () => 'You have handed this to somebody else. Take it back to open the door yourself.',
  on_hold: () => 'This item is on hold. Please contact the sender.',
  moving: () => 'This item is being moved to another door. Please come back in a while.',
  payment_pending: () => 'This item has not been paid for yet. Please pay first, then enter the same code.',
  approval_pending: () => 'This item has not been approved yet. Please ask who sent you here.',
  identity_unconfirmed: () => 'Please have your identity confirmed first.',
  age_unconfirmed: () => 'Please have your age confirmed first.',
  compartment_empty: () => 'The item has not been put in yet. Please come back when you are told that it is here.',
  compartment_occupied: () => 'This door cannot be used: something is inside already. Please contact support.',
  compartment_faulty: () => 'This door does not open. Please contact support.',
  door_not_closed: (door) => `Door ${door} is still open. Please close it first.`,
  no_cloud_time: () => 'This bank is still starting. Please try again in a moment.',
  abandoned: () => 'This item is no longer waiting for you. Please contact the sender.',
  refused: () => 'This code cannot be used at the moment. Please contact support.',
  dark: () => 'The bank has no power.',
} as const satisfies Record<string, (door?: string, when?: string) => string>;
export type Words = keyof typeof words;

const isWords = (reason: string): reason is Words => Object.hasOwn(words, reason);

/** The cloud may send reasons that this bank does not know yet. */
export const say = (reason: string, door?: string, when?: string): string =>
  (isWords(reason) ? words[reason] : words.refused)(door, when);

/** As a clock on the wall beside the bank would say it. */
const onTheWall = (at: number, timeZone: string): string =>
  new Intl.DateTimeFormat('en-GB', {
    timeZone,
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  }).format(at);

/** Shows it, until something else is to be said. */
export const panel = (turn: Turn, reason: string, door?: string, at?: number): string => {
  const message = say(reason, door, at === undefined ? undefined : onTheWall(at, config(turn).timeZone));
  remember(turn, { message });
  return message;
};
