// The company's connections as cards: a dot, the platform, the state in words, and the link for a relink. A card opens
// to all that is known of its connection.

/**
 * @typedef {{when: string|null, what: string|null, why: string|null}} DataError
 * @typedef {{id: string, platform: string, words: string, synced: string|null, tone: string, link_url: string|null,
 *   url: string|null, created: string|null, last: string|null, errors: Array<DataError>}} ConnectionCard
 * @typedef {{status: "none"|"loading"|"ready", connections: Array<ConnectionCard>, empty: string|null}} CardsState
 */

const EMPTY = { none: "Pick a company to see its connections.", loading: "Reading the connections…" };

function render({ model, el, time }) {
  const id = uid("connections");
  const list = reachable(h("ul", { class: "cards", "aria-labelledby": id }));
  const empty = h("p", { class: "empty c-dim", role: "status" });
  const facts = h("dl", {});
  const more = h("div", { class: "more", id: `${id}-more`, role: "region", "aria-label": "Connection details" }, facts);
  el.append(h("div", { class: "c-label", id }, "Connections of this company"), list, empty, more);
  let [rows, open] = [[], null];

  const make = (row) => {
    const link = h("button", { class: "c-link", type: "button" }, "Copy relink URL");
    const head = h("button", { class: "head", type: "button", "aria-controls": more.id }, h("i", { class: "dot", "aria-hidden": "true" }), h("bdi", { class: "c-cut" }), h("span", { class: "c-dim c-cut" }));
    const card = h("li", { class: "card" }, head, link);
    head.addEventListener("click", () => { open = open === row.id ? null : row.id; draw(); });
    link.addEventListener("click", () => copyText(link, card.codatUrl));
    return card;
  };
  const update = (card, row) => {
    const [head, link] = card.children;
    const [dot, platform, words] = head.children;
    dot.className = `dot ${row.tone}`;
    setText(platform, row.platform);
    const said = connectionWords(row, time.now());
    setText(words, said);
    setAttribute(card, "title", `${row.platform}: ${said}\n${row.id}`);
    card.codatUrl = row.link_url;
    card.classList.toggle("open", row.id === open);
    setAttribute(head, "aria-expanded", String(row.id === open));
    link.hidden = !row.link_url;
    setAttribute(link, "aria-label", `Copy relink URL of ${row.platform}`);
  };
  const draw = () => {
    keyed(list, rows, (row) => row.id, make, update);
    const shown = rows.find((row) => row.id === open);
    more.hidden = !shown;
    if (shown) keyed(facts, factsOf(shown, time.now()), ({ name }) => name, makeFact, drawFact);
  };

  onKey(el, (event) => { if (event.key === "Escape" && open) { open = null; draw(); } });
  return live(model, ({ status = "none", connections = [], empty: why }) => {
    rows = connections;
    draw();
    list.hidden = !connections.length;
    setText(empty, connections.length ? "" : why ?? EMPTY[status]);
    empty.hidden = !empty.textContent;
    el.classList.toggle("loading", status === "loading");
  }, time.each(draw));
}

/** Name and value of all that is known of a connection; what can be copied is a button. */
function factsOf(row, now) {
  const { id, platform, created, last, url, errors = [] } = row;
  return [
    { name: "Connection", text: platform },
    { name: "State", text: connectionWords(row, now) },
    { name: "Id", copy: id },
    { name: "Linked since", time: created },
    { name: "Last sync", time: last, none: "never" },
    { name: "Link URL", copy: url, none: "none" },
    ...errors.map(({ when, what, why }, index) => ({ name: errors.length > 1 ? `Error ${index + 1}` : "Error", text: [[...new Set([what, why])].filter(Boolean).join(": "), when && `(since ${localTime(when)}, ${ZONE})`].filter(Boolean).join(" "), bad: true })),
  ].filter(({ text, copy, time, none }) => text || copy || time || none);
}
function makeFact({ name }) {
  const copy = h("button", { class: "c-link c-mono", type: "button" });
  const fact = h("div", { style: { display: "contents" } }, h("dt", {}, name), h("dd", {}, copy, h("span", { dir: "auto" })));
  copy.addEventListener("click", () => copyText(copy, fact.codatCopy));
  return fact;
}
function drawFact(fact, { name, text, copy, time, none, bad }) {
  const [button, words] = fact.lastChild.children;
  button.hidden = !copy;
  if (fact.codatCopy !== copy) [fact.codatCopy, button.codatLabel, button.textContent] = [copy, null, copy ?? ""];
  setAttribute(button, "title", copy && "Copy");
  setAttribute(button, "aria-label", copy && `Copy ${name}: ${copy}`);
  setText(words, copy ? "" : text || (time ? `${localTime(time)}, ${ZONE}` : none ?? ""));
  setAttribute(words, "title", time && utcTime(time));
  words.className = bad ? "bad" : "";
}

export default { render };
