package api

// signInStyle is the style sheet of the pages for people who have not signed in: signing
// in, accepting an invitation, and what to do if something is wrong. It is in the pages
// themselves, so that they need nothing else, and has the colors of the console
// (console/assets/console.css).
const signInStyle = `
:root {
  color-scheme: light dark;
  --page: light-dark(#f6f6f3, #121614); --surface: light-dark(#fff, #1a1f1d); --sunken: light-dark(#efefeb, #232927);
  --line: light-dark(#dfdfd9, #303734); --line-strong: light-dark(#86897f, #7b857f);
  --text: light-dark(#1b1f1d, #e7ebe8); --quiet: light-dark(#5b625d, #a3aca7);
  --accent: light-dark(#0b6157, #6cc9b9); --accent-hover: light-dark(#084a43, #8fdccf); --on-accent: light-dark(#fff, #08211c);
  --bad: light-dark(#a3201d, #f29a93); --bad-soft: light-dark(#fbe6e4, #40201e);
}
* { box-sizing: border-box; }
body { min-height: 100vh; margin: 0; padding: 1.5rem; display: grid; place-content: center; justify-items: center; gap: 1.5rem; background: var(--page); color: var(--text); font: 0.9375rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
header { display: flex; align-items: center; gap: 0.5rem; font-size: 1.25rem; font-weight: 650; letter-spacing: -0.015em; }
header svg { width: 1.75rem; height: 1.75rem; color: var(--accent); }
main { width: min(26rem, 100vw - 3rem); padding: 2rem; display: grid; gap: 1rem; background: var(--surface); border: 1px solid var(--line); border-radius: 10px; box-shadow: 0 1px 8px rgb(20 30 25 / 5%); overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.625rem; line-height: 1.25; letter-spacing: -0.02em; }
p, form, details, ul { margin: 0; }
a { color: var(--accent); }
.hint { margin-top: 0.75rem; color: var(--quiet); font-size: 0.8125rem; }
label { display: block; margin-bottom: 0.25rem; font-weight: 550; }
input, button, a.button { display: block; width: 100%; min-height: 2.5rem; padding: 0.45rem 0.75rem; border: 1px solid var(--line-strong); border-radius: 6px; background: var(--surface); color: var(--text); font: inherit; }
input { margin-bottom: 1rem; }
button, a.button { border-color: var(--accent); background: var(--accent); color: var(--on-accent); font-weight: 550; text-align: center; text-decoration: none; cursor: pointer; }
button:hover, a.button:hover { border-color: var(--accent-hover); background: var(--accent-hover); }
button.second { border-color: var(--line-strong); background: var(--surface); color: var(--text); }
button.plain { border-color: transparent; background: none; color: var(--accent); }
button.second:hover, button.plain:hover { background: var(--sunken); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
summary { margin-bottom: 0.75rem; color: var(--accent); font-weight: 550; cursor: pointer; }
.problem { padding: 0.75rem 1rem; border: 1px solid var(--bad); border-radius: 10px; background: var(--bad-soft); }
`
