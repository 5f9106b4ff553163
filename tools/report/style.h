// The stylesheet of a report: light and dark, narrow and wide, on paper.
#pragma once

namespace tools {

inline constexpr const char* kReportStyle = R"css(
:root {
  color-scheme: light dark;
  --paper: #fff; --ink: #1b1d20; --quiet: #565b61; --rule: #c9cdd2; --faint: #f4f5f6; --link: #0a4f96;
  --good: #0b6b3a; --bad: #99310f; --note: #fff5dc; --note-rule: #b07a00;
  --shade: rgba(0, 0, 0, .28);
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15171a; --ink: #e4e6e8; --quiet: #a6acb3; --rule: #3d4248; --faint: #1e2125; --link: #8dbcf2;
    --good: #7fd3a2; --bad: #f3a584; --note: #2e2714; --note-rule: #d9a93a;
    --shade: rgba(255, 255, 255, .34);
  }
}
/* On a dark page dark ink becomes light, and every hue stays. */
@media screen and (prefers-color-scheme: dark) {
  .plot svg { filter: invert(1) hue-rotate(180deg) brightness(1.1); }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 70rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif;
}
h1, h2, h3 { line-height: 1.25; font-weight: 650; overflow-wrap: anywhere; }
h1 { font-size: 1.9rem; margin: 0 0 .4rem; }
h2 { font-size: 1.3rem; margin: 3rem 0 .8rem; padding-top: .6rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p, ul, ol, dl, blockquote { margin: .6rem 0; max-width: 46rem; overflow-wrap: anywhere; }
ul, ol { padding-left: 1.4rem; }
li { margin: .25rem 0; }
a { color: var(--link); }
.lead, figcaption, caption, small, dt, .quiet { color: var(--quiet); }
nav ul { max-width: none; list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; font-size: .95rem; }
blockquote { margin-left: 0; padding-left: 1rem; border-left: 3px solid var(--rule); font-size: 1.08rem; }
.note {
  max-width: 46rem; margin: .8rem 0; padding: .55rem .9rem; background: var(--note);
  border-left: 3px solid var(--note-rule);
}
.good { color: var(--good); }
.bad { color: var(--bad); }
/* What is wider than the screen has a shadow at the side where more of it is: the inner gradients move with the
   content and cover the shadows at its ends. */
.scroll, .plot {
  overflow-x: auto; max-width: 100%; background-color: var(--paper); background-repeat: no-repeat;
  background-image:
    linear-gradient(90deg, var(--paper) 30%, transparent), linear-gradient(270deg, var(--paper) 30%, transparent),
    linear-gradient(90deg, var(--shade), transparent), linear-gradient(270deg, var(--shade), transparent);
  background-position: 0 0, 100% 0, 0 0, 100% 0; background-size: 3rem 100%, 3rem 100%, 1.1rem 100%, 1.1rem 100%;
  background-attachment: local, local, scroll, scroll;
}
.scroll { margin: 1rem 0; }
table { border-collapse: collapse; font-size: .875rem; line-height: 1.4; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 0 0 .45rem; font-size: .9rem; max-width: min(46rem, 100vw - 3.4rem); }
thead th { border-top: 2px solid var(--ink); border-bottom: 1px solid var(--ink); vertical-align: bottom; }
th, td { padding: .28rem .8rem .28rem 0; text-align: left; vertical-align: top; font-weight: 400; }
thead th { font-weight: 600; }
th.n, td.n { text-align: right; white-space: nowrap; }
tbody { border-bottom: 1px solid var(--rule); }
tbody:last-child { border-bottom: 2px solid var(--ink); }
tbody th { white-space: nowrap; }
tbody th small, td small { display: block; font-size: .9em; }
td { min-width: 5.2rem; max-width: 34rem; }
td.n { min-width: 0; }
dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .2rem 1.2rem; font-size: .95rem; }
dd { margin: 0; }
figure { margin: 1.6rem 0 2.2rem; }
.plot { max-width: 50rem; }
.plot svg { display: block; width: 100%; min-width: 34rem; height: auto; }
figcaption { margin: .6rem 0; max-width: 46rem; font-size: .92rem; overflow-wrap: anywhere; }
figcaption strong { color: var(--ink); }
details { margin: .6rem 0; }
summary { cursor: pointer; color: var(--link); font-size: .92rem; }
pre, code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .85em; }
pre code { font-size: 1em; }
pre { background: var(--faint); padding: .6rem .8rem; border-radius: 4px; overflow-x: auto; margin: .5rem 0; }
td code { white-space: nowrap; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
footer { margin-top: 3rem; border-top: 1px solid var(--rule); font-size: .9rem; color: var(--quiet); }
@media (max-width: 40rem) {
  body { padding: 1.2rem 1rem 3rem; }
  h1 { font-size: 1.5rem; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .5rem; }
  .wide::before, .plot::before {
    content: "wider than the screen: scroll \2192"; display: block; position: sticky; left: 0; width: max-content;
    max-width: 100%; font-size: .8rem; color: var(--quiet);
  }
  tbody th { white-space: normal; }
  table { font-size: .82rem; }
}
@media print {
  :root {
    --paper: #fff; --ink: #000; --quiet: #333; --rule: #999; --faint: #fff; --link: #000; --good: #000; --bad: #000;
    --note: #fff; --note-rule: #000; color-scheme: light;
  }
  @page { margin: 16mm 14mm; }
  html { font-size: 9.5pt; }
  body { max-width: none; padding: 0; }
  nav, details:not([open]) { display: none; }
  h2, h3 { break-after: avoid; }
  figure, .note, tbody, pre, .scroll { break-inside: avoid; }
  #bounds .scroll { break-inside: auto; }
  caption, thead { break-after: avoid; }
  thead { display: table-header-group; }
  .scroll, .plot { overflow: visible; background: none; }
  .wide::before, .plot::before { content: none; }
  .plot svg { min-width: 0; }
  .plot { max-width: 12.5cm; }  /* two a page */
  table { font-size: 8pt; width: 100%; }
  th, td, th.n, td.n, tbody th { padding-right: .4rem; white-space: normal; overflow-wrap: break-word; }
  td { min-width: 0; }
  pre, td code { white-space: pre-wrap; overflow-wrap: anywhere; }
}
)css";

}  // namespace tools
