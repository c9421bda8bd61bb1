// The company's connections as cards: a dot, the platform, the state in words, and the link for a relink.

const EMPTY = { none: "Pick a company to see its connections.", loading: "Reading the connections…", ready: "This company has no connection yet." };

function render({ model, el }) {
  keepKeys(el);
  const id = uid("connections");
  const list = h("ul", { class: "cards", "aria-labelledby": id });
  const empty = h("p", { class: "empty c-dim", role: "status" });
  el.append(h("div", { class: "c-label", id }, "Connections of this company"), list, empty);
  const make = (row) => {
    const link = h("button", { class: "c-link", type: "button" }, "Copy relink URL");
    const card = h("li", { class: "card" }, h("i", { class: "dot", "aria-hidden": "true" }), h("bdi", { class: "c-cut" }), h("span", { class: "c-dim c-cut" }), link);
    link.addEventListener("click", () => copyText(link, card.codatUrl));
    return card;
  };
  const update = (card, row) => {
    const [dot, platform, words, link] = card.children;
    dot.className = `dot ${row.tone}`;
    setText(platform, row.platform);
    setText(words, row.words);
    card.title = `${row.platform}: ${row.words}\n${row.id}`;
    card.codatUrl = row.link_url;
    link.hidden = !row.link_url;
    setAttribute(link, "aria-label", `Copy relink URL of ${row.platform}`);
  };
  return live(model, ({ status = "none", error, connections = [] }) => {
    keyed(list, connections, (row) => row.id, make, update);
    list.hidden = !connections.length;
    setText(empty, status === "error" ? error : connections.length ? "" : EMPTY[status]);
    empty.classList.toggle("bad", status === "error");
    empty.hidden = !empty.textContent;
    el.classList.toggle("loading", status === "loading");
  });
}

export default { render };
