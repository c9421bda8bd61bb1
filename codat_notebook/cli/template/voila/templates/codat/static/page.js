// The page around the console: its theme, its loading state, and a word when the kernel behind it is gone.
"use strict";

const root = document.documentElement;
const system = window.matchMedia("(prefers-color-scheme: dark)");
let chosen = null;
try { chosen = localStorage.getItem("codat-theme"); } catch { /* a browser that keeps nothing follows the system */ }

function drawTheme() {
  const dark = chosen ? chosen === "dark" : system.matches;
  root.classList.toggle("codat-dark", dark);
  const button = document.getElementById("codat-theme");
  if (button) button.textContent = dark ? "Light" : "Dark";
}

drawTheme(); // in the head, before anything is drawn
system.addEventListener("change", drawTheme);

// Voila calls these while it renders.
window.voila_heartbeat = () => {};
window.voila_process = () => tell("Connecting …");
window.voila_finish = () => { tell("Drawing the console …"); whenDrawn(); };
window.update_loading_text = (_index, _count, text) => tell(text || "Connecting …");
window.display_cells = () => {};

function tell(text) {
  const doing = document.getElementById("codat-doing");
  if (doing) doing.textContent = text;
}

function whenDrawn() {
  const cells = document.getElementById("rendered_cells");
  const look = () => {
    if (cells.querySelector(".codat-console > .codat-part > *")) document.body.classList.add("codat-shown");
    else if (cells.querySelector('[data-mime-type*="stderr"], [data-mime-type*="error"]')) fail();
    else return;
    watching.disconnect();
  };
  const watching = new MutationObserver(look);
  watching.observe(cells, { childList: true, subtree: true, characterData: true });
  look();
}

function fail() {
  document.body.classList.add("codat-failed");
  tell("The console could not be started. Reload the page; if that does not help, the terminal of codat-notebook app says why.");
}

// Whether the kernel is gone, and as of when the page is then; the parts tell times instead of ages.
let answered = new Date();
function tellKernel(text) {
  const notice = document.getElementById("codat-notice");
  notice.hidden = !text;
  if (text) notice.textContent = `${text} What you see is as of ${answered.toLocaleString("sv-SE").slice(0, 16)}.`;
  else answered = new Date();
  document.dispatchEvent(new CustomEvent("codat-kernel", { detail: { gone: Boolean(text) } }));
}

function config() {
  return JSON.parse(document.getElementById("jupyter-config-data")?.textContent || "{}");
}

// A look from time to time, which keeps no idle kernel alive.
async function lookForKernel() {
  const { baseUrl, kernelId } = config();
  if (!kernelId) return;
  try {
    const answer = await fetch(`${baseUrl}api/kernels/${kernelId}`, { cache: "no-store" });
    if (answer.status === 404) tellKernel("The Python behind this page has ended, as it does when idle. Reload the page to continue.");
    else tellKernel("");
  } catch {
    tellKernel("codat-notebook app does not answer: it was stopped, or cannot be reached.");
  }
}

// The address carries the company, the run or the view on screen: a reload stays there and a bookmark leads there.
// Another one is a step of the browser's history, and Back leads to the one before without a new kernel.
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
function named() {
  const { company = "", run = "", view = "" } = Object.fromEntries(new URL(location.href).searchParams);
  return { company: ID.test(company) ? company : "", run, view };
}
function addressOf({ company, run, view }) {
  const told = Object.entries({ company, run, view: company || run ? "" : view }).filter(([, text]) => text);
  return `${location.pathname}${told.length ? "?" : ""}${new URLSearchParams(told)}`;
}
const here = () => addressOf(named());
let place = named();
let wanted = null; // the address to which Back or Forward leads, until the console is there
const PAUSE = 400; // milliseconds
let settling = 0;
/** Tabs.js turns to the view, as soon as there is such a tab, until all is as wanted. */
function want({ company, run, view }) {
  wanted = here();
  if (company || run) delete root.dataset.codatView;
  else root.dataset.codatView = view || "companies";
}
function forget() {
  wanted = null;
  delete root.dataset.codatView;
}
if (place.view) want(place);

/** The parts of the console tell one after the other where it is. */
function settle() {
  clearTimeout(settling);
  if (document.querySelector(".codat-company[aria-busy]")) {
    settling = setTimeout(settle, PAUSE);
    return;
  }
  const [address, from] = [addressOf(place), named()];
  if (wanted !== null) {
    if (address === wanted) forget();
  } else if (address !== here()) {
    const step = from.company !== place.company || !place.company; // a run that begins while its company is shown is none
    history[step ? "pushState" : "replaceState"](null, "", address);
  }
}
for (const what of ["company", "run", "view"]) document.addEventListener(`codat-${what}-shown`, ({ detail, target }) => {
  if (target.closest(".codat-opened")) return; // a run has tabs of its own
  place = { ...place, [what]: detail };
  clearTimeout(settling);
  settling = setTimeout(settle, PAUSE);
});
window.addEventListener("popstate", () => {
  if (wanted === null && addressOf(place) === here()) return;
  want(named());
  document.querySelector(".codat-console > .codat-tabs")?.dispatchEvent(new CustomEvent("codat-place-wanted", { bubbles: true, detail: named() }));
});
// Who acts goes on from what is on screen.
for (const act of ["pointerdown", "keydown"]) document.addEventListener(act, forget, true);

// Who leaves needs the kernel no more. (Back again from the browser's memory, the page sees that it is gone.)
window.addEventListener("pagehide", () => {
  const { baseUrl, kernelId } = config();
  if (kernelId) navigator.sendBeacon(`${baseUrl}voila/api/shutdown/${kernelId}`);
});
window.addEventListener("pageshow", event => { if (event.persisted) lookForKernel(); });

document.addEventListener("DOMContentLoaded", () => {
  drawTheme();
  document.getElementById("codat-theme").addEventListener("click", () => {
    chosen = root.classList.contains("codat-dark") ? "light" : "dark";
    try { localStorage.setItem("codat-theme", chosen); } catch { /* chosen for this page only */ }
    drawTheme();
  });
  setInterval(lookForKernel, 15_000);
});
