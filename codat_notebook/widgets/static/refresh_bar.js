// The buttons that start refreshes. Their number is told by the list of data types, here in the browser.

const PATIENCE = 1500; // milliseconds until an unanswered click is explained

function render({ model, el }) {
  keepKeys(el);
  const id = uid("bar");
  const selectedButton = h("button", { class: "c-btn go codat-refresh", type: "button", "aria-describedby": id });
  const allButton = h("button", { class: "c-btn codat-refresh-all", type: "button", "aria-describedby": id });
  const sentence = h("span", { id, class: "sentence c-dim", role: "status" });
  const question = h("span", { id: `${id}-question` });
  const yes = h("button", { class: "c-btn go", type: "button" });
  const no = h("button", { class: "c-btn", type: "button" }, "Cancel");
  const confirm = h("div", { class: "confirm", role: "alertdialog", "aria-labelledby": `${id}-question` }, question, h("div", {}, yes, no));
  el.append(h("div", { class: "row" }, selectedButton, allButton, sentence), confirm);

  const clicks = guard(model);
  const ui = { told: null, asking: false, late: false, timer: 0 };
  let state = {};
  const chosen = () => {
    if (!state.company) return [];
    if (!ui.told) return state.selected ?? [];
    return ui.told.company === state.company.id ? ui.told.selected : [];
  };
  const send = (message) => {
    if (!state.company || !clicks.send({ ...message, company: state.company.id })) return;
    ui.late = false;
    clearTimeout(ui.timer);
    ui.timer = setTimeout(() => { ui.late = true; draw(); }, PATIENCE);
    draw();
  };
  const usable = () => Boolean(state.company) && !state.blocked && !state.busy && !clicks.held();
  const words = () => {
    if (!state.company) return "Pick a company first.";
    if (state.blocked || state.busy) return state.blocked || state.busy;
    if (clicks.held()) return ui.late ? "Asked. The kernel is busy with a cell; this starts when it is free." : "Asked…";
    if (!chosen().length) return "Tick the data types to refresh, or refresh them all.";
    return state.connection ? `Asks Codat to read ${state.connection} again. The records stay in Codat.` : state.what;
  };
  const draw = () => {
    const n = chosen().length;
    const all = state.total ? `Refresh all ${number(state.total)}` : "Refresh all";
    setText(selectedButton, n ? `Refresh ${number(n)} selected` : "Refresh selected");
    setDisabled(selectedButton, !usable() || !n);
    setText(allButton, state.confirm ? `${all}…` : all);
    setDisabled(allButton, !usable());
    setAttribute(allButton, "title", state.connection ? "All connections, not only the one picked: Codat cannot do it otherwise" : null);
    setText(sentence, words());
    sentence.classList.toggle("warn", Boolean(state.blocked));
    if (!state.confirm || !usable()) ui.asking = false;
    confirm.hidden = !ui.asking;
    setText(question, state.confirm ?? "");
    setText(yes, `${all} now`);
  };

  const everything = () => { ui.asking = false; send({ type: "refresh_all" }); draw(); };
  const cancel = () => { ui.asking = false; draw(); allButton.focus(); };
  selectedButton.addEventListener("click", () => { if (usable() && chosen().length) send({ type: "refresh", data_types: chosen() }); });
  allButton.addEventListener("click", () => {
    if (!usable()) return;
    if (!state.confirm) return everything();
    ui.asking = true;
    draw();
    no.focus();
  });
  yes.addEventListener("click", () => { everything(); allButton.focus(); });
  no.addEventListener("click", cancel);
  confirm.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.stopPropagation(); cancel(); } });

  const off = hear(el, "selection", (told) => { ui.told = told; draw(); });
  const stop = whenAttached(el, () => tell(el, "selection-wanted"));
  return live(model, (next) => { state = next; draw(); }, off, stop, () => clearTimeout(ui.timer));
}

export default { render };
