import { isLabel } from '#shared/device/label.ts';
import { verifierOf } from '#shared/device/verifier.ts';
import type { Right } from './access.ts';
import { journal } from './journal.ts';
import { panel } from './panel.ts';
import type { DoorMemory } from './state.ts';
import { heldFor, ram, remember, type ScanResult, type Turn } from './turn.ts';

/** How long a label that was scanned before its door was opened counts. */
const labelMs = 60_000;

/** A label is read: of what somebody has in hand before an open door, or is about to put in. */
export const scan = (turn: Turn, value: string): void => {
  const key = turn.state.durable.key?.key;
  const verifier = key === undefined ? null : verifierOf(Buffer.from(key, 'base64url'), 'barcode', value);
  const open = openDoor(turn);
  const atDoor = open && scanAt(turn, ...open, value, verifier);
  // What is not of the open door is of another: one that nobody can close keeps nobody from depositing.
  if (atDoor?.result !== 'right' && verifier !== null)
    remember(turn, { label: { verifier, until: turn.now.mono + labelMs } });
  turn.outputs.push({ type: 'scanned', result: atDoor ?? { message: panel(turn, 'label_read') } });
};

/** The door that was opened last, if one stands open. */
const openDoor = (turn: Turn): [door: string, memory: DoorMemory] | null => {
  const { openSince } = ram(turn);
  const open = Object.entries(turn.state.durable.doors).filter(([, { known }]) => known.door !== 'closed');
  const [first] = open.toSorted(([a], [b]) => (openSince[b] ?? 0) - (openSince[a] ?? 0));
  return first ?? null;
};

const scanAt = (turn: Turn, door: string, memory: DoorMemory, value: string, verifier: string | null): ScanResult => {
  const held = heldFor(turn, door);
  const { cycle } = memory;
  const isKnown = verifier !== null && held?.label !== undefined && held.transactionId === cycle?.transactionId;
  const result = isKnown ? (isLabel(held.label, verifier) ? 'right' : 'wrong') : 'unchecked';
  const step = cycle?.cause && 'step' in cycle.cause ? cycle.cause.step : undefined;
  journal(
    turn,
    {
      type: 'scan',
      door,
      value: result === 'right' || (verifier !== null && opensSomething(turn, verifier)) ? '' : value,
      result,
      ...(cycle?.transactionId != null && { transactionId: cycle.transactionId }),
      ...(step !== undefined && { step }),
    },
    result === 'wrong' || !cycle ? {} : { doors: { [door]: { ...memory, cycle: { ...cycle, scanned: true } } } },
  );
  return { door, result, message: panel(turn, result === 'wrong' ? 'wrong_label' : 'label_taken', door) };
};

/** What is somebody's right to a door is written down nowhere. */
const opensSomething = ({ state }: Turn, verifier: string): boolean =>
  Object.values(state.durable.grants).some(({ doors }) =>
    Object.values(doors).some(({ grants }) =>
      grants.some((grant) => grant.method === 'barcode' && grant.verifier === verifier),
    ),
  );

/** Whether what is to be put in was scanned before. */
export const isScanned = ({ grant, held, label }: Right): boolean =>
  grant.step === 'deposit' && label !== null && isLabel(held.label, label);

/** It counts for the deposit that opens now, and for no other. */
export const takeLabel = (turn: Turn, { door, held }: Right): void => {
  remember(turn, { label: null });
  const { transactionId } = held;
  journal(turn, { type: 'scan', door, value: '', result: 'right', transactionId, step: 'deposit' });
};
