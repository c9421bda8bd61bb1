// Draws a part by its files: the page wears the styles, the scripts are joined to one module, which gets the model and
// the time (clock.js, joined in front).

const PATIENCE = 2000; // milliseconds in which a free kernel has told the time

// JupyterLab takes keys for the notebook's commands wherever the focus is (d d deletes a cell, Ctrl Z in a text field
// brings a cell back), unless the element in focus has this attribute, which keeps all keys from it. So each key sets it
// anew, before JupyterLab hears of the key: on its way down in old versions, on its way up in others. Those keep a text
// field from undoing once they have heard of Ctrl, or Ctrl Z, so what is kept is stopped as well.
const [SUPPRESS, TEXT] = ["data-lm-suppress-shortcuts", "textarea, input:not([type='checkbox'])"];
const modified = (event) => event.ctrlKey || event.metaKey || event.altKey;

/** Whether a key is not for the notebook: a plain one, or one by which text is edited. Letters as JupyterLab reads them. */
function isKept(event) {
  if (!modified(event)) return true;
  if (event.altKey || !event.target.matches(TEXT)) return false;
  const letter = String.fromCharCode(event.keyCode);
  return /^(Control|Meta|Arrow|Home|End|Backspace|Delete)/.test(event.key) || "YZ".includes(letter) || (!event.shiftKey && "ACVX".includes(letter));
}
window.addEventListener("keydown", (event) => {
  if (event.target.closest?.(".codat-part")) event.target.toggleAttribute(SUPPRESS, isKept(event));
}, { capture: true });

/** Put all styles of a bundle on at once, where they reach an element (marimo and Panel draw in shadow roots): each change
    of a page's styles makes the browser look at all of it again. */
function wear(el, name, files) {
  const text = Object.entries(files).filter(([file]) => file.endsWith(".css")).map(([, css]) => css).join("\n");
  const [root, id] = [el.getRootNode(), `codat-${name}`];
  const place = root instanceof ShadowRoot ? root : document.head;
  const style = place.querySelector(`#${id}`) ?? place.appendChild(Object.assign(document.createElement("style"), { id }));
  if (style.textContent !== text) style.textContent = text;
}

/** The model as a part sees it: a state that travelled packed is opened before the part hears of it, in order. `asOf()`
    is when it was written. */
async function opened(model, unpack) {
  const open = async (state) => (typeof state === "string" ? JSON.parse(await unpack(state)) : state);
  const listeners = new Set();
  let state, asOf, turn = Promise.resolve();
  const take = () => {
    const sent = model.get("state");
    turn = turn.then(async () => {
      ({ as_of: asOf, ...state } = await open(sent));
      for (const listen of [...listeners]) try { listen(); } catch (error) { reportError(error); }
    });
    return turn;
  };
  model.on("change:state", take);
  await take();
  return Object.assign(Object.create(model), {
    asOf: () => asOf ?? {},
    get: (name) => (name === "state" ? state : model.get(name)),
    on: (name, listen) => (name === "change:state" ? listeners.add(listen) : model.on(name, listen)),
    off: (name, listen) => (name === "change:state" ? listeners.delete(listen) : model.off(name, listen)),
    // JupyterLab throws where the kernel was shut down; that nothing is live any more is told by watchKernel.
    send: (message) => { try { model.send(message); } catch (error) { if (error.message !== "Cannot send") throw error; } },
    end: () => model.off("change:state", take),
  });
}

/** Say so, and as of when, where no kernel stands behind what is shown: in a file that was opened, after a restart; or
    where it has not told the time for a while, since it runs a cell. */
function watchKernel(el, kernel, time) {
  const note = Object.assign(document.createElement("div"), { className: "c-stale" });
  note.setAttribute("role", "status");
  let patient = true;
  const look = () => {
    const live = kernel.comm_live !== false;
    const at = new Date(time.asOf());
    const when = Number.isNaN(at.getTime()) ? "" : `, as of ${at.toLocaleString("sv-SE").slice(0, 16)} (${Intl.DateTimeFormat().resolvedOptions().timeZone})`;
    note.textContent = live ? `This is what was shown last${when}. The kernel is busy, perhaps with a cell; it is updated as soon as the kernel is free.`
      : `Not live: this is what was shown last${when}. Run the cell to see the current state.`;
    if (!live || (time.waits() && !patient)) el.prepend(note); else note.remove();
  };
  const change = () => { time.kernel(); look(); };
  const timer = setTimeout(() => { patient = false; look(); }, PATIENCE);
  const off = time.each(look);
  kernel.on?.("comm_live_update", change);
  look();
  return () => { clearTimeout(timer); off(); kernel.off?.("comm_live_update", change); };
}

export async function load(context, widgets, bundles, { once, unpack, module }) {
  const [{ el }, names, files] = [context, context.model.get("drawn_by"), Object.assign({}, ...bundles)];
  el.classList.add(...context.model.get("worn")); // not every front end puts on _dom_classes
  const wearAll = () => widgets.forEach((widget, n) => wear(el, widget.get("name"), bundles[n]));
  wearAll();
  if (!el.isConnected) requestAnimationFrame(wearAll); // only now it is known where it hangs
  const script = names.filter((name) => name.endsWith(".js")).map((name) => files[name]).join("\n");
  const part = await once(script, () => module(script));
  const model = await opened(context.model, unpack);
  const time = timeFor(model, () => widgets[0].comm_live !== false);
  context.el.addEventListener("keydown", (event) => { if (isKept(event)) event.stopPropagation(); });
  const copied = ({ detail: text }) => { if (text.includes("://")) model.send({ type: "copied", text }); };
  context.el.addEventListener("codat-copied", copied); // the kernel remembers when a link was handed out
  const end = part.default.render({ ...context, model, time });
  const away = watchKernel(context.el, widgets[0], time);
  return () => { away(); time.end(); model.end(); end?.(); };
}
