// The browser's half of Timeline: bars over time, in pixels. What is shown of the time is the browser's own affair.

/**
 * @typedef {{key: string, row: number, since: string, until: string|null, tone: string, text: string,
 *   platform: string}} Bar
 * @typedef {{label: string, note: string}} ChartRow
 * @typedef {{company: string, rows: Array<ChartRow>, bars: Array<Bar>, total: number, empty: string}} TimelineState
 */

const [ROW, BAR, TOP] = [28, 16, 4];
const SPANS = [["10 min", 10 * MINUTE, "The last ten minutes"], ["1 h", HOUR, "The last hour"], ["1 d", WHOLE_DAY, "The last day"], ["7 d", 7 * WHOLE_DAY, "The last week"], ["All", null, "From the first one to now"]];
const HINT = "← → earlier and later, + − zoom, ↑ ↓ from operation to operation, 0 shows all. Ctrl and wheel zoom, too.";
const SHORTEST = 5 * SECOND;

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

function render({ model, el, time }) {
  keepKeys(el);
  const id = uid("timeline");
  const hint = sayer(HINT);
  const button = (name, sign, act) => h("button", { class: "c-btn small", type: "button", "aria-label": name, title: name, onclick: act }, sign);
  const spans = SPANS.map(([text, span, title]) => h("button", { class: "c-chip", type: "button", title, onclick: () => show({ span, end: null }) }, text));
  const cut = h("span", { class: "cut" });
  const range = h("span");
  const tools = h("div", { class: "k-tools tools" }, h("span", { role: "group", "aria-label": "Show", class: "k-tools" }, spans),
    button("Earlier", "‹", () => pan(-0.5)), button("Later", "›", () => pan(0.5)), button("Zoom out", "−", () => zoom(2)), button("Zoom in", "+", () => zoom(0.5)),
    h("span", { class: "k-grow" }), range, cut);
  const names = h("div", { class: "names" });
  const [grid, bars, labels] = [s("g"), s("g"), s("g")];
  const plot = s("svg", { class: "plot", tabindex: 0, role: "group", "aria-label": "Pull operations over time", "aria-describedby": `${id}-hint`, "data-lm-suppress-shortcuts": "true" }, patterns(id), grid, bars);
  const axis = s("svg", { class: "axis", "aria-hidden": "true" }, labels);
  const scroll = h("div", { class: "scroll" }, h("div", { class: "chart" }, names, plot, h("div", { class: "corner" }), axis));
  const empty = h("div", { class: "k-empty" });
  const swatch = (tone) => s("svg", { width: 22, height: BAR }, s("g", { class: `bar ${tone}` },
    s("rect", { class: "fill", width: 22, height: BAR, rx: 3 }), s("rect", { class: "over", width: 22, height: BAR, rx: 3, fill: over(id, tone) })));
  const foot = h("div", { class: "k-foot" }, legend(Object.entries(TONES).map(([tone, [sign, words]]) => ["", swatch(tone), `${sign} ${words}`])), hint.node, h("p", { class: "c-dim zone" }, `Times in ${zoneText()}`));
  hint.node.id = `${id}-hint`;
  el.append(tools, scroll, foot, empty);

  let state = {}, view = null, chosen = null, width = 0;
  const now = () => time.now() ?? time.asOf();
  const start = (bar) => Date.parse(bar.since);
  const end = (bar) => (bar.until ? Date.parse(bar.until) : Math.max(now(), start(bar)));

  /** The time that is shown: [from, to] in ms. Without an end of its own it goes on with the clock. */
  function edges() {
    const first = Math.min(...state.bars.map(start));
    const last = state.bars.some((bar) => !bar.until) ? now() : Math.max(...state.bars.map(end));
    if (view.span === null) {
      const pad = Math.max(SHORTEST, last - first) * 0.03;
      return [first - pad, last + pad];
    }
    const to = view.end ?? now() + view.span * 0.03;
    return [to - view.span, to];
  }

  /** What is shown first: the shortest of the usual spans that holds an operation. */
  function firstView() {
    const held = SPANS.find(([, span]) => span !== null && state.bars.some((bar) => end(bar) > now() - span));
    return { span: held ? held[1] : null, end: null };
  }

  function show(next) {
    view = next;
    drawTime();
  }
  function zoom(factor, share = 0.5) {
    const [from, to] = edges();
    const most = Math.max(SHORTEST, now() - Math.min(...state.bars.map(start))) * 1.5;
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
    const first = Math.min(...state.bars.map(start));
    return { span, end: Math.min(Math.max(to, first + span * 0.1), now() + span * 0.9) };
  }

  function wordsOf(bar) {
    const row = state.rows[bar.row];
    const who = [row.label, bar.platform].filter(Boolean).join(" from ");
    const took = duration((end(bar) - start(bar)) / 1000);
    const length = bar.until ? `took ${took}` : time.now() === null ? "running" : `running for ${took}`;
    return `${who}: ${withTimes(bar.text)}, ${length}, requested ${bothTimes(start(bar) / 1000)}.`;
  }

  function makeBar() {
    const box = { height: BAR, rx: 3 };
    return s("g", {}, s("rect", { ...box, class: "fill" }, s("title")), s("rect", { ...box, class: "over" }), s("text", { "aria-hidden": "true" }));
  }
  function placeBar(node, { bar, x, w }) {
    const [fill, pattern, text] = node.children;
    node.codatBar = bar;
    setAttribute(node, "class", `bar ${bar.tone}${bar.key === chosen ? " at" : ""}`);
    const y = TOP + bar.row * ROW + (ROW - BAR) / 2;
    for (const rect of [fill, pattern]) for (const [name, value] of Object.entries({ x, y, width: w })) setAttribute(rect, name, value);
    setAttribute(pattern, "fill", over(id, bar.tone));
    setText(fill.firstElementChild, wordsOf(bar));
    const words = withTimes(`${signOf(bar.tone)} ${bar.text}`);
    const room = words.length * 7 + 12;
    const plain = w > 22 && over(id, bar.tone) === "none" ? words.slice(0, 1) : ""; // a pattern says it in as little room
    setText(text, w > room ? words : plain);
    if (w > room) for (const [name, value] of [["x", x + room], ["width", w - room]]) setAttribute(pattern, name, value); // not through the words
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
    grid.replaceChildren(...lines.map(([name, x]) => s("line", { class: name, x1: round(x), x2: round(x), y1: 0, y2: height })));
    const inside = found.filter((time) => at(time) > 22 && at(time) < width - 22);
    labels.replaceChildren(...inside.map((time) => s("text", { x: round(at(time)), y: 15, "text-anchor": "middle" }, tickText(time, step))));
    const drawn = [];
    for (const bar of state.bars) {
      const [x, right] = [Math.max(at(start(bar)), -20), Math.min(at(end(bar)), width + 20)];
      if (right >= -1 && x <= width + 1) drawn.push({ bar, x: round(x), w: round(Math.max(3, right - x)) });
    }
    keyed(bars, drawn, ({ bar }) => bar.key, makeBar, placeBar);
    const [one, other] = [from, to].map((time) => localTime(new Date(time).toISOString()).slice(0, 16));
    setText(range, `${one} to ${other.startsWith(one.slice(0, 10)) ? other.slice(11) : other}, ${count(drawn.length, "operation")}`);
    SPANS.forEach(([, span], i) => {
      const on = view.end === null && view.span === span;
      spans[i].classList.toggle("on", on);
      setAttribute(spans[i], "aria-pressed", String(on));
    });
  }

  function draw(next) {
    const other = next.company !== state.company;
    state = next;
    const some = Boolean(state.bars?.length);
    tools.hidden = scroll.hidden = foot.hidden = !some;
    empty.hidden = some;
    setText(empty, state.empty ?? "");
    if (!some) { view = null; return; }
    if (!view || other) { view = firstView(); chosen = null; hint.say(""); }
    if (!state.bars.some((bar) => bar.key === chosen)) chosen = null;
    keyed(names, state.rows.map((row, i) => ({ ...row, i })), ({ i }) => i, () => h("div", {}, h("bdi"), h("span")), (node, { label, note }) => {
      setText(node.firstElementChild, label);
      setText(node.lastElementChild, note ? ` ${note}` : "");
      setAttribute(node, "title", `${label} ${note}`.trim());
    });
    cut.hidden = state.total <= state.bars.length;
    setText(cut, `The newest ${number(state.bars.length)} of ${count(state.total, "operation")} are drawn; the table reaches the others.`);
    drawTime();
  }

  /** Move to the operation before or after the chosen one, and to where it is. */
  function step(by) {
    const now = state.bars.findIndex((bar) => bar.key === chosen);
    const to = now < 0 ? state.bars.length - 1 : Math.min(Math.max(now + by, 0), state.bars.length - 1);
    const bar = state.bars[to];
    chosen = bar.key;
    const [from, until] = edges();
    if (start(bar) < from || start(bar) > until) show(bounded(start(bar) + (until - from) / 2, until - from));
    else drawTime();
    hint.say(wordsOf(bar));
    const y = TOP + bar.row * ROW;
    if (y < scroll.scrollTop || y + ROW > scroll.scrollTop + scroll.clientHeight - 24) scroll.scrollTop = y - scroll.clientHeight / 2;
  }

  const MOVES = {
    ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), ArrowUp: () => step(-1), ArrowDown: () => step(1), "+": () => zoom(0.5), "=": () => zoom(0.5),
    "-": () => zoom(2), 0: () => show({ span: null, end: null }), Escape: () => { chosen = null; hint.say(""); drawTime(); },
  };
  plot.addEventListener("keydown", (event) => {
    if (!MOVES[event.key] || event.altKey || event.ctrlKey || event.metaKey) return;
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
    const bar = event.target.closest(".bar")?.codatBar ?? state.bars?.find(({ key }) => key === chosen);
    hint.say(bar ? wordsOf(bar) : "");
  });
  plot.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    const [from, to] = edges();
    const x = event.clientX;
    const drag = (move) => {
      if (Math.abs(move.clientX - x) < 3) return;
      plot.classList.add("dragged");
      show(bounded(to - ((move.clientX - x) / width) * (to - from), to - from));
    };
    const drop = () => { plot.classList.remove("dragged"); removeEventListener("pointermove", drag); };
    addEventListener("pointermove", drag);
    addEventListener("pointerup", drop, { once: true });
    addEventListener("pointercancel", drop, { once: true });
  });

  const sized = new ResizeObserver(([entry]) => { width = entry.contentRect.width; drawTime(); });
  sized.observe(plot);
  const tick = () => { if (state.bars?.some((bar) => !bar.until)) drawTime(); };
  return live(model, draw, time.each(tick), () => sized.disconnect());
}

export default { render };
