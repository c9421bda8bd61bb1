// The browser's half of FrameTable: draws the page that the kernel sent, sends what the reader asks for.
// Rows and cells are reused: a live update touches the cells that differ and nothing else.

/**
 * @typedef {{text: string, busy: boolean, failed: boolean, actions: Array<Array<string>>}} MoreState
 * @typedef {{label: string, count: number}} QuickFilter
 * @typedef {{key: string, label: string, kind: string, sort: string}} Heading
 * @typedef {{title: string, empty: string, noun: string, columns: Array<Heading>, rows: Array<Array<*>>,
 *   keys: Array<string>, first: number, page: number, pages: number, matching: number, total: number, text: string,
 *   quick: string, filters: Array<QuickFilter>, facets: Array<FacetState>, selected: string|null,
 *   ticks: Array<boolean|null>|null, ticked: Array<number>, notice: string, more: MoreState|null, seq: number}} TableState
 */

const RIGHT = new Set(["number", "percent", "duration"]);
const PAUSE = 100; // milliseconds without a key, then the rows are filtered
const WAITING = "Waiting for Python: a cell is running, or this notebook is not live.";

/** A time as the kernel sends it, in the reader's zone; one without a zone as it is. */
function timeText(iso) {
  return iso.endsWith("Z") ? localTime(iso) : iso.replace("T", " ");
}
function timeTitle(iso) {
  return iso.endsWith("Z") ? `${iso.replace("T", " ").slice(0, -1)} UTC` : "This time has no zone.";
}

/** How each kind of value is put into its cell. The cell's nodes are made once and reused. */
const FILL = {
  status(cell, [word, tone, key]) {
    const pill = cell.firstElementChild ?? cell.appendChild(h("span"));
    setAttribute(pill, "class", `c-pill ${tone}`);
    setText(pill, `${signOf(tone)} ${word}`);
    setAttribute(cell, "title", word === key ? null : withKey(word, key));
  },
  data_type(cell, [name, key]) { setText(cell, name); setAttribute(cell, "title", withKey(name, key)); },
  id(cell, id) {
    const text = cell.firstElementChild ?? cell.appendChild(h("span", { class: "ct-id" }));
    setText(text, shortId(id));
    setAttribute(text, "title", id);
    if (!cell.querySelector("button")) cell.append(h("button", { class: "ct-copy", tabindex: -1, type: "button" }, "Copy"));
    setAttribute(cell.querySelector("button"), "aria-label", `Copy ${id}`);
  },
  link(cell, url) {
    const button = cell.firstElementChild ?? cell.appendChild(h("button", { class: "ct-copy c-link", tabindex: -1, type: "button" }, "Copy link"));
    setAttribute(button, "title", url);
  },
  time(cell, iso) { setText(cell, timeText(iso)); setAttribute(cell, "title", timeTitle(iso)); },
  duration(cell, seconds) { setText(cell, typeof seconds === "number" ? duration(seconds) : Array.isArray(seconds) ? "" : seconds); },
  percent(cell, text) { setText(cell, `${text}\u00a0%`); },
  number(cell, text) { setText(cell, text); },
  prose(cell, text) { setText(cell, text); },
  text(cell, text) { setText(cell, text); setAttribute(cell, "title", text.length > 24 ? text : null); },
};

function fill(cell, kind, value) {
  const known = JSON.stringify(value);
  if (cell.ctKnown === known) return;
  cell.ctKnown = known;
  if (value === null) { cell.replaceChildren(); cell.removeAttribute("title"); } else FILL[kind](cell, value);
}

/** The frame around the rows, made once. */
function skeleton(el, turn) {
  const filterId = uid("filter");
  const [back, next] = turners(["Previous page", "Next page"], turn);
  const ui = {
    title: h("div", { class: "ct-title" }),
    filter: h("input", { class: "c-field ct-filter", type: "search", placeholder: "Filter…", id: filterId, autocomplete: "off", spellcheck: "false" }),
    quick: h("span", { class: "ct-quick", role: "group", "aria-label": "Quick filters" }),
    clear: h("button", { class: "ct-clear c-link", type: "button" }, "Clear all"),
    chips: h("span", { class: "ct-chips" }),
    count: h("span", { class: "ct-count" }),
    table: h("table", { role: "grid" }),
    head: h("tr"), body: h("tbody"),
    empty: h("div", { class: "ct-empty" }),
    back, next,
    range: h("span", { class: "ct-range" }),
    more: h("div", { class: "ct-more" }, h("span", { role: "status" }), h("span", { class: "ct-actions" })),
    note: h("span", { class: "ct-note" }),
    zone: h("span", {}, `Times in ${zoneText()}`),
    said: h("span", { class: "c-sr", role: "status" }),
  };
  ui.table.append(h("thead", {}, ui.head), ui.body);
  ui.scroll = h("div", { class: "ct-scroll" }, ui.table, ui.empty);
  ui.chips.append(ui.quick, ui.clear);
  ui.tools = h("div", { class: "ct-tools" }, h("label", { class: "c-sr", for: filterId }, "Filter rows"), ui.filter, ui.chips, ui.count);
  ui.foot = h("div", { class: "ct-foot" }, ui.back, ui.range, ui.next, h("span", { class: "ct-grow" }), ui.note, ui.zone);
  el.append(ui.title, ui.tools, ui.scroll, ui.more, ui.foot, ui.said);
  return ui;
}

function render({ model, el, time }) {
  const ui = skeleton(el, turn);
  let state = {}, chosen = null, active = 0, activeKey = null, heads = "", said = "";
  const clicks = guard(model);
  const typing = delayed(() => ask({ type: "filter", text: ui.filter.value }));
  const waiting = delayed(() => setText(ui.note, WAITING));
  const exports = exportMenu(model, (words) => { said = words; setText(ui.note, said); drawFoot(); }, () => state.noun, () => count(state.matching ?? 0, state.noun));
  const facets = facetBar((message) => { typing.stop(); ask(message); });
  ui.clear.before(facets.element);
  ui.tools.append(exports.element);
  ui.note.after(exports.stop);

  function ask(message) {
    said = "";
    clicks.send(message, true);
    setAttribute(ui.table, "aria-busy", "true");
    waiting.start(800);
  }

  function select(row, key) {
    active = row;
    if (chosen === key) return;
    chosen = key;
    marks();
    ask({ type: "select", key });
  }

  // ---- drawing

  function drawHeads() {
    const signature = JSON.stringify([lead(), ...state.columns.map(({ key, label, kind }) => [key, label, kind])]);
    if (signature !== heads) {
      heads = signature;
      ui.body.replaceChildren();
      // The last text takes the width that is left, and gives way first; prose shares it out by itself.
      const wide = state.columns.some(({ kind }) => kind === "prose") ? -1 : state.columns.findLastIndex(({ kind }) => kind === "text");
      ui.head.replaceChildren(...(lead() ? [h("th", { scope: "col", class: "ct-box" }, h("input", { type: "checkbox", onchange: (event) => ask({ type: "tick", on: event.target.checked }) }))] : []), ...state.columns.map((column, i) => h("th", { scope: "col", class: `ct-${column.kind}${i === wide ? " wide" : ""}` },
        h("button", { type: "button", title: column.label, onclick: () => ask({ type: "sort", column: column.key }) },
          h("span", { class: "ct-label" }, column.label), h("span", { class: "ct-arrow", "aria-hidden": "true" })))));
    }
    state.columns.forEach(({ sort }, i) => {
      const th = ui.head.children[i + lead()];
      setAttribute(th, "aria-sort", sort ? `${sort}ending` : "none");
      setText(th.querySelector(".ct-arrow"), sort === "desc" ? "▾" : "▴");
    });
  }

  function drawRows() {
    const { rows, columns } = state;
    while (ui.body.children.length > rows.length) ui.body.lastElementChild.remove();
    rows.forEach((values, r) => {
      const tr = ui.body.children[r] ?? ui.body.appendChild(h("tr", { role: "row", tabindex: -1 }, lead() ? tickCell() : null, columns.map(({ kind }, c) =>
        h("td", { role: "gridcell", class: `ct-${kind}${RIGHT.has(kind) ? " right" : ""}${ui.head.children[c + lead()].classList.contains("wide") ? " wide" : ""}` }))));
      tr.ctKey = state.keys[r];
      setAttribute(tr, "aria-rowindex", state.first + r + 2);
      values.forEach((value, c) => fill(tr.children[c + lead()], columns[c].kind, value));
    });
    drawTicks();
    setAttribute(ui.table, "aria-rowcount", state.matching + 1);
    drawTime();
  }

  /** Boxes to tick, in a column of their own in front, where the table has any. */
  const lead = () => (state.ticks ? 1 : 0);
  const tickCell = () => h("td", { role: "gridcell", class: "ct-box" }, h("input", { type: "checkbox", tabindex: -1, onchange: ({ target }) => ask({ type: "tick", key: target.closest("tr").ctKey, on: target.checked }) }));
  function drawTicks() {
    if (!lead()) return;
    const [here, open] = state.ticked;
    const all = ui.head.querySelector("input");
    setAttribute(all, "aria-label", `Select ${open === 1 ? "the" : "all"} ${count(open, state.noun)} that match${open === 1 ? "es" : ""}`);
    if (!clicks.held()) { all.checked = here > 0 && here === open; all.indeterminate = here > 0 && here < open; all.disabled = !open; }
    state.ticks.forEach((on, r) => {
      const box = ui.body.children[r].querySelector("input");
      const named = state.columns.flatMap(({ kind }, c) => (!c || kind === "data_type" ? ui.body.children[r].children[c + 1].textContent : []));
      setAttribute(box, "aria-label", `Select ${named.filter(Boolean).join(", ")}`);
      box.disabled = on === null;
      if (!clicks.held()) box.checked = on === true;
    });
  }

  /** Durations of what has not ended: these cells hold their beginning. */
  function drawTime() {
    state.rows?.forEach((values, r) => values.forEach((value, c) => {
      if (Array.isArray(value) && state.columns[c].kind === "duration") setText(ui.body.children[r].children[c + lead()], lengthOf(value[0], null, time.now()));
    }));
  }

  /** Which row is selected and which one the keyboard is at. */
  function marks() {
    const rows = [...ui.body.children];
    const inside = ui.body.contains(document.activeElement);
    const moved = inside ? -1 : rows.findIndex((tr) => tr.ctKey === activeKey);
    if (moved >= 0) active = moved; // who comes back finds the row that was left, wherever live updates have moved it
    active = Math.min(active, Math.max(0, rows.length - 1));
    rows.forEach((tr, r) => {
      const on = chosen !== null && tr.ctKey === chosen;
      tr.classList.toggle("selected", on);
      setAttribute(tr, "aria-selected", on ? "true" : "false");
      // One row is in the tab order, and what can be copied from it.
      for (const node of [tr, ...tr.querySelectorAll(".ct-copy, .ct-box input")]) setAttribute(node, "tabindex", r === active ? 0 : -1);
    });
    if (inside) activeKey = rows[active]?.ctKey ?? null;
  }

  /** Columns may grow but do not shrink while the same columns are shown, so that live texts do not make them jump.
      All are measured before one is set: each change would have the browser lay out the whole table anew. */
  function holdWidths() {
    const grown = [...ui.head.children].map((th) => [th, th.matches(".wide, .ct-prose") ? 0 : Math.ceil(th.getBoundingClientRect().width)])
      .filter(([th, width]) => width > (th.ctWidth ?? 0) + 1);
    for (const [th, width] of grown) { th.ctWidth = width; th.style.minWidth = `${width}px`; }
  }

  function drawTools() {
    const { filters, quick, text, matching, total, noun } = state;
    ui.tools.hidden = !total && !filtered();
    ui.clear.hidden = !filtered();
    ui.chips.hidden = !filters.length && !state.facets.length && !filtered();
    facets.draw(state.facets, !clicks.held());
    keyed(ui.quick, filters.length ? [{ label: "" }, ...filters] : [], ({ label }) => label,
      ({ label }) => h("button", { class: "c-chip", type: "button", onclick: () => ask({ type: "quick", label }) }, h("span", {}, label || "All"), h("span", { class: "ct-n" })),
      (chip, { label, count: n }) => {
        setText(chip.lastElementChild, label ? ` ${number(n)}` : "");
        chip.classList.toggle("on", label === quick);
        setAttribute(chip, "aria-pressed", label === quick ? "true" : "false");
      });
    const ticked = lead() && state.ticked[2] ? `, ${number(state.ticked[2])} selected` : "";
    setText(ui.count, `${matching === total ? count(total, noun) : `${number(matching)} of ${count(total, noun)}`}${ticked}`);
    if (document.activeElement !== ui.filter && !clicks.held() && ui.filter.value !== text) ui.filter.value = text;
  }

  function drawFoot() {
    const { first, rows, matching, page, pages, notice } = state;
    ui.foot.hidden = !state.total && !notice && !said;
    setText(ui.range, rows.length ? `${number(first + 1)}–${number(first + rows.length)} of ${number(matching)}` : "0 of 0");
    ui.back.hidden = ui.next.hidden = pages <= 1;
    setDisabled(ui.back, page <= 0);
    setDisabled(ui.next, page >= pages - 1);
    ui.zone.hidden = !state.columns.some(({ kind }) => kind === "time");
    if (!clicks.held()) { waiting.stop(); setText(ui.note, notice || said); ui.note.classList.toggle("warn", Boolean(notice)); setAttribute(ui.table, "aria-busy", null); }
  }

  /** That there are more rows than Python holds, and what can be done about it. */
  function drawMore() {
    const { more } = state;
    ui.more.hidden = !more || !(state.total || more.busy || more.failed); // nothing is "older" than rows that are not there yet
    if (ui.more.hidden) return;
    ui.more.classList.toggle("busy", more.busy);
    ui.more.classList.toggle("failed", more.failed);
    setTimedText(ui.more.firstChild, more.text, time.now());
    keyed(ui.more.lastChild, more.actions, ([name]) => name, ([name]) => h("button", { class: "c-link", type: "button", onclick: () => (name === "report" ? exports.start("html") : ask({ type: "more", name })) }),
      (button, [, words]) => setText(button, words));
  }

  function drawEmpty() {
    const some = Boolean(state.total);
    ui.empty.hidden = state.rows.length > 0;
    ui.table.hidden = !state.columns.length;
    const message = some ? `No ${state.noun} matches.` : state.empty;
    if (ui.empty.ctKnown === message) return;
    ui.empty.ctKnown = message;
    ui.empty.replaceChildren(h("div", {}, message), some ? h("button", { class: "c-btn small", type: "button", onclick: clear }, "Clear filters") : "");
  }

  const filtered = () => Boolean(state.text || state.quick || state.facets.some(({ chosen }) => chosen.length));

  function clear() {
    typing.stop();
    ui.filter.value = "";
    ask({ type: "clear" });
    ui.filter.focus();
  }

  /** What the reader asked for: where it is another one, the page begins at its top. */
  const asked = ({ page, text, quick, facets, columns }) => JSON.stringify([page, text, quick, facets.map(({ chosen }) => chosen), columns.map(({ sort }) => sort)]);

  function draw(next) {
    const before = state;
    state = next;
    if (!state.columns) return;
    setText(ui.title, state.title);
    ui.title.hidden = !state.title;
    setAttribute(ui.table, "aria-label", state.title || count(2, state.noun).slice(2));
    if (!clicks.held()) chosen = state.selected;
    drawHeads(); drawRows(); marks(); drawTools(); drawMore(); drawFoot(); drawEmpty();
    holdWidths();
    if (before.columns && asked(before) !== asked(state)) { ui.scroll.scrollTop = 0; setText(ui.said, `${ui.count.textContent}, rows ${ui.range.textContent}`); }
  }

  // ---- what the reader does

  ui.filter.addEventListener("input", () => {
    typing.start(PAUSE);
  });
  onKey(ui.filter, (event) => {
    if (event.key !== "Escape" || !ui.filter.value) return;
    event.stopPropagation();
    typing.stop();
    ui.filter.value = "";
    ask({ type: "filter", text: "" });
  });

  function turn(by) {
    const page = state.page + by;
    if (page < 0 || page >= state.pages) return;
    [active, activeKey] = [0, null];
    ask({ type: "page", page });
  }
  ui.clear.addEventListener("click", clear);

  ui.body.addEventListener("click", (event) => {
    const tr = event.target.closest("tr");
    const button = event.target.closest("button.ct-copy");
    if (button) return void copyText(button, button.title || button.previousElementSibling.title);
    if (event.target.closest(".ct-box")) return;
    if (tr && window.getSelection().isCollapsed) select([...ui.body.children].indexOf(tr), tr.ctKey);
  });

  const MOVES = {
    ArrowDown: () => active + 1, ArrowUp: () => active - 1, Home: () => 0, End: () => ui.body.children.length - 1,
  };
  onKey(ui.body, (event) => {
    const tr = event.target.closest("tr");
    if (!tr || event.target !== tr) return;
    if (MOVES[event.key]) {
      active = Math.max(0, Math.min(ui.body.children.length - 1, MOVES[event.key]()));
      marks();
      ui.body.children[active].focus();
    } else if (event.key === " " && lead()) tr.querySelector("input").click();
    else if (event.key === "Enter" || event.key === " ") select(active, tr.ctKey);
    else if (event.key === "Escape" && chosen !== null) select(active, null);
    else if (event.key === "PageDown" || event.key === "PageUp") turn(event.key === "PageDown" ? 1 : -1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  ui.body.addEventListener("focusin", (event) => {
    const tr = event.target.closest("tr");
    if (tr) { active = [...ui.body.children].indexOf(tr); marks(); }
  });

  const end = live(model, draw, time.each(drawTime), () => { typing.stop(); waiting.stop(); });
  const off = whenAttached(el, () => state.columns && holdWidths());
  return () => { off(); exports.end(); facets.end(); end(); };
}

export default { render };
