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

// The address carries the company and the run on screen, so that a reload stays there and a bookmark leads there.
for (const what of ["company", "run"]) document.addEventListener(`codat-${what}-shown`, ({ detail }) => {
  const address = new URL(location.href);
  if (detail) address.searchParams.set(what, detail);
  else address.searchParams.delete(what);
  history.replaceState(null, "", address);
});

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
