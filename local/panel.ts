import * as z from 'zod';

const Door = z.object({ door: z.string(), contents: z.string(), lock: z.string() });
const PanelState = z.looseObject({
  online: z.boolean(),
  power: z.boolean(),
  doors: z.record(z.string(), Door),
  message: z.string().nullish(),
  presenceCode: z.string().nullish(),
  journal: z.looseObject({ unacknowledged: z.number() }),
});
export type PanelState = z.infer<typeof PanelState>;

const Entered = z.looseObject({
  granted: z.boolean(),
  door: z.string().optional(),
  reason: z.string().optional(),
  next: z.string().optional(),
  message: z.string(),
});
export type Entered = z.infer<typeof Entered>;

const Scanned = z.looseObject({ door: z.string().optional(), result: z.string().optional(), message: z.string() });

export type Method = 'pin' | 'qr' | 'barcode' | 'badge' | 'app' | 'operator';
export type DoorChange = {
  door?: 'closed' | 'ajar' | 'open';
  contents?: 'filled' | 'empty' | 'unknown';
  lock?: 'ok' | 'jammed';
  temperatureC?: number;
  /** Torn open, without any right. */
  force?: boolean;
  late?: boolean;
};
export type LinkChange = { online?: boolean; drop?: number; duplicate?: number; delayMs?: number };

/** The hands of a person at a simulated bank: its control as design.md section 9 says it. */
export type Panel = ReturnType<typeof panel>;

export function panel(controlUrl: string) {
  const post = (path: string, body: unknown) => control(`${controlUrl}${path}`, body);
  return {
    state: async () => PanelState.parse(await control(controlUrl)),
    enter: async (value: string, method: Method = 'pin') => Entered.parse(await post('/enter', { method, value })),
    /** Shows a label to the scanner. */
    scan: async (value: string) => Scanned.parse(await post('/scan', { value })),
    door: (door: string, change: DoorChange) => post(`/doors/${door}`, change),
    /** Puts the item in and closes. */
    fill: (door: string) => post(`/doors/${door}`, { contents: 'filled', door: 'closed' }),
    /** Takes the item out and closes. */
    clear: (door: string) => post(`/doors/${door}`, { contents: 'empty', door: 'closed' }),
    link: (change: LinkChange) => post('/link', change),
    power: (on: boolean) => post('/power', { on }),
    /** Opens the cover of the controller. */
    tamper: () => post('/tamper', { opened: true }),
    loseDisk: () => post('/disk', { lost: true }),
    clock: (skewMs: number) => post('/clock', { skewMs }),
  };
}

async function control(url: string, body?: unknown): Promise<unknown> {
  const response = await fetch(
    url,
    body === undefined
      ? {}
      : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) },
  );
  const answer: unknown = await response.json();
  if (!response.ok) throw new Error(`the bank refused ${url}: ${JSON.stringify(answer)}`);
  return answer;
}
