// The browser's half of Details. It stands beside its table or timeline; where there is little room, in its place. The focus goes
// into it when it opens and back to the table's row when it closes.

/**
 * @typedef {{message: string, rule: string, item: string}} Finding
 * @typedef {{status: string, why: string, errors: Array<Finding>, warnings: Array<Finding>, more: Array<number>}}
 *   ChecksState
 * @typedef {{name: string, text: string, kind: string}} DetailsField
 * @typedef {{key: string|null, title: string, about: string, status: Array<string>|null, card: NoticeCard|null,
 *   fields: Array<DetailsField>, checks: ChecksState|null, json: string, seq: number}} DetailsState
 */

const CHECKS = {
  later: "Codat checks the data once it has been read.", loading: "Asking Codat for the results of its checks…",
  never: "Not checked: this operation ended before there was any data to check.",
};

function section(title) {
  const head = h("h4", {}, title);
  return { head, node: h("section", {}, head) };
}

/** A value with what it takes to read it: times in both zones, a button to copy an id. */
function fillField(node, { text: given, kind }, now) {
  const text = kind === "since" ? lengthOf(given, null, now) : given;
  const known = JSON.stringify([text, kind]);
  if (node.codatKnown === known) return;
  node.codatKnown = known;
  const value = h("span", { class: kind === "id" || kind === "link" ? "c-mono" : "", dir: "auto" });
  const parts = [value];
  setText(value, text || "–");
  if (kind === "time") {
    const time = new Date(text);
    setText(value, localTime(text));
    if (!Number.isNaN(time.getTime())) parts.push(h("span", { class: "c-dim" }, `${time.toISOString().slice(0, 19).replace("T", " ")} UTC`));
  } else if (text && (kind === "id" || kind === "link")) {
    const copy = h("button", { class: "copy", type: "button", onclick: () => copyText(copy, text) }, "Copy");
    parts.push(copy);
  }
  node.replaceChildren(...parts);
}

function render({ model, el, time }) {
  const id = uid("details");
  const title = h("h3", { id, tabindex: -1, dir: "auto" });
  const [about, code] = ["about", "code"].map((name) => h("span", { class: `${name} c-dim c-mono` })); // Codat's keys
  const pill = h("span", { class: "c-pill" });
  const close = h("button", { class: "close", type: "button", "aria-label": "Close the details", title: "Close (Escape)" }, "✕");
  const card = h("div", { class: "codat-card" });
  const list = h("dl");
  const [checks, json] = [section("Validation"), section("JSON")];
  const said = h("p", { class: "c-dim", role: "status" });
  const again = h("button", { class: "c-btn small", type: "button" }, "Try again");
  const found = h("ul");
  checks.node.append(said, found, again);
  const copyJson = h("button", { class: "copy", type: "button" }, "Copy");
  const text = h("pre", { tabindex: 0, role: "region", "aria-label": "JSON" });
  json.head.append(" ", copyJson);
  json.node.append(text);
  const zone = h("p", { class: "c-dim zone" }, `Times in ${[...new Set([zoneText(), "UTC"])].join(" and ")}`);
  const inner = h("div", { class: "inner", role: "region", "aria-labelledby": id }, h("header", {}, h("div", {}, title, about, pill, code), close), card, checks.node, list, json.node, zone);
  el.append(inner);
  const clicks = guard(model);
  let state = {}, dismissed = null;

  const frame = () => el.closest(".codat-browse");
  function shut() {
    dismissed = state.key;
    show(false);
    frame()?.querySelector(".codat-table tr[tabindex='0'], .codat-timeline .plot")?.focus();
    clicks.send({ type: "close" }, true);
  }
  close.addEventListener("click", shut);
  again.addEventListener("click", () => { setDisabled(again, true); clicks.send({ type: "again" }, true); });
  copyJson.addEventListener("click", () => copyText(copyJson, state.json));
  onKey(inner, (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    shut();
  });

  function show(open) {
    el.hidden = !open;
    setAttribute(frame() ?? el, "data-open", open ? "true" : null);
  }

  function drawChecks(data) {
    checks.node.hidden = !data;
    if (!data) return;
    const { status, why, errors, warnings, more } = data;
    const groups = [["bad", signOf("bad"), "error", errors, more[0]], ["warn", "!", "warning", warnings, more[1]]];
    const counts = groups.filter(([, , , items]) => items.length).map(([, , word, items, rest]) => count(items.length + rest, word));
    setText(said, status === "ready" ? counts.join(", ") || "No findings." : CHECKS[status] ?? why);
    again.hidden = status !== "failed";
    setDisabled(again, false);
    const items = groups.flatMap(([tone, sign, word, each, rest]) => [
      ...each.map((item) => ({ tone, sign, word, ...item })),
      ...(rest ? [{ tone: "c-dim", sign: "", word: "", message: `and ${number(rest)} more`, rule: "", item: "" }] : []),
    ]);
    keyed(found, items.map((item, n) => ({ ...item, n })), (item) => JSON.stringify(item), ({ tone, sign, word, message, rule, item }) =>
      h("li", { class: tone }, h("span", { class: "sign", ...(word ? { role: "img", "aria-label": word } : {}) }, sign), h("div", {}, h("p", { dir: "auto" }, message),
        rule || item ? h("p", { class: "c-dim" }, h("span", { class: "c-mono" }, rule), item ? ` record ${item}` : "") : "")));
  }

  function draw(next) {
    const before = state;
    state = next;
    const open = state.key !== null && state.key !== undefined && !(dismissed === state.key && clicks.held());
    if (!open) { if (state.key === null) dismissed = null; show(false); return; }
    setText(title, state.title);
    pill.hidden = !state.status;
    const [word, tone, key] = state.status ?? ["", "", ""];
    setText(about, state.about && !state.title.startsWith(state.about) ? state.about : "");
    setText(code, key === word ? "" : key);
    about.hidden = !about.textContent;
    code.hidden = !code.textContent;
    setText(pill, `${signOf(tone)} ${word}`);
    setAttribute(pill, "class", `c-pill ${tone}`);
    drawTime();
    drawChecks(state.checks);
    json.node.hidden = !state.json;
    setText(text, state.json);
    zone.hidden = !state.fields.some(({ kind }) => kind === "time");
    const table = frame();
    const near = table?.contains(document.activeElement);
    show(true);
    if (before.key !== state.key) {
      inner.scrollTop = 0;
      if (near) title.focus({ preventScroll: true });
    }
  }

  /** What tells of times. */
  function drawTime() {
    keyed(card, state.card ? [state.card] : [], ({ key }) => key, () => makeCard(), (item, data) => updateCard(item, data, time.now()));
    keyed(list, state.fields ?? [], ({ name }) => name, ({ name }) => h("div", {}, h("dt", {}, name), h("dd")), (node, each) => fillField(node.lastChild, each, time.now()));
  }

  let stop = () => {};
  return live(model, (next) => { stop(); stop = whenAttached(el, () => draw(next)); }, time.each(drawTime), () => stop());
}

export default { render };
