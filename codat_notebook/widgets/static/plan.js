// A plan of refreshes: what of the data is meant, what it comes to, and the buttons. The plan on screen is the question.

/**
 * @typedef {{name: string, types: Array<string>}} ReportSet
 * @typedef {{empty: string, busy: string, live: boolean, read_only: boolean, sets: Array<ReportSet>,
 *   types: Array<FacetState>, scopes: Array<Array<string>>, scope: string, lines: Array<string>, skipped: string,
 *   folded: boolean, queued: number, digest: string, changed: boolean, keep: string, seq: number}} PlanState
 */

const CHANGED = "The plan has changed since it was shown. This is how it stands now.";
const FOR_GOOD = "This cannot be undone: Codat finishes what is queued.";
const READ_ONLY = "This page is read-only. Save the plan: codat-notebook refresh --plan FILE runs it where refreshes are allowed.";

function render({ model, el, time }) {
  const id = uid("plan");
  const clicks = guard(model);
  let state = {}, asked = null, said = "";
  const now = () => (clicks.held() && asked ? asked : { types: state.types?.[0]?.chosen ?? [], scope: state.scope });
  const ask = (message) => {
    asked = { ...now(), ...(message.values ? { types: message.values } : { scope: message.scope }) };
    clicks.send(message, true);
    draw();
  };

  const chips = h("span", { class: "chips", role: "group", "aria-label": "Groups of data types" });
  const facets = facetBar(ask);
  const scope = h("select", { class: "c-field small", id: `${id}-scope`, onchange: () => ask({ type: "scope", scope: scope.value }) });
  const chooser = h("div", { class: "chooser" }, h("span", { class: "c-dim" }, "Refresh"), chips, facets.element, h("span", { class: "scope" }, h("label", { class: "c-dim", for: `${id}-scope` }, "that is"), scope));
  const badge = h("b", { class: "badge" }, "LIVE"), head = h("b"), more = h("span", {});
  const skipped = h("span", {}), fold = h("button", { class: "c-link", type: "button", onclick: () => clicks.send({ type: "fold", folded: !state.folded }) });
  const told = h("div", { class: "told", id }, h("p", { role: "status" }, badge, head, " ", more), h("p", { class: "c-dim" }, skipped, " ", fold));
  const run = h("button", { class: "c-btn go", type: "button", "aria-describedby": id, onclick: () => { if (!run.getAttribute("aria-disabled")) { clicks.send({ type: "run", digest: state.digest }); draw(); } } });
  const save = h("button", { class: "c-btn", type: "button", onclick: () => { if (!save.getAttribute("aria-disabled")) files.start("csv"); } }, "Save plan…");
  const leave = h("button", { class: "c-btn", type: "button", onclick: () => clicks.send({ type: "leave" }) }, "Cancel");
  const files = exporter(model, save, (words) => { said = words; draw(); }, () => "row", () => "");
  const note = h("span", { class: "c-dim", role: "status" });
  const empty = h("p", { class: "empty c-dim", role: "status" });
  el.append(empty, chooser, told, h("div", { class: "act" }, run, save, files.stop, leave, note));

  function drawChooser() {
    const facet = state.types?.[0];
    const { types, scope: chosen } = now();
    const sets = [{ name: "Everything", types: [] }, ...(state.sets ?? [])];
    const on = (set) => (set.types.length ? set.types.every((key) => types.includes(key)) : !types.length);
    const toggled = (set) => (!set.types.length ? [] : on(set) ? types.filter((key) => !set.types.includes(key)) : [...new Set([...types, ...set.types])]);
    keyed(chips, sets, ({ name }) => name, ({ name }) => h("button", { class: "c-chip", type: "button", onclick: () => ask({ type: "facet", column: "data_type", values: toggled(chips.codatSets.find((set) => set.name === name)) }) }, name), (chip, set) => {
      chip.classList.toggle("on", on(set));
      setAttribute(chip, "aria-pressed", String(on(set)));
    });
    chips.codatSets = sets;
    facets.draw(facet ? [{ ...facet, chosen: types }] : [], true);
    keyed(scope, state.scopes ?? [], ([value]) => value, ([value]) => h("option", { value }), (option, [, words]) => setText(option, words));
    scope.value = chosen ?? "";
  }

  function draw() {
    const { lines = [], queued, read_only: readOnly, busy, keep } = state;
    const some = lines.length > 0;
    el.dataset.phase = some ? "plan" : "none";
    empty.hidden = some;
    setText(empty, state.empty ?? "");
    chooser.hidden = told.hidden = run.parentNode.hidden = !some;
    if (!some) return;
    drawChooser();
    badge.hidden = !state.live;
    setText(head, lines[0]);
    setTimedText(more, lines.slice(1).join(" "), time.now());
    skipped.parentNode.hidden = !state.skipped;
    setText(skipped, state.skipped);
    setText(fold, state.folded ? "Show" : "Hide");
    setAttribute(fold, "aria-label", `${state.folded ? "Show" : "Hide"} what is skipped`);
    run.hidden = readOnly;
    save.classList.toggle("go", Boolean(readOnly));
    setText(run, `Refresh ${count(queued, "data type")}`);
    setDisabled(run, !queued || Boolean(busy) || clicks.held());
    setText(note, said || busy || (readOnly ? READ_ONLY : state.changed ? CHANGED : !queued ? "" : [keep, state.live && FOR_GOOD].filter(Boolean).join(" ")));
    note.classList.toggle("warn", !said && !busy && state.changed);
  }
  return live(model, (next) => { state = next; if (!clicks.held()) asked = null; draw(); }, time.each(draw), facets.end, files.end);
}

export default { render };
