import type { LayoutView, PageView } from '../view.ts';
import { make } from './dom.ts';
import { doorWords } from './words.ts';

type Drawn = { input: HTMLInputElement; label: HTMLLabelElement; thermalClass: string };

/** What stands on a door that does more than keep things dry. */
const signs: Record<string, string> = { refrigerated: 'cool', frozen: 'frozen', heated: 'warm' };

/** The smallest height at which a finger hits a door, in pixels. */
const fingerPx = 26;

export type Front = { show(doors: PageView['doors']): void; chosen(): string; choose(door: string): void };

/** The front of the bank, as it is built: one radio button per door, so that arrow keys go from door to door. */
export const drawFront = (
  { picture }: LayoutView,
  front: HTMLFieldSetElement,
  chosenAnew: (door: string) => void,
): Front => {
  const drawn = new Map<string, Drawn>();
  const { widthMm, heightMm } = picture;
  const lowestMm = Math.min(...picture.doors.map((it) => it.heightMm));
  const percent = (part: number, whole: number): string => `${(part / whole) * 100}%`;
  front.style.aspectRatio = `${widthMm} / ${heightMm}`;
  front.style.minWidth = `${Math.ceil((widthMm * fingerPx) / lowestMm)}px`;
  front.style.maxWidth = `${Math.ceil(widthMm * 0.48)}px`;
  for (const { door, leftMm, bottomMm, thermalClass, ...size } of picture.doors) {
    const input = make('input', { type: 'radio', name: 'door', value: door, class: 'unseen' });
    const leaf = make('span', { class: 'leaf' });
    leaf.append(make('span', { class: 'number', text: door }), make('span', { class: 'lamp' }));
    const sign = signs[thermalClass];
    if (sign !== undefined) leaf.append(make('span', { class: 'sign', text: sign, 'aria-hidden': 'true' }));
    const label = make('label', { class: 'door', 'data-thermal': thermalClass }, input);
    // What is written on the leaf cannot be read any more when it stands open.
    label.append(
      make('span', { class: 'room', text: door, 'aria-hidden': 'true' }, make('span', { class: 'thing' })),
      leaf,
    );
    label.style.left = percent(leftMm, widthMm);
    label.style.bottom = percent(bottomMm, heightMm);
    label.style.width = percent(size.widthMm, widthMm);
    label.style.height = percent(size.heightMm, heightMm);
    input.addEventListener('change', () => chosenAnew(door));
    front.append(label);
    drawn.set(door, { input, label, thermalClass });
  }
  const choose = (door: string): void => {
    const it = drawn.get(door);
    if (!it || it.input.checked) return;
    it.input.checked = true;
    chosenAnew(door);
  };
  return {
    show: (doors) => {
      for (const [door, { input, label, thermalClass }] of drawn) {
        const now = doors[door];
        if (!now) continue;
        label.dataset.position = now.actual.door;
        label.dataset.lock = now.actual.lock;
        label.dataset.inside = now.actual.inside;
        input.setAttribute('aria-label', `Door ${door}, ${doorWords(now, thermalClass).join(', ')}`);
      }
    },
    chosen: () => [...drawn].find(([, { input }]) => input.checked)?.[0] ?? '',
    choose,
  };
};
