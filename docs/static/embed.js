// Draws the widgets with which a notebook was saved, without a kernel and without a network. It knows boxes, labels and
// the parts of codat_notebook, which bring their own scripts; html-manager, which knows all widgets, has 3.6 MB.

const json = (kind) => [...document.querySelectorAll(`script[type="application/vnd.jupyter.widget-${kind}+json"]`)];
const states = Object.assign({}, ...json("state").map((script) => JSON.parse(script.textContent).state));
const stateOf = (reference) => states[reference?.replace("IPY_MODEL_", "")]?.state ?? {};
const model = (state) => ({
  comm_live: false, // so the parts say that they are not live, and as of when
  widget_manager: { get_model: async (id) => model(stateOf(id)) },
  get: (name) => state[name],
  on() {}, off() {}, send() {}, set() {}, save_changes() {},
});

async function draw(reference, place) {
  const state = stateOf(reference);
  const el = place.appendChild(document.createElement("div"));
  el.classList.add(...(state._dom_classes ?? []));
  for (const [name, value] of Object.entries(stateOf(state.layout)))
    if (value && !name.startsWith("_")) el.style.setProperty(name.replaceAll("_", "-"), value);
  if (state._esm) {
    const url = URL.createObjectURL(new Blob([state._esm], { type: "text/javascript" }));
    await (await import(url)).default.render({ model: model(state), el });
  } else if (state.children) {
    Object.assign(el.style, { display: "flex", flexDirection: state._model_name === "VBoxModel" ? "column" : "row" });
    for (const child of state.children) await draw(child, el);
  } else el.textContent = state.value ?? "";
}

for (const view of json("view")) {
  const place = Object.assign(document.createElement("div"), { className: "widget-drawn" });
  view.after(place);
  draw(JSON.parse(view.textContent).model_id, place).catch(reportError);
}
