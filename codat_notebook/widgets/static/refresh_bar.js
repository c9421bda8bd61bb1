// The buttons that start refreshes. Their number is told by the list of data types, here in the browser.

/**
 * @typedef {{key: string, name: string}} TypeName
 * @typedef {{platform: string, types: Array<TypeName>}} ConnectionTypes
 * @typedef {{id: string, name: string, note: string=}} CompanyName
 * @typedef {{company: CompanyName|null, selected: Array<string>, total: number|null, connection: string|null,
 *   blocked: string|null, busy: string|null, confirm: string|null, everything: Array<ConnectionTypes>,
 *   running: Array<TypeName>, products: Array<string>, caution: string|null, keep: string|null, seq: number}} BarState
 */

const ALL = "What Codat reads on a first link, by this company's sync settings. Always on all linked connections: Codat has no such call for a single one.";
const ASK_ABOVE = 5; // operations on LIVE that are queued without a question
const PATIENCE = 1500; // milliseconds until an unanswered click is explained

function render({ model, el, time }) {
  const id = uid("bar");
  const selectedButton = h("button", { class: "c-btn go codat-refresh", type: "button", "aria-describedby": `${id} ${id}-facts` });
  const allButton = h("button", { class: "c-btn codat-refresh-all", type: "button", "aria-describedby": id });
  const sentence = h("span", { id, class: "sentence c-dim", role: "status" });
  const question = h("span", { id: `${id}-question` });
  const yes = h("button", { class: "c-btn go", type: "button" });
  const no = h("button", { class: "c-btn", type: "button" }, "Cancel");
  const confirm = h("div", { class: "confirm", role: "alertdialog", "aria-labelledby": `${id}-question` }, h("b", {}, "LIVE"), question, h("div", {}, yes, no));
  const facts = h("span", { id: `${id}-facts` });
  const more = h("button", { class: "c-link", type: "button", "aria-expanded": "false", "aria-controls": `${id}-all` });
  const all = h("div", { id: `${id}-all`, class: "all" }, h("p", { class: "c-dim" }, ALL), h("dl", {}));
  const product = h("select", { class: "c-field", id: `${id}-product` });
  const products = h("div", { class: "product" }, h("label", { class: "c-dim", for: `${id}-product` }, "Using the settings of"), product);
  el.append(h("div", { class: "row" }, selectedButton, allButton, products, sentence), h("div", { class: "facts c-dim" }, facts, more), all, confirm);

  const clicks = guard(model);
  const ui = { told: null, asking: null, open: false, late: false, product: "", company: null };
  const late = delayed(() => { ui.late = true; draw(); });
  let state = {};
  const chosen = () => {
    if (!state.company) return [];
    if (!ui.told) return state.selected ?? [];
    return ui.told.company === state.company.id ? ui.told.selected : [];
  };
  const send = (message) => {
    if (!state.company || !clicks.send({ ...message, company: state.company.id, ...(ui.product && { product: ui.product }) })) return;
    ui.late = false;
    late.start(PATIENCE);
    draw();
  };
  const usable = () => Boolean(state.company) && !state.blocked && !state.busy && !clicks.held();
  const words = () => {
    if (!state.company) return "Pick a company first.";
    if (state.blocked || state.busy) return state.blocked || state.busy;
    if (clicks.held()) return ui.late ? "Sent. The kernel is busy with a cell; this starts when it is free." : "Asked…";
    if (ui.product) return `Asks Codat to refresh the product ${ui.product} on all connections: its ticked data types, or all of them. The records stay in Codat.`;
    if (state.caution) return state.caution;
    if (!chosen().length) return "Tick the data types to refresh, or refresh them all.";
    return `Asks Codat to read ${state.connection ?? "the source"} again. The records stay in Codat.`;
  };
  /** What it costs, and what is on its way already. */
  const factsText = () => {
    if (!usable() && !state.busy) return "";
    const n = chosen().length;
    const under = (state.running ?? []).filter(({ key }) => chosen().includes(key));
    const cost = n ? `Costs ${count(ui.product ? 1 : n, "request")}, then one every few seconds while it runs.` : "";
    const attached = `${number(under.length)} already in progress and not queued again: ${under.map(({ name }) => name).join(", ")}`;
    return [cost, under.length ? attached : "", withTimes(state.keep ?? "", time.now())].filter(Boolean).join(" ");
  };
  const drawAll = () => {
    const rows = state.everything ?? [];
    more.hidden = !rows.length || Boolean(state.blocked || ui.product);
    setText(more, ui.open ? "Hide what “all” includes" : `What “all” includes`);
    setAttribute(more, "aria-expanded", String(ui.open));
    all.hidden = more.hidden || !ui.open;
    keyed(all.lastChild, rows, ({ platform }) => platform, () => h("div", {}, h("dt", {}), h("dd", {})), (row, { platform, types }) => {
      const busy = types.filter(({ key }) => (state.running ?? []).some((each) => each.key === key)).length;
      setText(row.firstChild, `${platform}: ${count(types.length, "operation")}${busy ? `, ${number(busy)} in progress already` : ""}`);
      setText(row.lastChild, types.map(({ name }) => name).join(" · "));
    });
  };
  /** The client's settings, or one of the company's products. */
  const drawProducts = () => {
    if (ui.company !== (state.company?.id ?? null)) { ui.company = state.company?.id ?? null; ui.product = ""; }
    const offered = state.products ?? [];
    if (!offered.includes(ui.product)) ui.product = "";
    products.hidden = !offered.length;
    keyed(product, ["", ...offered], (key) => key, (key) => h("option", { value: key }), (option, key) => setText(option, key || "the client (general)"));
    product.value = ui.product;
    product.disabled = !usable();
  };
  const ask = () => (ui.asking === selectedButton ? `Refresh ${count(chosen().length, "data type")} of ${state.company?.name}${state.connection ? ` from ${state.connection}` : ""}?` : ui.product ? `Refresh the product ${ui.product} of ${state.company?.name} on all its connections?` : state.confirm);
  const draw = () => {
    drawProducts();
    drawAll();
    setText(facts, factsText());
    setAttribute(facts, "title", facts.textContent || null);
    facts.parentNode.hidden = !facts.textContent && more.hidden;
    const n = chosen().length;
    const everything = ui.product ? `Refresh all of ${ui.product}` : state.total ? `Refresh all ${number(state.total)}` : "Refresh all";
    setText(selectedButton, n ? `Refresh ${number(n)} selected${state.confirm && n > ASK_ABOVE ? "…" : ""}` : "Refresh selected");
    setDisabled(selectedButton, !usable() || !n);
    setText(allButton, state.confirm ? `${everything}…` : everything);
    setDisabled(allButton, !usable());
    setAttribute(allButton, "title", state.connection ? "All connections, not only the one picked: Codat has no such call for a single one" : null);
    setText(sentence, words());
    sentence.classList.toggle("warn", Boolean(state.blocked || (state.caution && !ui.product && usable())));
    if (!state.confirm || !usable() || (ui.asking === selectedButton && !n)) ui.asking = null;
    confirm.hidden = !ui.asking;
    setText(question, (state.confirm && ask()) ?? "");
    setText(yes, `${ui.asking === selectedButton ? selectedButton.textContent.replace("…", "") : everything} now`);
  };

  const sendAll = () => { ui.asking = null; send({ type: "refresh_all" }); draw(); };
  const sendSelected = () => { ui.asking = null; send({ type: "refresh", data_types: chosen() }); draw(); };
  const cancel = () => { const asked = ui.asking; ui.asking = null; draw(); asked?.focus(); };
  const askFirst = (button) => { ui.asking = button; draw(); no.focus(); };
  selectedButton.addEventListener("click", () => {
    if (!usable() || !chosen().length) return;
    if (state.confirm && chosen().length > ASK_ABOVE) askFirst(selectedButton);
    else sendSelected();
  });
  product.addEventListener("change", () => { 
    ui.product = product.value;
    ui.asking = null;
    model.send({ type: "choose_product", company: state.company?.id ?? "", product: ui.product });
    draw();
  });
  more.addEventListener("click", () => { ui.open = !ui.open; draw(); });
  allButton.addEventListener("click", () => {
    if (!usable()) return;
    if (!state.confirm) return sendAll();
    askFirst(allButton);
  });
  yes.addEventListener("click", () => { const asked = ui.asking; (asked === selectedButton ? sendSelected : sendAll)(); asked?.focus(); });
  no.addEventListener("click", cancel);
  onKey(confirm, (event) => { if (event.key === "Escape") { event.stopPropagation(); cancel(); } });

  const off = hear(el, "selection", (told) => { ui.told = told; draw(); });
  const stop = whenAttached(el, () => tell(el, "selection-wanted"));
  return live(model, (next) => { state = next; draw(); }, off, stop, late.stop);
}

export default { render };
