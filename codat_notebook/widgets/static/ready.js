// Is the company ready? What is asked stands above, the verdict with its reasons below. What the reader chooses stands at
// once; the verdict follows when the kernel has answered.

/**
 * @typedef {{about: string, what: string, action: string}} ReadyLine
 * @typedef {{text: string, link: string|null}} ReadyAction
 * @typedef {{company: string|null, purposes: Array<Array<string>>, purpose: string, period_end: string,
 *   sources: Array<string>, badge: Array<string>|null, summary: string, lines: Array<ReadyLine>,
 *   notes: Array<ReadyLine>, actions: Array<ReadyAction>, closing: Array<string>, checked: string|null,
 *   refresh: string|null, ask: string|null, blocked: string|null, empty: string, seq: number}} ReadyState
 */

const KINDS = ["accounting", "bank", "commerce"];

function render({ model, el, time }) {
  const id = uid("ready");
  const clicks = guard(model);
  const purposes = h("span", { class: "chips", role: "group", "aria-label": "Ready for what" });
  const more = h("select", { class: "c-field small", "aria-label": "Other purposes" });
  const period = h("input", { class: "c-field small", type: "date", id: `${id}-period` });
  const sources = h("span", { class: "chips", role: "group", "aria-label": "Sources that count" });
  const badge = h("span", { class: "c-pill" });
  const summary = h("b");
  const verdict = h("p", { class: "verdict", role: "status" }, badge, " ", summary);
  const reasons = h("ul", {});
  const buttons = h("div", { class: "buttons" });
  const why = h("span", { class: "c-dim" });
  const closing = h("p", { class: "c-dim" });
  el.append(
    h("div", { class: "asked" }, h("span", { class: "group" }, h("span", { class: "c-dim" }, "For"), purposes, more),
      h("span", { class: "group" }, h("label", { class: "c-dim", for: `${id}-period` }, "Period ends"), period),
      h("span", { class: "group" }, h("span", { class: "c-dim" }, "Of"), sources)),
    reachable(h("div", { class: "found", role: "region", "aria-label": "Verdict" }, verdict, reasons, h("div", { class: "act" }, buttons, why), closing)),
  );
  let state = {};
  let asked = {}; // what is chosen here, until the kernel's state has it
  const now = () => (clicks.held() ? { ...state, ...asked } : state);

  const choose = (values) => {
    const { purpose, period_end, sources: kinds } = { ...now(), ...values };
    asked = { purpose, period_end, sources: kinds };
    clicks.send({ type: "ask_ready", ...asked }, true);
    draw();
  };
  const chips = (box, names, on, pick) => keyed(box, names, (name) => name, (name) => h("button", { class: "c-chip", type: "button", onclick: () => pick(name) }, name), (chip, name) => {
    chip.classList.toggle("on", on(name));
    setAttribute(chip, "aria-pressed", String(on(name)));
  });
  const toggled = (kind) => KINDS.filter((each) => (each === kind) !== now().sources.includes(each));
  more.addEventListener("change", () => { if (more.value) choose({ purpose: more.value }); });
  period.addEventListener("change", () => choose({ period_end: period.value }));
  const plan = { held: clicks.held, send: (message) => clicks.send({ ...message, company: state.company }) };
  const drawButtons = actionButtons(buttons, plan, time);
  const links = h("div", { class: "links" });
  buttons.after(links);

  const item = ({ about, what, action }) => [about && h("b", {}, `${about}: `), what, action && h("span", { class: "do" }, ` → ${action}`)];
  const draw = () => {
    const { purpose = "", period_end = "", sources: kinds = [], purposes: [first, others] = [[], []] } = now();
    chips(purposes, first, (name) => name === purpose, (name) => choose({ purpose: name }));
    keyed(more, ["", ...others], (name) => name, (name) => h("option", { value: name }, name || "more…"));
    more.value = others.includes(purpose) ? purpose : "";
    if (period.value !== period_end && document.activeElement !== period) period.value = period_end;
    chips(sources, KINDS, (name) => kinds.includes(name), (name) => { if (toggled(name).length) choose({ sources: toggled(name) }); });
    const [word, tone] = state.badge ?? ["", "idle"];
    badge.hidden = !state.badge;
    badge.className = `c-pill ${tone}`;
    setText(badge, `${signOf(tone)} ${word}`);
    setText(summary, state.badge ? state.summary : state.empty ?? "");
    const rows = [...(state.lines ?? []), ...(state.notes ?? []).map((row) => ({ ...row, note: true }))];
    keyed(reasons, rows, (row) => JSON.stringify(row), (row) => h("li", { class: row.note ? "c-dim" : null }, row.note && "Note: ", ...item(row)));
    drawButtons(state.refresh && !state.blocked ? [{ type: "run_plan", text: state.refresh, ask: state.ask, title: "The fewest refreshes that could make it ready" }] : []);
    keyed(links, (state.actions ?? []).filter(({ link }) => link), ({ link }) => link, ({ text, link }) => {
      const button = h("button", { class: "c-btn small", type: "button" }, "Copy link");
      button.addEventListener("click", () => copyText(button, link));
      return h("div", {}, button, " ", h("span", { class: "c-dim" }, text));
    });
    setText(why, state.blocked ?? "");
    setTimedText(closing, state.checked ? `${(state.closing ?? []).join(" ")} Checked ${state.checked}.` : "", time.now());
  };
  return live(model, (next) => { state = next; draw(); }, time.each(draw));
}

export default { render };
