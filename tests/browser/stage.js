// The front end's half of the stage: a model as anywidget hands one to a part, fed by server-sent events.
const parameters = new URLSearchParams(location.search);
// The variables of JupyterLab 4's two themes that our styles read.
const THEMES = {
  light: { "--jp-layout-color0": "white", "--jp-layout-color1": "white", "--jp-layout-color2": "#eee", "--jp-border-color1": "#bdbdbd",
    "--jp-ui-font-color1": "rgba(0,0,0,.87)", "--jp-ui-inverse-font-color1": "rgba(255,255,255,1)", "--jp-brand-color1": "#1976d2", "--jp-brand-color3": "#bbdefb" },
  dark: { "--jp-layout-color0": "#111", "--jp-layout-color1": "#212121", "--jp-layout-color2": "#424242", "--jp-border-color1": "#616161",
    "--jp-ui-font-color1": "rgba(255,255,255,1)", "--jp-ui-inverse-font-color1": "rgba(0,0,0,.87)", "--jp-brand-color1": "#2196f3", "--jp-brand-color3": "#1976d2" },
};

window.stageTheme = (name) => {
  for (const key of Object.keys(THEMES.light)) document.body.style.removeProperty(key);
  for (const [key, value] of Object.entries(THEMES[name] ?? {})) document.body.style.setProperty(key, value);
  if (name === "plain") delete document.body.dataset.jpThemeLight;
  else document.body.dataset.jpThemeLight = String(name === "light");
};

// The files that draw the parts: widgets of their own, found by their ids, as in any front end.
const widgets = new Map();
const looks = new Set();
// Whether a kernel stands behind the widgets, as the front end tells them.
window.stageLive = async (live) => {
  for (const values of await Promise.all(widgets.values())) values.comm_live = live;
  for (const look of looks) look();
};
async function known(id) {
  const answer = await fetch(`/widget/${id}`);
  if (answer.ok) return answer.json();
  widgets.delete(id);
  throw new Error("widget model not found");
}
async function getModel(id) {
  const values = await (widgets.get(id) ?? widgets.set(id, known(id)).get(id));
  return Object.assign(values, { get: (name) => values[name], on: (_, look) => { looks.add(look); }, off: (_, look) => looks.delete(look) });
}

class Model {
  constructor(number, values) {
    this.number = number;
    this.values = values;
    this.widget_manager = { get_model: getModel };
    this.handlers = new Map();
  }
  get(name) { return this.values[name]; }
  set() { throw new Error("A part never sets a trait: it sends a message."); }
  save_changes() { throw new Error("A part never saves changes: it sends a message."); }
  on(event, handler) {
    if (!this.handlers.has(event)) this.handlers.set(event, new Set());
    this.handlers.get(event).add(handler);
  }
  off(event, handler) {
    if (handler) this.handlers.get(event)?.delete(handler);
    else this.handlers.delete(event);
  }
  send(content) {
    // One after the other, as on a kernel's channel.
    queued = queued.then(() => fetch("/send", { method: "POST", body: JSON.stringify({ part: this.number, content }) }));
  }
  hear(content, buffers) {
    for (const handler of this.handlers.get("msg:custom") ?? []) handler(content, buffers);
    if (content.type === "time") window.stageTime = true; // the parts know what time it is
  }
  receive(state) {
    this.values.state = state;
    for (const handler of this.handlers.get("change:state") ?? []) handler();
  }
}

let queued = Promise.resolve();
const models = [];

async function mount(number) {
  const { classes, ...values } = await (await fetch(`/traits/${number}`)).json();
  const style = document.createElement("style");
  style.textContent = await (await fetch(`/style/${number}`)).text();
  document.head.append(style);
  models[number] = new Model(number, values);
  await view(number, classes, `part-${number}`);
}

/** A view of a part; there may be several. */
window.stageView = view;
async function view(number, classes, id, parent = document.body) {
  const element = document.createElement("div");
  element.id = id;
  element.classList.add("stage-part", ...classes);
  parent.append(element);
  const model = models[number];
  const exported = (await import(`/module/${number}`)).default;
  const part = typeof exported === "function" ? await exported() : exported;
  await part.initialize?.({ model });
  await part.render({ model, el: element });
}

window.stageTheme(parameters.get("theme") ?? "light");
const events = new EventSource("/events");
events.onmessage = ({ data }) => {
  const { part, state, content, buffers } = JSON.parse(data);
  if (state) models[part]?.receive(state);
  else models[part]?.hear(content, buffers.map((each) => new DataView(Uint8Array.from(atob(each), (c) => c.charCodeAt(0)).buffer)));
};
await new Promise((resolve) => { events.onopen = resolve; });
for (let number = 0; number < Number(parameters.get("parts")); number++) await mount(number);
window.stageReady = true;
