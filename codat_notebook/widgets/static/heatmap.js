// The browser's half of Heatmap: makes days of the times that the kernel sent, and words where the reader is.

/**
 * @typedef {{label: string, note: string, key: string, cells: Array<Array<*>|null>}} HeatmapRow
 * @typedef {{key: string, name: string, goal: Array<number>|null}} HeatmapColumn
 * @typedef {{title: string, search: string|null, seq: number, opens: boolean, steps: Array<number>, columns: Array<HeatmapColumn>, rows: Array<HeatmapRow>, first: number,
 *   window: number, total: number, empty: string}} HeatmapState
 */

const DAY = 86400;
const HINT = "Point at a cell, or move with the arrow keys, to read when it was last synced.";
const PAUSE = 200; // milliseconds without a key, then the rows are filtered
const LONGEST = 32; // characters of a data type's name; custom ones may be longer, and are cut

/** Under how many days, in words: [2, 7] gives "under 2 days", "2 to 6", "7 and more". */
function stepWords(steps) {
  const between = steps.slice(1).map((step, i) => `${steps[i]} to ${step - 1}`);
  return [`under ${steps[0]} days`, ...between, `${steps.at(-1)} and more`];
}

function render({ model, el, time }) {
  const hint = sayer(HINT);
  const head = h("tr"), body = h("tbody");
  const table = h("table", { role: "grid", "aria-label": "Days since the last successful sync" }, h("thead", {}, head), body);
  const scroll = h("div", { class: "scroll" }, table);
  const empty = h("div", { class: "k-empty" });
  const key = h("div");
  const [back, next] = turners(["Previous rows", "Next rows"], turn);
  const range = h("span", { class: "c-dim" });
  const pages = h("div", { class: "k-tools" }, back, range, next);
  const foot = h("div", { class: "k-foot" }, pages, key, hint.node);
  const title = h("p", { class: "k-title", role: "status" });
  const find = h("input", { class: "c-field", type: "search", placeholder: "Filter…", "aria-label": "Filter companies", autocomplete: "off", spellcheck: "false" });
  const clicks = guard(model);
  const typing = delayed(() => clicks.send({ type: "filter", text: find.value }, true));
  find.addEventListener("input", () => typing.start(PAUSE));
  const top = h("div", { class: "k-top" }, find, title);
  el.append(top, scroll, empty, foot);
  let state = {}, at = [0, 0], heads = "", again = 0;

  const cellAt = ([r, c]) => body.children[r]?.children[c + 1];
  const placeOf = (td) => [[...body.children].indexOf(td.parentElement), td.cellIndex - 1];

  /** What a cell shows: its text, its class (by the goal of its column, else by its age), and its age in words. */
  function look(cell, { goal } = {}) {
    if (!cell) return [signOf("idle"), "hx", "not supported"];
    const [then, failed] = cell;
    if (!then) return ["never", `hn${failed ? " failed" : ""}`, "never synced"];
    const [now, iso] = [time.now(), new Date(then * 1000).toISOString()];
    const days = Math.max(0, Math.floor(((now ?? time.asOf()) / 1000 - then) / DAY));
    const age = ((now ?? time.asOf()) / 1000 - then) / DAY;
    again = Math.min(again, ...[days + 1, ...(goal ?? []).filter((limit) => limit > age)].map((next) => (then + next * DAY) * 1000));
    const step = goal ? 2 * goal.filter((limit) => age > limit).length : state.steps.filter((least) => days >= least).length;
    const kind = `h${step}${failed ? " failed" : ""}`;
    if (now === null) return [dateOf(iso).split(" ").slice(-2).join(" "), `${kind} date`, `last synced on ${dayTime(iso)}`];
    return [String(days), kind, days ? `${count(days, "day")} ago` : "today"];
  }

  function words([r, c]) {
    const [row, column] = [state.rows[r], state.columns[c]];
    if (!row || !column) return "";
    const cell = row.cells[c];
    const when = cell?.[0] ? `last synced ${time.now() === null ? "" : `${ago(time.now() / 1000 - cell[0])}, `}${bothTimes(cell[0])}` : look(cell)[2];
    return `${row.label}, ${column.name} (${column.key}): ${when}.${cell?.[1] ? ` The last attempt failed: ${cell[1]}.` : ""}`;
  }

  function drawHeads() {
    const signature = JSON.stringify([state.columns, state.steps, state.opens]);
    if (signature === heads) return;
    heads = signature;
    body.replaceChildren();
    body.codatNodes = null;
    table.style.setProperty("--n", state.columns.length);
    scroll.style.setProperty("--longest", Math.min(LONGEST, Math.max(...state.columns.map(({ name }) => name.length + 1))));
    head.replaceChildren(h("th", { class: "corner" }, h("b", { class: "c-sr" }, "Days since the last successful sync of")),
      ...state.columns.map(({ key: type, name }) => h("th", { scope: "col", title: withKey(name, type) }, h("span", {}, name))));
    const goals = [["h0", "", "within its goal"], ["h2", "", "getting old"], ["h4", "", "out of date"]];
    key.replaceChildren(legend([
      ...(state.columns.some(({ goal }) => goal) ? goals : stepWords(state.steps).map((text, i) => [`h${i}`, i ? state.steps[i - 1] : "0", text])),
      ["hn", "never", "never synced"], ["hx", signOf("idle"), "not supported"], ["", signOf("bad"), "last attempt failed"],
    ]));
  }

  function drawRow(tr, row) {
    const [label, note] = tr.firstElementChild.children;
    setText(label, row.label);
    setText(note, row.note);
    setAttribute(tr.firstElementChild, "title", `${row.label}\n${row.note}`.trim());
    row.cells.forEach((cell, c) => {
      const td = tr.children[c + 1];
      const [text, kind, age] = look(cell, state.columns[c]);
      setText(td, text);
      setAttribute(td, "class", kind);
      setAttribute(td, "aria-label", cell?.[1] ? `${age}, last attempt failed` : age);
    });
  }

  function drawFoot() {
    const { first, rows, total } = state;
    const size = state.window ?? 0;
    pages.hidden = total <= rows.length;
    setText(range, `${number(first + 1)}–${number(first + rows.length)} of ${number(total)}`);
    setDisabled(back, first <= 0);
    setDisabled(next, first + size >= total);
  }

  /** One cell is in the tab order: where the keyboard is. */
  function mark() {
    at = [Math.min(at[0], Math.max(0, state.rows.length - 1)), Math.min(at[1], Math.max(0, state.columns.length - 1))];
    const here = cellAt(at);
    for (const td of body.querySelectorAll("td[tabindex='0']")) if (td !== here) setAttribute(td, "tabindex", -1);
    if (here) setAttribute(here, "tabindex", 0);
  }

  function draw(given) {
    state = given;
    again = Infinity;
    const some = Boolean(state.rows?.length && state.columns.length);
    scroll.hidden = foot.hidden = !some;
    empty.hidden = some;
    setText(empty, state.empty ?? "");
    setText(title, state.title ?? "");
    title.hidden = !some || !state.title;
    find.hidden = (state.search ?? null) === null;
    top.hidden = title.hidden && find.hidden;
    if (document.activeElement !== find && !clicks.held() && find.value !== (state.search ?? "")) find.value = state.search ?? "";
    if (!some) return;
    drawHeads();
    keyed(body, state.rows, (row) => row.key,
      () => h("tr", { role: "row" }, h("th", { scope: "row" }, state.opens ? h("button", { class: "c-link c-cut", type: "button", tabindex: -1 }) : h("span"), h("span", { class: "note" })),
        state.columns.map(() => h("td", { role: "gridcell", tabindex: -1 }))), drawRow);
    setAttribute(table, "aria-rowcount", state.total + 1);
    drawFoot();
    mark();
  }

  function turn(by) {
    const first = state.first + by * state.window;
    if (first >= 0 && first < state.total) model.send({ type: "window", first });
  }

  function tellOf(td) {
    const place = td ? placeOf(td) : null;
    hint.say(place ? words(place) : "");
    [...head.children].forEach((th, i) => th.classList.toggle("at", place !== null && i === place[1] + 1));
    if (td) setAttribute(td, "title", words(place));
  }
  body.addEventListener("mouseover", (event) => tellOf(event.target.closest("td")));
  body.addEventListener("mouseleave", () => tellOf(document.activeElement?.closest?.("td") && body.contains(document.activeElement) ? document.activeElement : null));
  body.addEventListener("focusin", (event) => {
    const td = event.target.closest("td"); // else the button of a row
    if (td) { at = placeOf(td); mark(); tellOf(td); }
  });
  body.addEventListener("focusout", () => tellOf(null));
  body.addEventListener("click", (event) => {
    if (event.target.closest("button")) open([...body.children].indexOf(event.target.closest("tr")));
    event.target.closest("td")?.focus();
  });
  const open = (r) => { if (state.opens) model.send({ type: "open", key: state.rows[r].key }); };
  onKey(body, (event) => {
    if (!event.target.closest("td")) return;
    const [r, c] = at;
    const to = { ArrowUp: [r - 1, c], ArrowDown: [r + 1, c], ArrowLeft: [r, c - 1], ArrowRight: [r, c + 1], Home: [r, 0], End: [r, state.columns.length - 1] }[event.key];
    if (event.key === "Enter") open(r);
    if (!to) return;
    event.preventDefault();
    const td = to[1] < 0 ? null : cellAt(to);
    td?.focus({ preventScroll: true });
    td?.scrollIntoView({ block: "nearest", inline: "nearest" });
  });

  // Thousands of cells are drawn anew when one of them has become a day older.
  let known = null;
  const tick = () => {
    if (state.rows && (known !== (time.now() !== null) || time.now() >= again)) draw(state);
    known = time.now() !== null;
  };
  return live(model, draw, time.each(tick), typing.stop);
}

export default { render };
