// The form that connects. A typed key is sent in one message and gone from the field at once; nothing here keeps it.

/**
 * @typedef {{why: string, do: string, way: string, correlation_id: string|null}} ProblemState
 * @typedef {{address: string, ways: Array<string>, read_only: boolean, variable: string|null, host: string,
 *   required: boolean, connecting: string|null, until: string|null, problem: ProblemState|null, connection: number, seq: number}}
 *   ConnectState
 */

const WAYS = {
  sandbox: ["Sandbox", "An embedded Codat on this machine with made-up companies. It needs no key and no network, and you cannot break anything."],
  environment: ["Key of the environment", ""],
  key: ["Another key", ""],
};

function render({ model, el, time }) {
  const id = uid("connect");
  const close = h("button", { class: "close", type: "button", "aria-label": "Close" }, "✕");
  const input = h("input", { id: `${id}-typed`, class: "c-field", type: "password", autocomplete: "off", spellcheck: "false", placeholder: "Paste the API key", "aria-describedby": `${id}-typed-note` });
  const readOnly = h("input", { type: "checkbox", id: `${id}-read-only` });
  const buttons = {
    sandbox: h("button", { class: "c-btn", type: "button" }, "Open the sandbox"),
    environment: h("button", { class: "c-btn", type: "button" }),
    key: h("button", { class: "c-btn", type: "button" }, "Connect"),
  };
  const notes = { sandbox: h("p", { class: "c-dim" }, WAYS.sandbox[1]), environment: h("p", { class: "c-dim" }), key: h("p", { class: "c-dim", id: `${id}-typed-note` }) };
  const way = (name, ...inside) => h("section", { class: `way ${name}`, role: "group", "aria-labelledby": `${id}-${name}` },
    h("h4", { id: `${id}-${name}` }, WAYS[name][0], " ", h("span", { class: `tag ${name === "sandbox" ? "" : "live"}` }, name === "sandbox" ? "made-up data" : "LIVE")), notes[name], ...inside);
  const waiting = h("span", { class: "waiting", role: "status" });
  const cancel = h("button", { class: "c-btn small", type: "button" }, "Cancel");
  const problem = h("div", { class: "problem", role: "alert" }, h("b", {}), " ", h("span", {}), h("p", { class: "c-dim c-mono" }));
  el.setAttribute("role", "region");
  el.setAttribute("aria-label", "Connect to Codat");
  const head = h("div", { class: "head" }, h("h3", {}, "Connect to Codat"), close);
  const sections = {
    sandbox: way("sandbox", buttons.sandbox),
    environment: way("environment", buttons.environment),
    key: way("key", h("label", { class: "c-sr", for: input.id }, "API key"), h("div", { class: "typed" }, input, buttons.key)),
  };
  const ways = h("div", { class: "ways" });
  const foot = h("div", { class: "foot" },
    h("label", { class: "read-only", for: readOnly.id }, readOnly, h("span", {}, "Read only ", h("span", { class: "c-dim" }, "shows everything, queues nothing"))),
    h("span", { class: "under-way" }, waiting, cancel));
  let offered = null;
  // Only what the kernel offers is on the page. It refuses the rest, whatever is sent from here.
  const offer = (names) => {
    if (offered === names.join()) return;
    offered = names.join();
    ways.replaceChildren(...names.map((name) => sections[name]));
    sections.key.querySelector("h4").firstChild.textContent = names.includes("environment") ? "Another key" : "Your own key";
    el.replaceChildren(...(names.length ? [head, problem, ways, foot] : [problem]));
  };

  const clicks = guard(model);
  const ui = { open: false, connection: null };
  let state = {};
  const shown = () => Boolean(state.required || (ui.open && state.ways?.length) || state.connecting);
  const busy = () => Boolean(state.connecting) || clicks.held();
  const send = (message) => {
    if (busy() || !clicks.send({ type: "connect", read_only: readOnly.checked, ...message })) return;
    draw();
  };
  const sendKey = () => {
    const key = input.value;
    if (!key.trim()) return input.focus();
    if (busy()) return;
    input.value = ""; // before anything else: what is saved, shot or restored holds no key
    send({ way: "key", key });
  };
  const show = (open) => {
    if (state.required || ui.open === open) return;
    ui.open = open;
    draw();
    if (open) [buttons.environment, input, buttons.sandbox].find((each) => each.isConnected && !each.hidden)?.focus();
    else tell(el, "connect-closed");
  };
  const wait = () => {
    const words = state.connecting || (clicks.held() ? "Connecting" : "");
    setText(waiting, words && waitText(words, state.until, time));
  };

  const draw = () => {
    const { variable, host, address, required, connecting, problem: trouble } = state;
    offer(state.ways ?? []);
    el.hidden = !shown();
    close.hidden = Boolean(required);
    setText(notes.environment, variable ? `${variable} is set in the environment of ${host}. It goes to ${address}.` : `No key is set. Set CODAT_API_KEY before you start ${host} to have it offered here.`);
    setText(buttons.environment, variable ? `Connect with ${variable}` : "Connect");
    buttons.environment.hidden = !variable;
    buttons.environment.classList.toggle("go", Boolean(variable));
    buttons.sandbox.classList.toggle("go", !variable);
    setText(notes.key, `Goes to ${address} alone. Kept in memory only, never in a cell, a file or a log.`);
    for (const button of Object.values(buttons)) setDisabled(button, busy());
    input.readOnly = busy();
    readOnly.disabled = Boolean(state.read_only);
    if (state.read_only) readOnly.checked = true;
    cancel.hidden = !connecting;
    setText(problem.children[0], trouble?.why ?? "");
    setText(problem.children[1], trouble?.do ?? "");
    setText(problem.children[2], trouble?.correlation_id ? `correlation id ${trouble.correlation_id}` : "");
    problem.children[2].hidden = !trouble?.correlation_id;
    problem.hidden = !trouble || busy();
    setAttribute(input, "aria-invalid", !problem.hidden && trouble.way === "key" ? "true" : null);
    waiting.parentNode.classList.toggle("busy", busy());
    wait();
    el.closest(".codat-console")?.setAttribute("data-connected", required ? "no" : "yes");
    tell(el, "connect-shown", { open: shown() });
  };

  buttons.sandbox.addEventListener("click", () => send({ way: "sandbox" }));
  buttons.environment.addEventListener("click", () => send({ way: "environment" }));
  buttons.key.addEventListener("click", sendKey);
  onKey(input, (event) => { if (event.key === "Enter") { event.preventDefault(); sendKey(); } });
  cancel.addEventListener("click", () => model.send({ type: "cancel", seq: Date.now() }));
  close.addEventListener("click", () => show(false));
  onKey(el, (event) => { if (event.key === "Escape" && shown() && !state.required) { event.stopPropagation(); show(false); } });
  const off = hear(el, "connect-wanted", () => show(!ui.open));
  let stop = () => {};
  return live(model, (next) => {
    state = next;
    if (ui.connection !== next.connection) [ui.connection, ui.open] = [next.connection, false];
    draw();
    stop();
    stop = whenAttached(el, draw);
  }, off, time.each(wait), () => stop());
}

export default { render };
