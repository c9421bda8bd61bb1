// The browser's half of Timeline: bars over time, in pixels. What is shown of the time is the browser's own affair; where
// the kernel has joined bars of a long history, it is asked for finer ones.

/**
 * @typedef {{key: string, row: number, since: number, until: number|null, tone: string, text: string, count: number,
 *   failed: number}} Bar
 * @typedef {{label: string, note: string, key: string, platform: string}} TimelineRow
 * @typedef {{company: string, rows: Array<TimelineRow>, bars: Array<Bar>, held: number, total: number, grouped: boolean,
 *   empty: string, seq: number}} TimelineState
 */

const [ROW, BAR, TOP] = [28, 16, 4];
const [THIN, CROWD] = [3, 44]; // pixels: no bar is thinner; bars that only stand close do not grow together for longer
const WORST = ["ok", "idle", "run", "warn", "bad"];
const SPANS = [["10 min", 10 * MINUTE, "The last ten minutes"], ["1 h", HOUR, "The last hour"], ["1 d", WHOLE_DAY, "The last day"], ["7 d", 7 * WHOLE_DAY, "The last week"], ["All", null, "From the first one to now"]];
const HINT = "← → earlier and later, + − zoom, ↑ ↓ from operation to operation, Enter or a click opens one, 0 shows all. Ctrl and wheel zoom, too.";
const SHORTEST = 5 * SECOND;
const BUSY = "Waiting for Python: operations that are close together are shown as one until it answers.";

/** An element of SVG. */
function s(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes ?? {})) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Patterns tell the outcomes apart without colour: failed is hatched, running striped upright, paused dotted. */
function patterns(id) {
  const make = (name, transform, shape) => s("pattern", { id: `${id}-${name}`, width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: transform }, shape);
  return s("defs", {},
    make("bad", "rotate(45)", s("line", { class: "lines", x1: 0, x2: 0, y1: 0, y2: 7 })),
    make("run", "", s("line", { class: "lines", x1: 3, x2: 3, y1: 0, y2: 7 })),
    make("warn", "", s("line", { class: "lines", x1: 0, x2: 7, y1: 3, y2: 3 })));
}
const over = (id, tone) => (["bad", "run", "warn"].includes(tone) ? `url(#${id}-${tone})` : "none");

/** Bars, oldest first, as they are drawn: those of a row that would be drawn over each other are one, of the worst's colour. */
function joined(bars, at, end) {
  const last = new Map();
  const result = [];
  for (const bar of bars) {
    const [x, stop] = [at(bar.since * 1000), at(end(bar))];
    const before = last.get(bar.row);
    const near = before && x < before.right + 1;
    if (near && (x < before.stop || before.right - before.x < CROWD)) {
      const worst = WORST.indexOf(bar.tone) >= WORST.indexOf(before.bar.tone) ? bar : before.bar;
      const until = bar.until === null || before.bar.until === null ? null : Math.max(bar.until, before.bar.until);
      before.bar = { ...worst, since: before.bar.since, until, count: before.bar.count + bar.count, failed: before.bar.failed + bar.failed };
      before.stop = Math.max(before.stop, stop);
      before.right = Math.max(before.stop, x + THIN);
      continue;
    }
    if (near) before.right = x - 1;
    const made = { bar, x, stop, right: Math.max(stop, x + THIN) };
    last.set(bar.row, made);
    result.push(made);
  }
  return result;
}

function render({ model, el, time }) {
  const id = uid("timeline");
  const hint = sayer(HINT);
  const button = (name, sign, act) => h("button", { class: "c-btn small", type: "button", "aria-label": name, title: name, onclick: act }, sign);
  const clicks = guard(model);
  const busy = delayed(() => setText(cut, BUSY));
  const asking = delayed(ask);
  const spans = SPANS.map(([text, span, title]) => h("button", { class: "c-chip", type: "button", title, onclick: () => show({ span, end: null }) }, text));
  const cut = h("span", { class: "cut" });
  const range = h("span");
  const tools = h("div", { class: "k-tools tools" }, h("span", { role: "group", "aria-label": "Show", class: "k-tools" }, spans),
    button("Earlier", "‹", () => pan(-0.5)), button("Later", "›", () => pan(0.5)), button("Zoom out", "−", () => zoom(2)), button("Zoom in", "+", () => zoom(0.5)),
    h("span", { class: "k-grow" }), range, cut);
  const names = h("div", { class: "names" });
  const [grid, bars, labels] = [s("g"), s("g"), s("g")];
  const plot = s("svg", { class: "plot", tabindex: 0, role: "group", "aria-label": "Pull operations over time", "aria-describedby": `${id}-hint` }, patterns(id), grid, bars);
  const axis = s("svg", { class: "axis", "aria-hidden": "true" }, labels);
  const scroll = h("div", { class: "scroll" }, h("div", { class: "chart" }, names, plot, h("div", { class: "corner" }), axis));
  const empty = h("div", { class: "k-empty" });
  const swatch = (tone) => s("svg", { width: 22, height: BAR }, s("g", { class: `bar ${tone}` },
    s("rect", { class: "fill", width: 22, height: BAR, rx: 3 }), s("rect", { class: "over", width: 22, height: BAR, rx: 3, fill: over(id, tone) })));
  const foot = h("div", { class: "k-foot" }, legend(Object.entries(TONES).map(([tone, [sign, words]]) => ["", swatch(tone), `${sign} ${words}`])), hint.node, h("p", { class: "c-dim zone" }, `Times in ${zoneText()}`));
  hint.node.id = `${id}-hint`;
  el.append(tools, scroll, foot, empty);

  let state = {}, view = null, chosen = null, width = 0, first = 0, last = 0, asked = 0;
  const now = () => time.now() ?? time.asOf();
  const start = (bar) => bar.since * 1000;
  const end = (bar) => (bar.until === null ? Math.max(now(), start(bar)) : bar.until * 1000);
  const runs = () => state.bars?.some((bar) => bar.until === null);

  /** The time that is shown: [from, to] in ms. Without an end of its own it goes on with the clock. */
  function edges() {
    if (view.span === null) {
      const until = runs() ? now() : last;
      const pad = Math.max(SHORTEST, until - first) * 0.03;
      return [first - pad, until + pad];
    }
    const to = view.end ?? now() + view.span * 0.03;
    return [to - view.span, to];
  }

  /** What is shown first: the shortest of the usual spans that holds an operation. */
  function firstView() {
    const held = SPANS.find(([, span]) => span !== null && state.bars.some((bar) => end(bar) > now() - span));
    return { span: held ? held[1] : null, end: null };
  }

  /** Ask for bars that are told apart where the reader looks, once they have stopped moving. */
  function ask() {
    if (!state.grouped || !view || width < 1) return;
    const [since, until] = edges().map((time) => time / 1000);
    asked = now();
    clicks.send({ type: "look_at", since, until, width }, true);
    busy.start(2000);
  }
  function show(next) {
    view = next;
    drawTime();
    asking.start(150);
  }
  function open(bar) {
    chosen = bar;
    drawTime();
    if (bar) hint.say(wordsOf(bar));
    model.send({ type: "open_bar", key: bar?.key ?? null });
  }
  function zoom(factor, share = 0.5) {
    const [from, to] = edges();
    const most = Math.max(SHORTEST, now() - first) * 1.5;
    const span = Math.min(Math.max((to - from) * factor, SHORTEST), most);
    const fixed = from + (to - from) * share;
    show(bounded(fixed + span * (1 - share), span));
  }
  function pan(share) {
    const [from, to] = edges();
    show(bounded(to + (to - from) * share, to - from));
  }
  /** A view that still holds some of the time in which there is something. */
  function bounded(to, span) {
    return { span, end: Math.min(Math.max(to, first + span * 0.1), now() + span * 0.9) };
  }

  function wordsOf(bar) {
    const { label, platform } = state.rows[bar.row];
    const who = [label, platform].filter(Boolean).join(" from ");
    if (bar.count > 1) {
      const between = [start(bar), end(bar)].map((time) => localTime(new Date(time).toISOString()));
      return `${who}: ${count(bar.count, "operation")}, ${bar.failed ? number(bar.failed) : "none"} failed, ${between.join(" to ")}. Zoom in to tell them apart.`;
    }
    const took = duration(wholeSeconds(start(bar), end(bar)));
    const length = bar.until !== null ? `took ${took}` : time.now() === null ? "running" : `running for ${took}`;
    return `${who}: ${withTimes(bar.text, time.now())}, ${length}, requested ${bothTimes(bar.since)}.`;
  }
  /** What stands on a bar: all of it, or as much as there is room for. */
  function labelsOf({ tone, text, count: many, failed }) {
    const bad = `${number(failed)} ${signOf("bad")}`;
    if (many > 1) return failed ? [`${number(many)}, ${number(failed)} failed`, `${number(many)}, ${bad}`, bad] : [number(many)];
    return [withTimes(`${signOf(tone)} ${text}`, time.now()), over(id, tone) === "none" ? signOf(tone) : ""]; // a pattern says it, too
  }

  function makeBar() {
    const box = { height: BAR, rx: 3 };
    return s("g", {}, s("rect", { ...box, class: "fill" }), s("rect", { ...box, class: "over" }), s("text", { "aria-hidden": "true" }));
  }
  function placeBar(node, { bar, x, w }) {
    const [fill, pattern, text] = node.children;
    node.codatBar = bar;
    const at = chosen && bar.row === chosen.row && bar.since <= chosen.since && chosen.since * 1000 <= end(bar);
    setAttribute(node, "class", `bar ${bar.tone}${at ? " at" : ""}`);
    const y = TOP + bar.row * ROW + (ROW - BAR) / 2;
    for (const rect of [fill, pattern]) for (const [name, value] of Object.entries({ x, y, width: w })) setAttribute(rect, name, value);
    setAttribute(pattern, "fill", over(id, bar.tone));
    const [room, shown] = labelsOf(bar).map((words) => [words.length * 6.6 + 12, words]).find(([room, words]) => words && w > room) ?? [0, ""];
    setText(text, shown);
    if (shown && over(id, bar.tone) !== "none") for (const [name, value] of [["x", x + room], ["width", w - room]]) setAttribute(pattern, name, value); // not through the words
    setAttribute(text, "x", Math.max(x, 0) + 6);
    setAttribute(text, "y", y + 12);
  }

  function drawTime() {
    if (!state.bars?.length || width < 1 || !view) return;
    const [from, to] = edges();
    const at = (time) => ((time - from) / (to - from)) * width;
    const height = TOP * 2 + state.rows.length * ROW;
    setAttribute(plot, "height", height);
    const { step, found } = ticks(from, to, Math.min(12, width / 76));
    const [clockAt, round] = [at(now()), (n) => Math.round(n * 10) / 10];
    const lines = [...found.map((time) => ["grid", at(time)]), ...(clockAt <= width ? [["now", clockAt]] : [])];
    keyed(grid, lines.map((line, n) => [n, ...line]), ([n]) => n, () => s("line", { y1: 0 }), (line, [, name, x]) => {
      for (const [key, value] of Object.entries({ class: name, x1: round(x), x2: round(x), y2: height })) setAttribute(line, key, value);
    });
    const inside = found.filter((time) => at(time) > 22 && at(time) < width - 22);
    labels.replaceChildren(...inside.map((time) => s("text", { x: round(at(time)), y: 15, "text-anchor": "middle" }, tickText(time, step))));
    const near = state.bars.filter((bar) => start(bar) <= to && end(bar) >= from);
    const most = near.some((bar) => bar.count > 1 && (start(bar) < from || end(bar) > to)) ? "at most " : "";
    const seen = joined(near, at, end);
    const drawn = seen.map(({ bar, x, right }) => [bar, Math.max(x, -20), Math.min(right, width + 20)]).filter(([, x, right]) => right >= -1 && x <= width + 1);
    keyed(bars, drawn.map(([bar, x, right]) => ({ bar, x: round(x), w: round(Math.max(THIN, right - x)) })), ({ bar }) => bar.key, makeBar, placeBar);
    const sum = (name) => drawn.reduce((before, [bar]) => before + bar[name], 0);
    const failed = sum("failed") ? `, ${number(sum("failed"))} failed` : "";
    const [one, other] = [from, to].map((time) => localTime(new Date(time).toISOString()).slice(0, 16));
    setText(range, `${one} to ${other.startsWith(one.slice(0, 10)) ? other.slice(11) : other}, ${most}${count(sum("count"), "operation")}${failed}`);
    SPANS.forEach(([, span], i) => {
      const on = view.end === null && view.span === span;
      spans[i].classList.toggle("on", on);
      setAttribute(spans[i], "aria-pressed", String(on));
    });
  }

  function draw(next) {
    const other = next.company !== state.company;
    const same = JSON.stringify(next.rows) === JSON.stringify(state.rows);
    state = next;
    const some = Boolean(state.bars?.length);
    tools.hidden = scroll.hidden = foot.hidden = !some;
    empty.hidden = some;
    setText(empty, state.empty ?? "");
    if (!some) { view = null; return; }
    [first, last] = [Math.min(...state.bars.map(start)), Math.max(...state.bars.map(end))];
    if (!view || other) { view = firstView(); chosen = null; hint.say(""); asking.start(0); }
    if (chosen) chosen = state.bars.find(({ key }) => key === chosen.key) ?? (same ? chosen : null);
    if (!clicks.held()) busy.stop();
    keyed(names, state.rows.map((row, i) => ({ ...row, i })), ({ i }) => i, () => h("div", {}, h("bdi"), h("span")), (node, { label, note, key, platform }) => {
      setText(node.firstElementChild, label);
      setText(node.lastElementChild, note ? ` ${note}` : "");
      setAttribute(node, "title", [`${label} (${key})`, platform].filter(Boolean).join(" from "));
    });
    setText(cut, state.total > state.held ? `Showing ${number(state.held)} of ${count(state.total, "operation")}. Load older ones below the table of pull operations.` : "");
    drawTime();
  }

  /** Move to the operation before or after the chosen one, and to where it is. */
  function step(by) {
    const here = chosen ? state.bars.findLastIndex(({ key, row, since }) => key === chosen.key || (row === chosen.row && since <= chosen.since)) : -1;
    const to = here < 0 ? state.bars.length - 1 : Math.min(Math.max(here + by, 0), state.bars.length - 1);
    const bar = chosen = state.bars[to];
    const [from, until] = edges();
    if (start(bar) < from || start(bar) > until) show(bounded(start(bar) + (until - from) / 2, until - from));
    else drawTime();
    hint.say(wordsOf(bar));
    const y = TOP + bar.row * ROW;
    if (y < scroll.scrollTop || y + ROW > scroll.scrollTop + scroll.clientHeight - 24) scroll.scrollTop = y - scroll.clientHeight / 2;
  }

  const MOVES = {
    ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), ArrowUp: () => step(-1), ArrowDown: () => step(1), "+": () => zoom(0.5), "=": () => zoom(0.5),
    "-": () => zoom(2), 0: () => show({ span: null, end: null }), Enter: () => chosen && open(chosen), Escape: () => { open(null); hint.say(""); },
  };
  onKey(plot, (event) => {
    if (!MOVES[event.key]) return;
    event.preventDefault();
    MOVES[event.key]();
  });
  plot.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return; // the page scrolls
    event.preventDefault();
    const box = plot.getBoundingClientRect();
    zoom(event.deltaY < 0 ? 0.8 : 1.25, (event.clientX - box.left) / box.width);
  }, { passive: false });
  plot.addEventListener("mouseover", (event) => {
    const bar = event.target.closest(".bar")?.codatBar ?? chosen;
    hint.say(bar ? wordsOf(bar) : "");
  });
  plot.addEventListener("click", (event) => {
    const bar = event.target.closest(".bar")?.codatBar;
    if (bar && !moved) open(bar);
  });
  let moved = false;
  plot.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    moved = false;
    const [from, to] = edges();
    const x = event.clientX;
    const drag = (move) => {
      if (Math.abs(move.clientX - x) < 3) return;
      plot.classList.add("dragged");
      moved = true;
      show(bounded(to - ((move.clientX - x) / width) * (to - from), to - from));
    };
    const drop = () => { plot.classList.remove("dragged"); removeEventListener("pointermove", drag); };
    addEventListener("pointermove", drag);
    addEventListener("pointerup", drop, { once: true });
    addEventListener("pointercancel", drop, { once: true });
  });

  const sized = new ResizeObserver(([entry]) => { width = entry.contentRect.width; drawTime(); asking.start(150); });
  sized.observe(plot);
  const tick = () => {
    if (runs()) drawTime();
    if (view?.span && view.end === null && now() - asked > view.span / 2) ask();
  };
  return live(model, draw, () => [busy, asking].forEach(({ stop }) => stop()), time.each(tick), () => sized.disconnect());
}

export default { render };
