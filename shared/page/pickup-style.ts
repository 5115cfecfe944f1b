/** Of the pickup page: as it stands in the page, so that the policy can name it by its hash. */
export const style = `
:root{color-scheme:light dark;--ground:#f4f5f2;--sheet:#fff;--ink:#1b211d;--soft:#4d5750;--line:#d3d8d3;--main:#0b6b4a;--on:#fff;--calm:#e4f0ea;--warn:#fff1d6;--warnline:#8a5a00}
@media (prefers-color-scheme:dark){:root{--ground:#121614;--sheet:#1c221f;--ink:#eef2ef;--soft:#b3bdb6;--line:#3a443e;--main:#6fd3a8;--on:#06281b;--calm:#1d3a2e;--warn:#3a2e12;--warnline:#e9b95a}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:1.0625rem/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:34rem;margin:0 auto;padding:1rem 1rem 3rem}
@media (min-width:40rem){main{padding-top:3rem}}
section,.status{background:var(--sheet);border:1px solid var(--line);border-radius:.75rem;padding:1rem 1.125rem;margin:0 0 .75rem}
h1{font-size:1.6rem;line-height:1.2;margin:0 0 .4rem;text-wrap:balance}
h2{font-size:1.0625rem;margin:0 0 .5rem}
p{margin:0 0 .6rem}
p:last-child,dl:last-child{margin-bottom:0}
a{color:var(--main);text-underline-offset:.15em}
.brand{display:flex;align-items:center;gap:.75rem;background:var(--brand,var(--main));color:var(--onbrand,var(--on));border-radius:.75rem;padding:.75rem 1.125rem;margin:0 0 .75rem;font-weight:700;overflow-wrap:anywhere}
.brand img{height:2rem;max-width:10rem;object-fit:contain}
.hero{border:0;background:var(--calm);padding-bottom:1.25rem}
.door{display:inline-block;font-size:2rem;font-weight:700;line-height:1.15;background:var(--main);color:var(--on);border-radius:.5rem;padding:.3rem .8rem;margin:.3rem 0 .7rem}
.soft{color:var(--soft);font-size:.9375rem}
.status{border-left:.375rem solid var(--main);font-weight:600}
.warn{background:var(--warn);border-color:var(--warnline)}
dl{margin:0;display:grid;grid-template-columns:max-content 1fr;gap:.5rem 1rem}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
.countdown{font-weight:600;display:block}
.map{display:inline-block;padding:.3rem 0}
summary,button,.button{display:flex;align-items:center;justify-content:center;width:100%;min-height:3rem;padding:.6rem 1rem;border-radius:.5rem;border:2px solid var(--main);background:transparent;color:var(--main);font:inherit;font-weight:600;text-align:center;text-decoration:none;cursor:pointer}
summary::-webkit-details-marker{display:none}
summary{list-style:none}
button.first{background:var(--main);color:var(--on)}
button:disabled{opacity:.7}
:focus-visible{outline:3px solid var(--main);outline-offset:2px}
details[open]>summary{margin-bottom:.75rem}
details{margin-bottom:.75rem}
details:last-child{margin-bottom:0}
.pin{font:700 2.25rem/1.2 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;letter-spacing:.16em;text-align:center;margin:0 0 .4rem}
.centre{text-align:center}
.qr{display:block;width:min(100%,17rem);margin:0 auto .5rem;background:#fff;border-radius:.5rem}
label{display:block;font-weight:600;margin:0 0 .25rem}
label span{font-weight:400;color:var(--soft)}
input{display:block;width:100%;min-height:3rem;padding:.5rem .75rem;margin:0 0 .75rem;border:1px solid var(--soft);border-radius:.5rem;background:var(--ground);color:inherit;font:inherit}
.code{font:600 1.6rem/1.2 ui-monospace,Menlo,Consolas,monospace;letter-spacing:.2em;text-align:center}
input[aria-invalid]{border:2px solid var(--warnline);margin-bottom:.25rem}
.wrong{background:var(--warn);border-left:.375rem solid var(--warnline);border-radius:.25rem;padding:.4rem .75rem;margin-bottom:.75rem}
form+form{margin-top:.75rem}
`;
