// The company field: a combobox after the ARIA pattern. The list stands in the browser's top layer, so that no box
// around it (a notebook's output, the console's frame) can cut it off.

/**
 * @typedef {{text: string, status: "searching"|"ready"|"error", results: Array<CompanyName>, more: number,
 *   error: string=}} SearchState
 * @typedef {{id: string, name: string, note: string=}} CompanyName
 * @typedef {{company: CompanyName|null, tags: Array<Array<string>>, portal: string|null, loading: boolean,
 *   search: SearchState|null, recent: Array<CompanyName>, error: string|null, typed: string|null, opened: boolean,
 *   run: string|null, seq: number}} CompanyState
 */

const ID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/i;
const NEARLY_ID = /^[0-9a-f-]{16,}$/i;
const [PAUSE, PATIENCE] = [200, 2500]; // milliseconds: before a search is sent; before a late answer is spoken of

function render({ model, el }) {
  const id = uid("company");
  const input = h("input", {
    id, class: "c-cut", role: "combobox", type: "text", autocomplete: "off", spellcheck: "false", placeholder: "Search by name, or paste an id",
    "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": `${id}-list`, "aria-describedby": `${id}-error`,
  });
  const field = h("div", { class: "c-field field" }, input);
  const copy = h("button", { class: "id c-mono", type: "button", title: "Copy the id" });
  const portal = h("a", { class: "c-link", target: "_blank", rel: "noopener noreferrer", title: "Open this company in the Codat portal" }, "In Codat ↗");
  const madeUp = h("span", { class: "c-dim c-cut", title: "A sandbox company has no page in Codat's portal" }, "Sandbox company, not in the Codat portal");
  const again = h("button", { class: "c-link", type: "button", title: "Asks Codat for the company, its data status and its newest operations, at once" }, "Read again");
  const both = h("button", { class: "c-link", type: "button", title: "Copy the name and the id for a colleague, who can paste them into the field above" }, "Copy both");
  const report = h("button", { class: "c-link", type: "button", title: "Saves one file that tells how the company is, and which records to correct. Reads it again: 3 requests, and one for each data type that a check refused" }, "Report…");
  const made = exporter(model, report, (words) => { setText(said, words.startsWith("Saved ") ? "Saved." : words); said.title = words; }, () => "page", () => "");
  const said = h("span", { class: "c-dim c-cut", role: "status" });
  const back = h("button", { class: "c-link back", type: "button" });
  const tags = h("span", { class: "tags" });
  const about = h("div", { class: "about" }, copy, both, again, report, made.stop, said, portal, madeUp);
  const list = h("ul", { id: `${id}-list`, role: "listbox", "aria-label": "Companies" });
  const foot = h("div", { class: "foot c-dim", role: "status" });
  const popup = h("div", { class: "popup", popover: "manual" }, list, foot);
  const error = h("p", { id: `${id}-error`, class: "error c-cut", role: "alert" });
  el.append(h("div", { class: "head" }, h("label", { class: "c-label", for: id }, "Company"), back, tags), field, about, error, popup);

  const picks = guard(model);
  const ui = { open: false, query: "", typed: false, active: -1, seq: 0, isLate: false, picked: null, told: { company: "" } };
  const state = () => model.get("state") ?? {};
  const answered = () => state().search?.text === ui.query && state().search?.status !== "searching";

  /** What the list offers: the pasted id first, then results for this text, or the recent ones before a text. */
  const options = () => {
    const { search, recent = [] } = state();
    const pasted = ID.exec(ui.query)?.[0].toLowerCase();
    const found = search?.results ?? [];
    const wanted = ui.query.trim().toLowerCase();
    const used = recent.filter(({ name }) => name.toLowerCase().includes(wanted)); // recently used first
    const first = pasted ? [{ id: pasted, name: "Open the company with this id", pasted: true }] : used;
    const rows = new Map([...first, ...found].map((row) => [row.id, row])); // a known company's own row wins over its bare id
    return [...rows.values()];
  };
  const ask = () => {
    model.send({ type: "search", text: ui.query, seq: ++ui.seq });
    late.start(PATIENCE);
  };
  const late = delayed(() => { ui.isLate = true; drawList(); });
  const asking = delayed(ask);
  const search = (pause) => {
    ui.isLate = false;
    asking.start(pause);
  };
  const open = () => {
    if (ui.open) return;
    ui.open = true;
    [ui.query, ui.active] = [state().error ? input.value : "", -1];
    search(0);
    popup.showPopover?.();
    place();
    draw();
  };
  const close = () => {
    [ui.open, ui.typed, ui.query] = [false, false, ""];
    asking.stop();
    late.stop();
    if (popup.matches(":popover-open")) popup.hidePopover();
    draw();
  };
  const pick = (row, stays = true) => {
    if (row && picks.send({ type: "pick", id: row.id }, true)) ui.picked = { id: row.id, name: row.pasted ? row.id : row.name };
    close();
    if (stays) input.select();
  };
  const place = () => {
    if (!ui.open) return;
    const at = field.getBoundingClientRect();
    const width = Math.min(Math.max(at.width, 340), innerWidth - 16);
    const below = innerHeight - at.bottom - 12;
    const above = below < 220 && at.top > below;
    Object.assign(popup.style, {
      width: `${width}px`, left: `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`, maxHeight: `${Math.max(120, Math.min(340, above ? at.top - 12 : below))}px`,
      top: above ? "auto" : `${at.bottom + 4}px`, bottom: above ? `${innerHeight - at.top + 4}px` : "auto",
    });
  };

  const drawList = () => {
    setAttribute(input, "aria-expanded", String(ui.open));
    if (!ui.open) return setAttribute(input, "aria-activedescendant", null);
    const rows = options();
    ui.active = Math.min(Math.max(ui.active, ui.query.trim() && rows.length ? 0 : -1), rows.length - 1);
    keyed(list, rows, (row) => row.id, makeOption, updateOption);
    [...list.children].forEach((option, index) => {
      option.id = `${id}-${index}`;
      setAttribute(option, "aria-selected", String(index === ui.active));
    });
    setAttribute(input, "aria-activedescendant", ui.active >= 0 ? `${id}-${ui.active}` : null);
    list.children[ui.active]?.scrollIntoView({ block: "nearest" });
    list.classList.toggle("old", !answered() && ui.query.trim() !== "");
    setText(foot, footText(rows.length));
    foot.classList.toggle("bad", state().search?.status === "error" && answered());
    foot.hidden = !foot.textContent;
  };
  const footText = (shown) => {
    const { search, recent = [] } = state();
    if (!answered()) return ui.isLate ? "Still searching. The kernel may be busy with a cell." : "Searching…";
    if (search.status === "error") return search.error;
    if (search.more) return `and ${number(search.more)} more: keep typing to narrow them down`;
    if (shown) return "";
    return ui.query.trim() ? `No company matches “${ui.query.trim()}”.` : recent.length ? "" : "This account has no companies yet.";
  };
  const makeOption = (row) => {
    const option = h("li", { role: "option" }, h("bdi", { class: "c-cut" }), h("span", { class: "c-dim c-cut" }), h("span", { class: "c-dim c-mono" }, shortId(row.id)));
    option.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
    option.addEventListener("click", () => pick(options().find(({ id: same }) => same === row.id)));
    return option;
  };
  const updateOption = (option, row) => {
    const [name, note] = option.children;
    mark(name, row.name, row.pasted ? "" : ui.query.trim());
    option.title = `${row.name}\n${row.id}`;
    setText(note, row.note ?? "");
  };

  const draw = () => {
    const { company, loading, error: problem, typed } = state();
    if (ui.picked && !picks.held()) ui.picked = null;
    const shown = ui.picked ?? company;
    const text = ui.picked ? ui.picked.name : (problem ? typed : company?.name) ?? "";
    if (!ui.typed && input.value !== text) input.value = text;
    input.title = shown && !ui.typed ? shown.name : "";
    field.classList.toggle("busy", Boolean(loading || ui.picked));
    drawAbout(shown);
    setAttribute(el, "aria-busy", loading || picks.held() ? "true" : null);
    if (!loading) tellPage("company", company?.id ?? "");
    tellPage("run", state().run);
    setText(error, ui.picked ? "" : problem ?? "");
    error.title = error.textContent;
    setAttribute(input, "aria-invalid", error.textContent ? "true" : null);
    drawList();
  };

  /** Who shows the console may keep in its address what is on screen; what nobody has shown yet is left there. */
  const tellPage = (what, name) => {
    if (name === null || name === ui.told[what]) return;
    ui.told[what] = name;
    tell(el, `${what}-shown`, name);
  };
  const drawAbout = (shown) => {
    const { company, portal: address, tags: pairs = [] } = state();
    const known = Boolean(shown && company?.id === shown.id && !state().loading);
    copy.hidden = both.hidden = !shown;
    back.hidden = !shown && !state().opened;
    setText(back, !shown ? "‹ All runs" : state().opened ? "‹ Back" : "‹ All companies");
    if (shown && !copy.codatLabel) setText(copy, shown.id);
    setAttribute(copy, "aria-label", shown && `Copy the company id ${shown.id}`);
    portal.hidden = !known || !address;
    setAttribute(portal, "href", address);
    madeUp.hidden = !known || Boolean(address);
    again.hidden = report.hidden = !shown;
    if (shown?.id !== ui.about) { ui.about = shown?.id; setText(said, ""); }
    setDisabled(again, !known || picks.held());
    setText(again, shown && !known && company ? "Reading…" : "Read again");
    keyed(tags, !known ? [] : state().error ? [["still showing", company.name]] : pairs, ([name]) => name, () => h("span", { class: "tag" }, h("span", {}), h("b", { dir: "auto" })), (tag, [name, value]) => {
      setText(tag.firstChild, `${name} `);
      setText(tag.lastChild, value);
      tag.title = `${name}: ${value}`;
    });
    tags.title = pairs.map(([name, value]) => `${name}: ${value}`).join("\n");
  };

  input.addEventListener("focus", () => input.select());
  input.addEventListener("click", open);
  // What is meant as an id is not lost by going on without Enter.
  input.addEventListener("blur", () => { const text = input.value.trim(); if (ui.typed && NEARLY_ID.test(text)) pick({ id: text, name: text }, false); else close(); });
  input.addEventListener("input", () => {
    ui.typed = true; // before anything draws, or the first letter is taken for the old name
    open();
    [ui.query, ui.active] = [input.value, -1];
    search(PAUSE);
    draw();
  });
  onKey(input, (event) => {
    if (event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      if (!ui.open) return open();
      const all = list.children.length;
      ui.active = all ? (ui.active + step + all) % all : -1;
      drawList();
    } else if (event.key === "Enter" && ui.open) {
      event.preventDefault();
      const row = options()[ui.active];
      const text = ui.query.trim();
      if (row && (answered() || row.pasted || !text)) pick(row); // else the list is of an older text
      else if (NEARLY_ID.test(text)) pick({ id: text, name: text }); // the kernel says what is wrong with it
    } else if (event.key === "Escape" && ui.open) {
      event.preventDefault();
      event.stopPropagation();
      close();
      input.select();
    }
  });
  copy.addEventListener("click", () => copyText(copy, (ui.picked ?? state().company).id).then(() => setTimeout(() => { copy.codatLabel = null; draw(); }, 1600)));
  both.addEventListener("click", () => { const { id: key, name } = ui.picked ?? state().company; copyText(both, `${name} ${key}`); });
  again.addEventListener("click", () => { if (again.getAttribute("aria-disabled") !== "true" && picks.send({ type: "read" })) draw(); });
  report.addEventListener("click", () => { if (report.getAttribute("aria-disabled") !== "true") made.start("html"); });
  back.addEventListener("click", () => { if (picks.send({ type: "pick", id: "" }, true)) input.focus(); });
  popup.addEventListener("mousedown", (event) => event.preventDefault());
  // Back and Forward of the browser lead to another company, to a run, or to all of them.
  const off = hear(el, "place-wanted", ({ company: id, run }) => {
    const { company, opened, run: shown } = state();
    if (picks.held() || id !== (company?.id ?? "") || (opened && !run)) picks.send({ type: "pick", id }, true);
    if (run && !id && run !== shown) picks.send({ type: "open_run", name: run }, true);
    draw();
  });
  window.addEventListener("scroll", place, { capture: true, passive: true });
  window.addEventListener("resize", place);
  return live(model, draw, off, () => {
    asking.stop();
    late.stop();
    made.end();
    window.removeEventListener("scroll", place, { capture: true });
    window.removeEventListener("resize", place);
  });
}

/** A name with the part that was typed in bold. */
function mark(node, name, query) {
  const at = query ? name.toLowerCase().indexOf(query.toLowerCase()) : -1;
  if (at < 0) return setText(node, name);
  node.replaceChildren(name.slice(0, at), h("b", {}, name.slice(at, at + query.length)), name.slice(at + query.length));
}

export default { render };
