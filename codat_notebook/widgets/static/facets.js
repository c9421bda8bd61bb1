// Filters by what columns hold, in a row of chips. A chip says what it filters by, and opens a list of the values with
// their counts to tick (typing narrows it) or, for times, the usual spans and two days of the reader's own.

/**
 * @typedef {{key: string, label: string, kind: "values"|"time", options: Array<Array<*>>, chosen: Array<string>,
 *   more: number}} FacetState
 */

const SHORT_LIST = 8; // longer ones can be searched

/** A day of the reader's, such as 2026-11-23, as the instant at which it begins; `after` days later. */
function dayStart(text, after = 0) {
  const [year, month, day] = text.split("-").map(Number);
  return text ? new Date(year, month - 1, day + after).toISOString() : "";
}
const dayOf = (iso, before = 0) => (iso ? localTime(new Date(Date.parse(iso) - before).toISOString()).slice(0, 10) : "");

/** What a facet filters by, in words; "" where it does not. */
function chosenWords({ kind, options, chosen }) {
  const words = new Map(options.map(([value, label]) => [value, label]));
  if (kind !== "time") return chosen.map((value) => words.get(value) ?? value).join(", ");
  const [since, until] = chosen;
  if (!since && !until) return "";
  if (words.has(since) && !until) return words.get(since);
  const [first, last] = [words.get(since) ?? dayOf(since), dayOf(until, 1)];
  if (first && last) return first === last ? first : `${first} to ${last}`;
  return first ? `since ${first}` : `until ${last}`;
}

/** The values of a column, to tick. */
function valueList(choose) {
  const search = h("input", { class: "c-field", type: "search", placeholder: "Type to find…", autocomplete: "off", spellcheck: "false", "aria-label": "Find a value" });
  const list = h("div", { class: "ct-options", role: "group" });
  const none = h("p", { class: "c-dim" }, "No match.");
  const more = h("p", { class: "c-dim" });
  let facet = { options: [], chosen: [] };
  const boxes = () => [...list.querySelectorAll("label:not([hidden]) input")];

  function make([value]) {
    const box = h("input", { type: "checkbox", tabindex: -1, onchange: () => {
      const others = facet.chosen.filter((each) => each !== value);
      choose(box.checked ? [...others, value] : others);
    } });
    return h("label", {}, box, h("span", { class: "ct-dot", "aria-hidden": "true" }), h("bdi"), h("span", { class: "ct-n" }));
  }
  function update(node, [value, label, n, tone]) {
    const [box, dot, words, count] = node.children;
    box.checked = facet.chosen.includes(value);
    setAttribute(dot, "class", `ct-dot ${tone}`);
    dot.hidden = !tone;
    setText(words, label);
    setAttribute(words, "title", withKey(label, value)); // both are found
    setText(count, number(n));
    node.classList.toggle("none", !n);
  }
  function narrow() {
    const sought = search.value.trim().toLocaleLowerCase();
    for (const node of list.children) node.hidden = !node.children[2].title.toLocaleLowerCase().includes(sought);
    const found = boxes();
    found.forEach((box, n) => setAttribute(box, "tabindex", n ? -1 : 0));
    none.hidden = found.length > 0;
  }
  search.addEventListener("input", narrow);
  function move(event) {
    const all = boxes();
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === "Enter" && at < 0) all[0]?.click();
    else if (event.key === "Enter") all[at].click();
    else if (to === undefined || (at < 0 && event.key !== "ArrowDown")) return;
    else if (to < 0 && !search.hidden) search.focus();
    else all[Math.min(Math.max(to, 0), all.length - 1)]?.focus();
    event.preventDefault();
  }
  return {
    nodes: [search, list, none, more], move,
    draw(next) {
      facet = next;
      keyed(list, facet.options, ([value]) => value, make, update);
      search.hidden = facet.options.length <= SHORT_LIST;
      more.hidden = !facet.more;
      setText(more, `and ${number(facet.more)} less frequent ones: find them with the field above the table`);
      narrow();
    },
    opened() { search.value = ""; narrow(); (search.hidden ? boxes()[0] : search)?.focus(); },
  };
}

/** The usual spans of time, and two days. */
function spanList(choose) {
  const list = h("div", { class: "ct-options", role: "group" });
  const day = (label) => h("input", { class: "c-field", type: "date", "aria-label": label, max: "9999-12-31" });
  const [first, last] = [day("From, the first day"), day("To, the last day")];
  const days = h("div", { class: "ct-days" }, h("label", {}, "from", first), h("label", {}, "to", last));
  for (const input of [first, last]) input.addEventListener("change", () => choose([dayStart(first.value), dayStart(last.value, 1)]));
  let chosen = [];
  const make = ([value]) => h("button", { type: "button", tabindex: -1, onclick: () => choose(chosen[0] === value && !chosen[1] ? [] : [value, ""]) },
    h("span", { class: "ct-tick", "aria-hidden": "true" }, "✓"), h("bdi"), h("span", { class: "ct-n" }));
  const update = (node, [value, label, n]) => {
    setText(node.children[1], label);
    setText(node.children[2], number(n));
    setAttribute(node, "aria-pressed", String(chosen[0] === value && !chosen[1]));
    node.classList.toggle("none", !n);
  };
  return {
    nodes: [list, days, h("p", { class: "c-dim" }, `days in ${zoneText()}`)],
    move(event) {
      const all = [...list.children];
      const at = all.indexOf(document.activeElement);
      const to = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
      if (at < 0 || to === undefined) return;
      (to < all.length ? all[Math.max(to, 0)] : first).focus();
      event.preventDefault();
    },
    draw(facet) {
      chosen = facet.chosen;
      keyed(list, facet.options, ([value]) => value, make, update);
      [...list.children].forEach((node, n) => setAttribute(node, "tabindex", n ? -1 : 0));
      const named = facet.options.some(([value]) => value === chosen[0]);
      for (const [input, text] of [[first, named ? "" : dayOf(chosen[0])], [last, dayOf(chosen[1], 1)]]) {
        if (document.activeElement !== input && input.value !== text) input.value = text;
      }
    },
    opened: () => list.firstElementChild?.focus(),
  };
}

/** One chip with its list. */
function facetChip({ key, label, kind }, ask) {
  const words = h("span", { class: "ct-words" });
  const button = h("button", { class: "c-chip ct-add", type: "button", "aria-haspopup": "dialog" }, h("span", { class: "ct-plus", "aria-hidden": "true" }, "+"), h("span", {}, label), words);
  const wipe = h("button", { class: "ct-wipe", type: "button", "aria-label": `Clear the filter by ${label}` }, "✕");
  const choose = (values) => ask({ type: "facet", column: key, values });
  const list = (kind === "time" ? spanList : valueList)(choose);
  const off = h("button", { class: "c-link", type: "button", onclick: () => choose([]) }, "Clear");
  const panel = h("div", { class: "ct-panel", role: "dialog", "aria-label": `Filter by ${label}` }, h("div", { class: "ct-about" }, h("b", {}, label), off), list.nodes);
  onKey(panel, list.move);
  const floating = floats(button, panel, () => list.opened(), "left");
  wipe.addEventListener("click", () => { choose([]); button.focus(); });
  const node = h("span", { class: "ct-facet" }, button, wipe, panel);
  node.draw = (facet) => {
    const said = chosenWords(facet);
    node.classList.toggle("on", Boolean(said));
    button.classList.toggle("on", Boolean(said));
    setText(words, said ? `: ${said}` : "");
    setAttribute(button, "title", said ? `${label}: ${said}` : `Filter by ${label}`);
    wipe.hidden = !said;
    off.hidden = !said;
    list.draw(facet);
    floating.place();
  };
  node.end = () => floating.end();
  return node;
}

/** The row of chips. What was chosen shows at once, before the kernel has answered. */
function facetBar(ask) {
  const element = h("span", { class: "ct-facets", role: "group", "aria-label": "Filters by column" });
  const early = new Map();
  const choose = (message) => {
    early.set(message.column, message.values);
    ask(message);
    draw(shown);
  };
  let shown = [];
  function draw(facets, settled) {
    if (settled) early.clear();
    shown = facets;
    keyed(element, facets, ({ key, kind }) => `${kind} ${key}`, (facet) => facetChip(facet, choose),
      (node, facet) => node.draw(early.has(facet.key) ? { ...facet, chosen: early.get(facet.key) } : facet));
  }
  return { element, draw, end: () => [...element.children].forEach((node) => node.end()) };
}
