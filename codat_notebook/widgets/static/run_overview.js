// The head of a run over many companies: one bar for all operations, in words as well, and what people have to do.

/**
 * @typedef {{type: string, text: string, title: string=, ask: string=}} ActionButton
 * @typedef {{rule: string, short: string, action: string, companies: number, operations: number, links: number}}
 *   RemedyState
 * @typedef {{text: string, tone: string}} PhaseState
 * @typedef {{title: string, phase: PhaseState, shares: Array<Array<*>>, total: number, ended: number,
 *   companies: Array<number>, per_minute: number|null, end: string|null, note: string,
 *   remedies: Array<RemedyState>, only: string|null, actions: Array<ActionButton>, seq: number}} OverviewState
 */

function render({ model, el, time }) {
  const title = h("b", { class: "title", dir: "auto", role: "heading", "aria-level": "3" });
  const phase = h("span", { class: "c-pill", role: "status" });
  const actions = h("span", { class: "actions" });
  const bar = h("div", { class: "bar", role: "progressbar", "aria-label": "Operations ended", "aria-valuemin": 0 });
  const legend = h("ul", { class: "legend" });
  const figures = h("p", { class: "figures" });
  const note = h("p", { class: "note", role: "status" });
  const remedies = h("ul", { class: "remedies", "aria-label": "What to do" });
  el.append(h("div", { class: "head" }, title, phase, actions), bar, legend, figures, note, remedies);

  const clicks = guard(model);
  const drawActions = actionButtons(actions, clicks, time);
  let state = {};
  const buttons = new Map(); // rule -> the button that waits for its link URLs
  const links = (content) => {
    if (content?.type !== "links" || !buttons.has(content.rule)) return;
    copyText(buttons.get(content.rule), content.text);
    buttons.delete(content.rule);
  };
  model.on("msg:custom", links);

  const makeRemedy = ({ rule }) => {
    const copy = h("button", { class: "c-btn small", type: "button" });
    copy.addEventListener("click", () => { buttons.set(rule, copy); model.send({ type: "links", rule }); });
    const only = h("button", { class: "c-chip", type: "button", onclick: () => clicks.send({ type: "only", rule }, true) });
    return h("li", {}, h("span", { class: "who" }, only, h("span", { class: "c-dim" })), h("p", {}, h("b", {}), " ", h("span", {})), copy);
  };
  const drawRemedy = (item, { rule, short, action, companies, operations, links: urls }) => {
    const [who, words, copy] = item.children;
    setText(who.firstChild, count(companies, "company", "companies"));
    setText(who.lastChild, count(operations, "operation"));
    const on = state.only === rule;
    who.firstChild.classList.toggle("on", on);
    setAttribute(who.firstChild, "aria-pressed", String(on));
    setAttribute(who.firstChild, "title", on ? "Show all companies below again" : "Show only these companies in the table below");
    setText(words.firstChild, short);
    setTimedText(words.lastChild, action, time.now());
    copy.hidden = !urls;
    const label = urls === 1 ? "Copy the link URL" : `Copy ${number(urls)} link URLs`;
    if (copy.codatLabel !== label) { copy.codatLabel = label; setText(copy, label); }
  };
  const drawFigures = () => {
    const { total = 0, ended = 0, companies = [0, 0], per_minute: rate, end } = state;
    const now = time.now();
    drawActions(state.actions ?? []);
    setTimedText(note, state.note, now);
    const at = end ? `end expected at ${clockTime(end, now)}` : "";
    const left = now === null ? null : -secondsSince(end, now);
    const words = [
      `${number(ended)} of ${count(total, "operation")} ended`,
      `${number(companies[0])} of ${count(companies[1], "company", "companies")} ended`,
      rate ? `${number(rate)} a minute` : "",
      !end || left === null ? at : left > 0 ? `${at}, in ${duration(left)}` : "end expected any moment",
    ];
    setText(figures, words.filter(Boolean).join(" · "));
    setAttribute(figures, "title", end ? `${end.replace("T", " ").slice(0, 19)} UTC; shown in ${zoneText()}` : null);
  };
  return live(model, (next) => {
    state = next;
    const { shares = [], total = 0, ended = 0 } = next;
    setText(title, next.title ?? "");
    phase.className = `c-pill ${next.phase?.tone ?? "idle"}`;
    setText(phase, next.phase?.text ?? "");
    keyed(bar, shares, ([name]) => name, () => h("i", {}), (part, [, , tone, many]) => { part.className = tone; part.style.flexGrow = many; });
    setAttribute(bar, "aria-valuemax", total);
    setAttribute(bar, "aria-valuenow", ended);
    keyed(legend, shares, ([name]) => name, () => h("li", {}, h("i", {}), h("b", {}), h("span", {})), (item, [, words, tone, many]) => {
      item.firstChild.className = tone;
      setText(item.children[1], number(many));
      setText(item.lastChild, words);
    });
    note.hidden = !next.note;
    keyed(remedies, next.remedies ?? [], ({ rule }) => rule, makeRemedy, drawRemedy);
    remedies.hidden = !next.remedies?.length;
    drawFigures();
  }, time.each(drawFigures), () => model.off("msg:custom", links));
}

export default { render };
