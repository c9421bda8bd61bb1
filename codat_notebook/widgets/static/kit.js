// Helpers that all parts share. A part's module is joined behind this one (anywidget sends each module as one blob).
// Texts come from third parties: they become text nodes here and nowhere innerHTML.

/** The sign of a status's colour. TONES and STAGES, a refresh's stages, are joined in front by part.py. */
const signOf = (tone) => (TONES[tone] ?? TONES.idle)[0];

/** An element: h("button", {class: "c-btn", onclick: f, disabled: true}, "Refresh", child). */
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat()) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

/** Change a node's text only where it differs, so that selection and screen readers are left in peace. */
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Set or (null, false) remove an attribute, only where it differs. */
function setAttribute(node, name, value) {
  const text = value === true ? "" : value === undefined || value === null || value === false ? null : String(value);
  if (node.getAttribute(name) === text) return;
  if (text === null) node.removeAttribute(name);
  else node.setAttribute(name, text);
}

/** Make `parent` hold one node per item, in order; nodes are found again by `key` and moved only if out of place. */
function keyed(parent, items, key, make, update) {
  const old = (parent.codatNodes ??= new Map());
  const nodes = new Map();
  let place = parent.firstChild;
  for (const item of items) {
    const name = key(item);
    if (nodes.has(name)) continue;
    const node = old.get(name) ?? make(item);
    nodes.set(name, node);
    update?.(node, item);
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
  }
  for (const [name, node] of old) if (nodes.get(name) !== node) node.remove();
  parent.codatNodes = nodes;
}

/** Draw now and at each new state. Returns what anywidget calls when the view goes; `ends` are run then. */
function live(model, draw, ...ends) {
  const change = () => draw(model.get("state") ?? {});
  model.on("change:state", change);
  change();
  return () => { model.off("change:state", change); ends.forEach((end) => end()); };
}

/** Messages that must not be sent twice: after one, `held()` until the kernel's state carries its `seq`.
    A choice (`again`) may be made anew meanwhile; the last one is then waited for. */
function guard(model) {
  let sent = 0;
  const held = () => sent > (model.get("state")?.seq ?? 0);
  const send = (message, again = false) => {
    if (held() && !again) return false;
    sent = Math.max(Date.now(), sent + 1);
    model.send({ ...message, seq: sent });
    return true;
  };
  return { held, send };
}

/** What is done after a pause, unless it is put off or stopped before. */
function delayed(action) {
  let timer = 0;
  const stop = () => clearTimeout(timer);
  return { stop, start(pause) { stop(); timer = setTimeout(action, pause); } };
}

/** Say that a button cannot be used now. It stays in the tab order, so that a keyboard user keeps the place. */
function setDisabled(button, disabled) {
  setAttribute(button, "aria-disabled", disabled ? "true" : null);
}

/** The kernel's ActionButtons in `box`: each sends a message of its type, and rests until that is answered. */
function actionButtons(box, clicks, time) {
  let shown = [];
  let asked = null; // a button whose first click is the question, and the second one the answer
  const act = ({ type, ask }) => {
    if (ask && asked !== type) asked = type;
    else if (clicks.send({ type })) asked = null;
    draw(shown);
  };
  const make = ({ type }) => h("button", {
    class: "c-btn small", type: "button", onclick: () => act(shown.find((each) => each.type === type)), onblur: () => { if (asked) { asked = null; draw(shown); } },
  });
  const draw = (actions) => {
    shown = actions;
    keyed(box, actions, ({ type }) => type, make, (button, action) => {
      setText(button, withTimes(asked === action.type ? action.ask : action.text, time.now()));
      setAttribute(button, "title", withTimes(action.title, time.now()));
      setDisabled(button, clicks.held());
    });
  };
  return draw;
}

/** Two buttons that turn pages, back by `turn(-1)` and on by `turn(1)`. */
function turners(names, turn) {
  return names.map((name, at) => h("button", { class: "c-btn small", type: "button", "aria-label": name, onclick: () => turn(at ? 1 : -1) }, at ? "›" : "‹"));
}

/** Parts of one console agree in the browser, also while the kernel is busy, by events between their elements. */
function tell(element, name, detail) {
  element.dispatchEvent(new CustomEvent(`codat-${name}`, { bubbles: true, detail }));
}
function hear(element, name, listen) {
  const ours = (event) => { if (event.target.closest(".codat-console") === element.closest(".codat-console")) listen(event.detail); };
  document.addEventListener(`codat-${name}`, ours);
  return () => document.removeEventListener(`codat-${name}`, ours);
}

/** Hear the keys that are a part's own: none with Ctrl, Cmd or Alt, which are the browser's and the notebook's. */
function onKey(element, listen) {
  element.addEventListener("keydown", (event) => { if (!event.ctrlKey && !event.metaKey && !event.altKey) listen(event); });
}

/** Say `report` now and every 15 s while an element is on screen in a page that is not hidden. Returns a way to end it. */
function whileInSight(element, report) {
  let shown = false;
  const look = () => { if (shown && document.visibilityState === "visible") report(); };
  const observer = new IntersectionObserver((entries) => { shown = entries.at(-1).isIntersecting; look(); });
  observer.observe(element);
  const timer = setInterval(look, 15_000);
  document.addEventListener("visibilitychange", look);
  return () => { observer.disconnect(); clearInterval(timer); document.removeEventListener("visibilitychange", look); };
}

/** Call once the element stands in the page: a view is drawn before that. Returns a way to call it off. */
function whenAttached(element, act) {
  let frame = 0;
  const look = () => { if (element.isConnected) act(); else frame = requestAnimationFrame(look); };
  look();
  return () => cancelAnimationFrame(frame);
}

/** Let the keyboard scroll what may hold more than it shows; where all of it is shown there is nothing to stop at. */
function reachable(node) {
  new ResizeObserver(() => setAttribute(node, "tabindex", node.scrollHeight > node.clientHeight + 1 ? 0 : null)).observe(node);
  return node;
}

/** An id that no other part of the page has, for labels and what is controlled. */
function uid(name) {
  return `codat-${name}-${Math.random().toString(36).slice(2, 10)}`;
}

const number = (n) => Number(n).toLocaleString("en-GB");
const count = (n, word, plural) => `${number(n)} ${n === 1 ? word : plural ?? (/[^aeiou]y$/.test(word) ? word.slice(0, -1) + "ies" : word + "s")}`;
/** What something is called on screen, and Codat's key for it: "No permission (PermissionsError)". */
const withKey = (words, key) => (words === key || !key ? words : `${words} (${key})`);
const shortId = (id) => (id.length <= 9 ? id : `${id.slice(0, 8)}…`);

/** Seconds in a person's units: 9 s, 1 min 20 s, 2 h 5 min, 3 d. */
function duration(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "";
  const s = Math.max(0, Math.round(seconds));
  const [m, hours, d] = [Math.floor(s / 60), Math.floor(s / 3600), Math.floor(s / 86400)];
  if (s < 60) return `${s} s`;
  if (m < 60) return s % 60 && m < 10 ? `${m} min ${s % 60} s` : `${m} min`;
  if (hours < 24) return m % 60 ? `${hours} h ${m % 60} min` : `${hours} h`;
  if (hours < 48) return `${hours} h`;
  return hours % 24 ? `${d} d ${hours % 24} h` : `${d} d`;
}

/** An age in words: just now, 5 min ago, 2 h ago, 31 d ago. */
function ago(seconds) {
  if (seconds === null || seconds === undefined) return "never";
  if (seconds < 60) return "just now";
  const [size, unit] = seconds >= 172800 ? [86400, "d"] : seconds >= 3600 ? [3600, "h"] : [60, "min"];
  return `${Math.floor(seconds / size)} ${unit} ago`;
}

/** Seconds from a time (ISO) to `now` (milliseconds, null while it is not known). */
const secondsSince = (iso, now) => (iso && now !== null ? (now - Date.parse(iso)) / 1000 : null);

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** How long ago a time was; while it is not known what time it is, the time itself: 23 Nov, 13:58. */
function agoOf(iso, now) {
  return iso && now === null ? dayTime(iso) : ago(secondsSince(iso, now));
}
const dayTime = (iso) => `${dateOf(iso)}, ${localTime(iso).slice(11, 16)}`;
function dateOf(iso) {
  const t = new Date(iso);
  const year = t.getFullYear() === new Date().getFullYear() ? "" : ` ${t.getFullYear()}`;
  return `${t.getDate()} ${MONTHS[t.getMonth()]}${year}`;
}

/** How long something took, or takes so far; while it is not known what time it is, since when it goes on. */
function lengthOf(since, until, now) {
  const end = until ? Date.parse(until) : now;
  return end === null ? `since ${localTime(since).slice(11, 16)}` : duration(wholeSeconds(Date.parse(since), end));
}
/** From the second of one time to that of another (milliseconds): Python's times are more exact, and tell the same. */
const wholeSeconds = (start, end) => Math.floor(end / 1000) - Math.floor(start / 1000);

/** A connection's state, and how long ago it was synced. */
function connectionWords({ words, synced }, now) {
  return synced ? `${words}, synced ${agoOf(synced, now)}` : words;
}

/** What is waited for, and in how many of the reader's seconds it is tried again: `until` is the server's time of that. */
function waitText(words, until, time) {
  if (!until) return `${words}…`;
  if (time.now() === null) return `${words}, trying again at ${localTime(until).slice(11)}`;
  const rest = Math.ceil(-secondsSince(until, time.now()) / (time.speed() || 1));
  return `${words}, trying again ${rest > 0 ? `in ${duration(rest)}` : "now"}`;
}

/** A UTC time (ISO text) in the reader's zone, and the zone's name once for a foot line. */
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const two = (n) => String(n).padStart(2, "0");
function localTime(iso) {
  const t = new Date(iso);
  if (Number.isNaN(t.getTime())) return String(iso ?? "");
  return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())} ${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
}
const utcTime = (iso) => iso.replace("T", " ").replace(/(\.\d+)?Z/, " UTC");
function zoneText() {
  if (ZONE === "UTC") return ZONE;
  const minutes = -new Date().getTimezoneOffset();
  const sign = minutes < 0 ? "−" : "+";
  const rest = Math.abs(minutes) % 60;
  return `${ZONE} (UTC${sign}${Math.floor(Math.abs(minutes) / 60)}${rest ? ":" + two(rest) : ""})`;
}

/** Hours and minutes of a time in the reader's zone, and its day where that is not today, or today is not known. */
function clockTime(iso, now) {
  const text = localTime(iso);
  return now !== null && text.slice(0, 10) === localTime(now).slice(0, 10) ? text.slice(11, 16) : dayTime(iso);
}
/** A text of ours with its UTC times (ISO, with a Z) so. */
const TIMES = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;
function withTimes(text, now) {
  return String(text ?? "").replace(TIMES, (iso) => clockTime(iso, now));
}
function setTimedText(node, text, now) {
  setText(node, withTimes(text, now));
  const times = String(text ?? "").match(TIMES);
  setAttribute(node, "title", times ? `${times.map(utcTime).join(", ")}; shown in ${zoneText()}` : null);
}

/** Copy text; the button says so for a moment. */
async function copyText(button, text) {
  const before = (button.codatLabel ??= button.textContent);
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    window.prompt("Copy with Ctrl-C:", text); // the clipboard needs https or localhost
  }
  button.dispatchEvent(new CustomEvent("codat-copied", { bubbles: true, composed: true, detail: text }));
  setTimeout(() => { button.textContent = before; }, 1500);
}
