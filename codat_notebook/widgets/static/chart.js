// What the charts share: a legend, and the line below a chart that says what the pointer or the keyboard is at.

/** A legend of [class of the swatch, what stands in it, words]. */
function legend(items) {
  return h("ul", { class: "k-legend", "aria-label": "Legend" },
    items.map(([name, symbol, words]) => h("li", {}, h("span", { class: `k-swatch ${name}`, "aria-hidden": "true" }, symbol), words)));
}

/** A line of words that keeps its place while it is empty: `say("")` shows the hint. Screen readers are told. */
function sayer(hint) {
  const node = h("p", { class: "k-say c-dim", role: "status" }, hint);
  return { node, say: (words) => setText(node, words || hint) };
}

/** A time in the reader's zone and in UTC; `seconds` since 1970. */
function bothTimes(seconds) {
  const iso = new Date(seconds * 1000).toISOString();
  return `${localTime(iso)} (${iso.slice(0, 19).replace("T", " ")} UTC)`;
}
