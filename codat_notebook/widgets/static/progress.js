// Operations on their way. Rows are keyed and change only where they differ.

/**
 * @typedef {{type: string, text: string, title: string=, ask: string=}} ActionButton
 * @typedef {{key: string, type: string, name: string, platform: string, tone: string, text: string, kind: string,
 *   status: string=, stage: number=, symbol: string=, since: string=, until: string=, usual: number=, note: string=, link: string=, attempt: number=}} ProgressRow
 * @typedef {{total: number, complete: number, failed: number, other: number, running: number, under_way: number}}
 *   ProgressCounts
 * @typedef {{title: string, status: string, counts: ProgressCounts, first: number, rows: Array<ProgressRow>,
 *   expected: string, due: string|null, message: string, actions: Array<ActionButton>, checked: string|null,
 *   watched: boolean, seq: number}} ProgressState
 */

const PAGE = 50;
const HINT = "Tick data types and press Refresh. Each operation appears here, stage by stage, until it ends; a failure says what to do.";

function render({ model, el, time }) {
  const title = reachable(h("div", { class: "title", role: "heading", "aria-level": "3" }));
  const words = h("span", { class: "words", role: "status" });
  const track = h("span", { class: "track", role: "progressbar", "aria-label": "Operations done", "aria-valuemin": 0 }, h("i", { class: "ok" }), h("i", { class: "bad" }), h("i", { class: "other" }), h("i", { class: "run" }));
  const expected = reachable(h("span", { class: "expected" }));
  const actions = h("span", { class: "actions" });
  const total = h("div", { class: "total" }, words, track, expected, actions);
  const message = reachable(h("p", { class: "message c-dim", role: "status" }));
  const list = reachable(h("ul", { class: "rows", "aria-label": "Operations" }));
  const [back, on] = turners(["Previous operations", "Next operations"], (step) => turn(step));
  const where = h("span", { role: "status" });
  const pager = h("div", { class: "pager c-dim" }, back, where, on);
  const empty = drawEmpty();
  el.append(title, total, message, list, pager, empty);

  // In a console an operation opens its details, beside the table of operations.
  let table = null;
  list.addEventListener("click", ({ target }) => {
    const row = target.closest("li")?.codatRow;
    if (!table || !row?.since || target.closest(".note") || !window.getSelection().isCollapsed) return;
    tell(el, "tab-wanted", "operations");
    model.send({ type: "open", key: row.key });
    table.scrollIntoView({ block: "nearest" });
  });
  const drawActions = actionButtons(actions, guard(model), time);
  let state = {};
  const tick = () => {
    const watched = state.watched !== false;
    const today = time.now();
    const now = watched || !state.checked ? today : Date.parse(state.checked);
    for (const item of list.children) {
      item.querySelector(".type").disabled = !table || !item.codatRow.since;
      drawTime(item, now, watched, today);
    }
    drawActions(state.actions ?? []);
    setTimedText(message, state.message, today);
    setTimedText(expected, [watched && state.status === "running" && leftText(state.due, now), state.expected, watched && state.status === "running" && checkedText(state.checked, now)].filter(Boolean).join(", "), today);
  };
  const turn = (step) => {
    const first = Math.max(0, (state.first ?? 0) + step * PAGE);
    if (first < state.counts.total) model.send({ type: "window", first });
    list.scrollTop = 0;
  };

  const attached = whenAttached(el, () => {
    table = el.closest(".codat-run") && el.closest(".codat-console").querySelector(".codat-panel-operations");
    tick();
  });
  return live(model, (next) => {
    state = next;
    const { status = "idle", counts = { total: 0 }, rows = [], first = 0 } = next;
    const idle = status === "idle";
    el.classList.toggle("idle", idle);
    setText(title, next.title ?? "");
    title.hidden = !next.title;
    total.hidden = idle || (!counts.total && status !== "asking" && !next.actions?.length);
    list.hidden = idle || !rows.length;
    empty.hidden = !idle;
    setText(words, totalText(status, counts));
    drawTrack(track, counts, status);
    message.hidden = idle || !next.message;
    setText(empty.lastChild, idle && next.message ? next.message : HINT);
    message.classList.toggle("bad", status === "error");
    keyed(list, rows, ({ key }) => key, makeRow, drawRow);
    setAttribute(list, "tabindex", !list.hidden && list.scrollHeight > list.clientHeight + 1 ? "0" : null);
    pager.hidden = counts.total <= rows.length;
    setText(where, `${number(first + 1)}–${number(first + rows.length)} of ${number(counts.total)}`);
    setDisabled(back, first === 0);
    setDisabled(on, first + rows.length >= counts.total);
    tick();
  }, time.each(tick), attached);
}

/** When all should have ended, and when it was looked at last; as times while it is not known what time it is. */
function leftText(due, now) {
  if (!due) return "";
  if (now === null) return `end expected at ${clockTime(due, now)}`;
  const left = -secondsSince(due, now);
  return left > 0 ? `about ${duration(left)} left` : "any moment now";
}
function checkedText(checked, now) {
  if (!checked) return "";
  return now === null ? `checked at ${clockTime(checked, now)}` : `checked ${duration(secondsSince(checked, now))} ago`;
}

function totalText(status, { total, complete = 0, failed = 0, other = 0 }) {
  if (status === "asking" && !total) return "Queueing…";
  if (!total) return "";
  return `${number(complete + failed + other)} of ${number(total)} done${failed ? `, ${number(failed)} failed` : ""}`;
}

function drawTrack(track, counts, status) {
  const { total, complete = 0, failed = 0, other = 0, under_way: underWay = 0 } = counts;
  [complete, failed, other, underWay].forEach((n, index) => { track.children[index].style.width = total ? `${(n / total) * 100}%` : "0"; });
  track.classList.toggle("asking", status === "asking" && !total);
  setAttribute(track, "aria-valuemax", total);
  setAttribute(track, "aria-valuenow", complete + failed + other);
}

// A row: data type, platform, five stages, time, state; and below it what to do, where there is something to do.

function makeRow() {
  const stages = h("span", { class: "stages", role: "img" }, STAGES.map(() => h("i", {})));
  const pill = h("span", { class: "c-pill" }, h("span", { "aria-hidden": "true" }), h("span", { class: "c-cut" }));
  const link = h("button", { class: "c-link", type: "button" }, "Copy relink URL");
  const note = reachable(h("p", { class: "note c-dim" }, h("span", {}), " ", link));
  const item = h("li", {}, h("div", { class: "op" }, h("button", { class: "type c-cut", type: "button", dir: "auto" }), h("bdi", { class: "platform c-dim c-cut" }), stages, h("span", { class: "time" }), h("span", { class: "state" }, pill, h("span", { class: "left c-dim c-cut" }))), note);
  link.addEventListener("click", () => copyText(link, item.codatRow.link));
  return item;
}

function drawRow(item, row) {
  const text = JSON.stringify(row);
  if (item.codatText === text) return;
  [item.codatText, item.codatRow] = [text, row];
  const [type, platform, stages] = item.firstChild.children;
  setText(type, row.name);
  type.title = withKey(row.name, row.type);
  setText(platform, row.platform);
  platform.title = row.platform;
  drawStages(stages, row);
}

/** The pill and the note below; both say so where an operation takes unusually long. */
function drawState(item, row, late, today) {
  const [pill, note] = [item.querySelector(".c-pill"), item.lastChild];
  const [tone, text] = late ? ["warn", "Longer than usual"] : [row.tone, row.text];
  setAttribute(pill, "class", `c-pill ${tone}`);
  setText(pill.firstChild, late ? "!" : row.symbol ?? signOf(row.tone));
  setTimedText(pill.lastChild, text, today);
  setAttribute(pill, "title", pill.lastChild.title || withKey(late ? row.text : text, row.status));
  setText(note.firstChild, [row.attempt && `Attempt ${row.attempt}.`, late ? lateNote(row) : row.note].filter(Boolean).join(" "));
  note.hidden = !note.firstChild.textContent;
  note.lastChild.hidden = !row.link;
}

function lateNote(row) {
  const usual = `This usually takes ${duration(row.usual)}.`;
  return `${usual} Codat is still working on it; queueing it again does not help. If it does not change, contact Codat's support with the operation's id.`;
}

function drawStages(stages, row) {
  const at = row.stage ?? -1;
  [...stages.children].forEach((segment, index) => { segment.className = index < at ? "done" : index === at ? row.tone : ""; });
  setAttribute(stages, "aria-label", at < 0 ? "No stage known" : at > 4 ? "All five stages done" : `Stage ${at + 1} of 5: ${STAGES[at]}`);
  stages.title = at < 0 || at > 4 ? "" : `${at + 1} of 5: ${STAGES[at]}`;
}

function drawTime(item, now, watched, today) {
  const { since, until } = item.codatRow;
  const time = item.firstChild.children[3];
  const left = item.querySelector(".left");
  const passed = until || !watched ? null : secondsSince(since, now);
  drawLeft(item, left, passed, today);
  setText(time, since ? lengthOf(since, until, now) : "");
  if (!since) return time.removeAttribute("title");
  if (!time.title) time.title = `since ${localTime(since)} (${utcTime(since)})`;
}

/** What is left by the company's own history; three times the usual time, and two minutes more than it, is too long. */
function drawLeft(item, left, passed, today) {
  const { usual } = item.codatRow;
  const known = usual !== undefined && passed !== null;
  const late = known && passed > Math.max(3 * usual, usual + 120);
  drawState(item, item.codatRow, late, today);
  setText(left, !known || late ? "" : passed < usual ? `~${duration(usual - passed)} left` : "any moment");
  setAttribute(left, "title", known ? `This usually takes ${duration(usual)} here` : null);
}

function drawEmpty() {
  return h("div", { class: "empty" },
    h("ol", { "aria-label": "The stages of a refresh" }, STAGES.map((name) => h("li", {}, name))),
    h("p", {}, "Nothing is being refreshed."),
    h("p", { class: "c-dim" }, HINT));
}

export default { render };
