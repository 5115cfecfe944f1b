/** The element of this id, which the page has; a page without it is a mistake of ours. */
export const find = <T extends HTMLElement>(id: string, kind: new () => T): T => {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`);
  return found;
};

/** Text only where it differs: screen readers say again what is set again. */
export const setText = (element: HTMLElement, text: string): void => {
  if (element.textContent !== text) element.textContent = text;
};

export const make = <Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  { text, ...attributes }: Record<string, string> = {},
  ...children: Node[]
): HTMLElementTagNameMap[Tag] => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
};

export const button = (
  text: string,
  press: () => void | Promise<void>,
  attributes: Record<string, string> = {},
): HTMLButtonElement => {
  const made = make('button', { type: 'button', text, ...attributes });
  made.addEventListener('click', press);
  return made;
};

export const onSubmit = (form: HTMLFormElement, run: () => void | Promise<void>): void => {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    return run();
  });
};

/** What the simulator answers is ours, so it is taken as it is; `problem` says in a sentence why it refused. */
export const post = async <Answer>(path: string, body: unknown): Promise<{ answer?: Answer; problem?: string }> => {
  const sent = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(path, sent).catch(() => undefined);
  if (!response) return { problem: 'The simulator does not answer.' };
  const answer = await response.json();
  return response.ok ? { answer } : { problem: `That is not possible: ${answer.detail}.` };
};
