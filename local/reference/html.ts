/** Text of ours and of others, so that it is shown and never taken for markup. */
export const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** A text of the documents: what stands between backticks is code. */
export const prose = (text: string): string => escaped(text).replace(/`([^`]+)`/g, '<code>$1</code>');

/** The chapters stand below the page on a phone, and beside it where there is room: neither needs a script. */
const style = `
:root { color-scheme: light dark; --ground: light-dark(#fbfbfa, #14171a); --ink: light-dark(#1b211d, #e8ece9);
  --quiet: light-dark(#4d5750, #aeb8b2); --line: light-dark(#c9cfca, #3b444a); --card: light-dark(#eff1ee, #1d2226);
  --accent: light-dark(#14532d, #7fd8a4); font: 1rem/1.5 system-ui, sans-serif; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); }
header { display: flex; justify-content: space-between; gap: 1rem; padding: 0.75rem 1rem;
  border-bottom: 1px solid var(--line); }
header a { font-weight: 600; text-decoration: none; }
main { padding: 0 1rem 3rem; max-width: 56rem; min-width: 0; }
nav { padding: 0 1rem 3rem; border-top: 1px solid var(--line); }
nav h2 { margin: 1.5rem 0 0.25rem; padding: 0; border: 0; font-size: 0.85rem; color: var(--quiet); }
nav ul, .contents { padding: 0; list-style: none; }
nav ul { margin: 0; }
nav a, .contents a { display: block; padding: 0.2rem 0; }
nav a[aria-current] { font-weight: 600; color: var(--ink); text-decoration: none; }
a { color: var(--accent); }
h1, h2, h3 { line-height: 1.25; overflow-wrap: anywhere; }
h1 { font-size: 1.75rem; }
h2 { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: 1.25rem; font-size: 1.25rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 0.25rem; }
code { font: 0.9em ui-monospace, monospace; overflow-wrap: anywhere; }
.call { padding: 0.4rem 0.6rem; background: var(--card); border: 1px solid var(--line); border-radius: 0.4rem; }
.call b { margin-right: 0.5rem; color: var(--accent); }
pre { overflow-x: auto; margin: 0.5rem 0; padding: 0.75rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 0.4rem; }
pre code { overflow-wrap: normal; }
.quiet { color: var(--quiet); }
dl { margin: 0.5rem 0; padding-left: 0.75rem; border-left: 2px solid var(--line); }
dt { margin-top: 0.4rem; overflow-wrap: anywhere; }
dt > code { font-weight: 600; margin-right: 0.4rem; }
dd { margin: 0; padding-left: 0.75rem; }
dd p { margin: 0.2rem 0; }
summary { cursor: pointer; padding: 0.3rem 0; color: var(--accent); }
@media (min-width: 60rem) {
  header .below { display: none; }
  .beside { display: grid; grid-template-columns: 16rem minmax(0, 1fr); }
  nav { grid-row: 1; border-top: 0; border-right: 1px solid var(--line); }
  main { padding: 0 2rem 3rem; }
}
@media print { nav, header { display: none; } }
`;

/** `part`: what it belongs to, as the list of chapters says it. */
export type Page = { file: string; part: string; title: string; body: string };

const linkTo = ({ file, title }: Page, current: string): string =>
  `<li><a href="${file}"${file === current ? ' aria-current="page"' : ''}>${escaped(title)}</a></li>`;

/** The chapters by the part they belong to, in their order. */
export const chaptersOf = (pages: readonly Page[], current: string): string =>
  [...Map.groupBy(pages, ({ part }) => part)]
    .map(
      ([part, own]) => `<h2>${escaped(part)}</h2>\n<ul>\n${own.map((page) => linkTo(page, current)).join('\n')}\n</ul>`,
    )
    .join('\n');

/** A whole page, with the way to all others. It needs no script and loads nothing. */
export const pageOf = ({ file, title, body }: Page, pages: readonly Page[]): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>${escaped(title)} · Latchwork reference</title>
<style>${style}</style>
</head>
<body>
<header><a href="index.html">Latchwork reference</a><a class="below" href="#chapters">Chapters</a></header>
<div class="beside">
<main>
<h1>${escaped(title)}</h1>
${body}
</main>
<nav id="chapters" aria-label="Chapters">
${chaptersOf(pages, file)}
</nav>
</div>
</body>
</html>
`;

/** JSON to read; it can be scrolled with the keyboard. */
export const json = (label: string, value: unknown): string =>
  `<pre tabindex="0" role="group" aria-label="${escaped(label)}"><code>${escaped(JSON.stringify(value, null, 2))}</code></pre>`;
