import type { Endpoint } from './endpoint.ts';

export type Inbox = { what: string; url: string };

/** Where our engine keeps what the product has sent: no phone and no mailbox gets it. */
const inboxes = [
  { what: 'SMS that were sent', path: '/_ministack/sns/sms-messages' },
  { what: 'E-mail that was sent', path: '/_ministack/ses/messages' },
] as const;

const answers = (url: string): Promise<boolean> =>
  fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
    ({ ok, headers }) => ok && headers.get('content-type')?.startsWith('application/json') === true,
    () => false,
  );

/** Those that an engine has. Another that somebody brings may keep what was sent elsewhere, or not at all. */
export async function inboxesOf({ awsEndpointUrl }: Pick<Endpoint, 'awsEndpointUrl'>): Promise<Inbox[]> {
  const all = inboxes.map(async ({ what, path }) => {
    const url = `${awsEndpointUrl}${path}`;
    return (await answers(url)) ? [{ what, url }] : [];
  });
  return (await Promise.all(all)).flat();
}
