import type { EnterResult } from '../turn.ts';
import type { LayoutView, PageView } from '../view.ts';
import { button, find, make, onSubmit, post, setText } from './dom.ts';
import { drawFront } from './doors.ts';
import { clock, doorOf, doorWords, entryWords, factsOf } from './words.ts';

/*
 * The page of one simulated bank. What it shows comes as server-sent events from `events`; what one does goes through
 * the same requests that scripts and tests send.
 */

const layout: LayoutView = await (await fetch('layout')).json();
let now: PageView | undefined;

setText(find('name', HTMLElement), layout.name || 'Simulated bank');
setText(find('bank-id', HTMLElement), layout.id);
document.title = `${layout.name || layout.id} · simulated bank`;

const outcome = find('outcome', HTMLElement);
const faultOutcome = find('fault-outcome', HTMLElement);
const message = find('message', HTMLElement);

/** Does it, and says in that place why it could not be done. */
const ask = async (path: string, body: unknown, place: HTMLElement): Promise<void> => {
  const { problem } = await post(path, body);
  setText(place, problem ?? '');
};

// The doors, and the hands at the one that is chosen.

const front = drawFront(layout, find('front', HTMLFieldSetElement), () => {
  setText(outcome, '');
  showDoor();
});

const at = (change: Record<string, unknown>) => (): Promise<void> =>
  ask(`doors/${encodeURIComponent(front.chosen())}`, change, outcome);

const jam = button('Lock jammed', () => at({ lock: isJammed() ? 'ok' : 'jammed' })(), {
  role: 'switch',
  'aria-checked': 'false',
});
const isJammed = (): boolean => now?.doors[front.chosen()]?.actual.lock === 'jammed';

find('hands', HTMLElement).append(
  button('Put something in and close', at({ contents: 'filled', door: 'closed' }), { class: 'main' }),
  button('Take it out and close', at({ contents: 'empty', door: 'closed' }), { class: 'main' }),
  button('Put in', at({ contents: 'filled' })),
  button('Take out', at({ contents: 'empty' })),
  button('Close', at({ door: 'closed' })),
  button('Leave ajar', at({ door: 'ajar' })),
  button('Force open', at({ force: true }), { class: 'wrong' }),
  button('Blind its sensor', at({ contents: 'unknown' }), { class: 'wrong' }),
  jam,
);

const degrees = find('degrees', HTMLInputElement);
onSubmit(find('temperature', HTMLFormElement), () => at({ temperatureC: degrees.valueAsNumber })());

const showDoor = (): void => {
  const door = front.chosen();
  const it = now?.doors[door];
  if (!it) return;
  const thermalClass = layout.picture.doors.find((each) => each.door === door)?.thermalClass;
  setText(find('hands-title', HTMLElement), `At door ${door}`);
  setText(find('door-state', HTMLElement), `It is ${doorWords(it, thermalClass).join(', ')}.`);
  jam.setAttribute('aria-checked', String(isJammed()));
};

// The terminal.

const presence = find('presence', HTMLElement);
let codeEndsAt = 0;
const showLeft = (): void => {
  const seconds = Math.max(0, Math.ceil((codeEndsAt - performance.now()) / 1000));
  setText(find('presence-left', HTMLElement), `${seconds} s`);
};
setInterval(showLeft, 1000);

/** Nobody is told of every new code aloud: whoever needs it reads it. */
const showPresence = (shown: PageView['presence']): void => {
  presence.hidden = shown === null;
  if (shown === null) return;
  setText(find('presence-text', HTMLElement), shown.text);
  setText(find('presence-code', HTMLElement), shown.code);
  codeEndsAt = performance.now() + shown.leftMs;
  showLeft();
};

const enter = async (method: string, value: string): Promise<void> => {
  // The same sentence twice is said twice.
  setText(message, '');
  const { answer, problem } = await post<EnterResult>('enter', { method, value });
  setText(message, answer?.message ?? problem ?? '');
  if (answer?.door !== undefined && answer.granted) front.choose(answer.door);
};

const pin = find('pin', HTMLInputElement);
onSubmit(find('keypad', HTMLFormElement), () => {
  const { value } = pin;
  if (value === '') return pin.focus();
  pin.value = '';
  return enter('pin', value);
});
const press = (digit: string) =>
  button(digit, () => {
    if (pin.value.length < pin.maxLength) pin.value += digit;
  });
find('keys', HTMLElement).append(
  ...['1', '2', '3', '4', '5', '6', '7', '8', '9'].map(press),
  button('Clear', () => {
    pin.value = '';
  }),
  press('0'),
  make('button', { type: 'submit', text: 'Enter', class: 'main' }),
);

const code = find('code', HTMLInputElement);
onSubmit(find('scanner', HTMLFormElement), () => {
  const { value } = code;
  if (value === '') return code.focus();
  code.value = '';
  return enter(find('method', HTMLSelectElement).value, value);
});

// What goes wrong.

const fault = (path: string, body: unknown): Promise<void> => ask(path, body, faultOutcome);

const switches = [
  { text: 'Power', isOn: (it: PageView) => it.power, turn: (on: boolean) => fault('power', { on }) },
  { text: 'Network', isOn: (it: PageView) => it.link.online, turn: (online: boolean) => fault('link', { online }) },
].map((it) => {
  const element = button(it.text, () => it.turn(!(now && it.isOn(now))), { role: 'switch', 'aria-checked': 'false' });
  find('switches', HTMLElement).append(element);
  return { ...it, element };
});

const sliders = [
  { name: 'drop', text: 'Messages lost', max: '1', step: '0.05', unit: '%', shown: 100 },
  { name: 'duplicate', text: 'Messages that come twice', max: '1', step: '0.05', unit: '%', shown: 100 },
  { name: 'delayMs', text: 'Messages late by up to', max: '5000', step: '100', unit: 'ms', shown: 1 },
] as const;

const shownSliders = sliders.map(({ name, text, max, step, unit, shown }) => {
  const input = make('input', { type: 'range', id: name, min: '0', max, step, value: '0' });
  const output = make('output', { for: name });
  const say = (): void => {
    const words = `${Math.round(input.valueAsNumber * shown)} ${unit}`;
    setText(output, words);
    input.setAttribute('aria-valuetext', words);
  };
  input.addEventListener('input', say);
  input.addEventListener('change', () => fault('link', { [name]: input.valueAsNumber }));
  find('sliders', HTMLElement).append(
    make('div', { class: 'slider' }, make('label', { for: name, text }), input, output),
  );
  return { name, input, say };
});

const skew = find('skew', HTMLInputElement);
onSubmit(find('clock', HTMLFormElement), () => fault('clock', { skewMs: Math.round(skew.valueAsNumber * 1000) }));
find('disk', HTMLButtonElement).addEventListener('click', () => fault('disk', { lost: true }));

/** What somebody is setting is left alone. */
const follow = (input: HTMLInputElement, value: number): void => {
  if (document.activeElement !== input) input.valueAsNumber = value;
};

// What is so.

const show = (view: PageView): void => {
  const opened = Object.entries(view.doors).find(
    ([door, { actual }]) => actual.door === 'open' && now?.doors[door]?.actual.door === 'closed',
  );
  const changed = view.message !== now?.message;
  now = view;
  front.show(view.doors);
  if (opened) front.choose(opened[0]);
  else if (front.chosen() === '') front.choose(layout.picture.doors[0]?.door ?? '');
  showDoor();
  // An answer that has just been shown at the terminal stays until the bank says something else.
  if (changed) setText(message, view.power ? view.message : '');
  showPresence(view.presence);
  find('screen', HTMLElement).dataset.power = String(view.power);
  const facts = factsOf(view).map(({ text, mood }) => make('li', { text, class: mood }));
  find('facts', HTMLElement).replaceChildren(...facts);
  for (const { element, isOn } of switches) element.setAttribute('aria-checked', String(isOn(view)));
  for (const { name, input, say } of shownSliders) {
    follow(input, view.link[name]);
    say();
  }
  follow(skew, view.clock.skewMs / 1000);
  find('recent', HTMLElement).replaceChildren(
    ...view.recent.map((entry) =>
      make(
        'tr',
        {},
        ...[
          String(entry.seq),
          clock(entry.at),
          entryWords(entry),
          doorOf(entry),
          entry.seq <= view.journal.acknowledged ? 'confirmed' : 'not yet',
        ].map((text) => make('td', { text })),
      ),
    ),
  );
};

// A browser has six connections to a host, so a tab that nobody looks at gives its own back.

const trouble = find('trouble', HTMLElement);
let events: EventSource | undefined;
const listen = (): void => {
  events?.close();
  events = undefined;
  if (document.hidden) return;
  events = new EventSource('events');
  events.addEventListener('message', ({ data }) => {
    trouble.hidden = true;
    show(JSON.parse(data));
  });
  events.addEventListener('error', () => {
    trouble.hidden = false;
    setText(trouble, 'The simulator does not answer. This page goes on by itself when it does.');
  });
};
document.addEventListener('visibilitychange', listen);
listen();
