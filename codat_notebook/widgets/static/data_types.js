// The list of data types. The selection lives here, so that ticking works while the kernel is busy; the kernel and the
// console's other parts are told.

/**
 * @typedef {{name: string, types: Array<string>}} ReportSet
 * @typedef {{platform: string, last: string|null}} ReadFrom
 * @typedef {{key: string, name: string, family: string,
 *   state: "ok"|"failed"|"never"|"running"|"unsupported"|"unlinked", last: string|null, reads: Array<ReadFrom>,
 *   note: string|null, failures: number, connections: number, connection: string|null}} DataTypeRow
 * @typedef {{name: string, old: string, new: string}} UnevenReport
 * @typedef {{id: string, platform: string, words: string, link_url: string|null}} LostConnection
 * @typedef {{company: string|null, status: string, types: Array<DataTypeRow>, sets: Array<ReportSet>,
 *   uneven: Array<UnevenReport>, unlinked: Array<LostConnection>, selected: Array<string>, empty: string|null}} DataTypesState
 */

const EMPTY = { none: "Pick a company to see its data types.", loading: "Reading the data types and their ages…", ready: "Nothing is linked yet." };

const DAY = 86400; // seconds
const AGES = [1, 2, OLD, 14, STALE]; // days

function render({ model, el, time }) {
  const search = h("input", { class: "c-field search", type: "search", placeholder: "Find a data type…", "aria-label": "Find a data type", autocomplete: "off", spellcheck: "false" });
  const chips = h("div", { class: "chips", role: "group", "aria-label": "Select several at once" });
  const list = h("div", { class: "list", role: "group", "aria-label": "Data types" });
  const empty = h("p", { class: "empty c-dim", role: "status" });
  const links = h("div", { class: "links c-dim" });
  const notes = reachable(h("div", { class: "notes" }));
  el.append(h("div", { class: "top" }, search, chips), empty, list, links, notes);

  const ui = { company: undefined, selected: new Set(), query: "", tabStop: null, older: null };
  let state = {};
  const types = () => state.types ?? [];
  const nameOf = (key) => types().find((row) => row.key === key)?.name ?? key;
  const offered = () => types().filter((row) => row.connection === null); // the others stand there, and cannot be ticked
  const selected = () => offered().filter(({ key }) => ui.selected.has(key)).map(({ key }) => key);
  /** A lower bound of it while it is not known what time it is. */
  const age = (row) => secondsSince(row.last, time.now() ?? time.asOf());

  const announce = () => tell(el, "selection", { selected: selected(), company: ui.company });
  const change = (keys, on) => {
    for (const key of keys) ui.selected[on ? "add" : "delete"](key);
    draw();
    model.send({ type: "select", selected: selected() });
    announce();
  };

  const shown = () => {
    const words = ui.query.trim().toLowerCase();
    return types().filter(({ key, name }) => key.toLowerCase().includes(words) || name.toLowerCase().includes(words));
  };
  const draw = () => {
    const rows = shown();
    const families = [...new Set(rows.map(({ family }) => family))];
    keyed(list, families, (family) => family, makeFamily, (section, family) => updateFamily(section, family, rows.filter((row) => row.family === family)));
    drawChips();
    drawTabStop();
    const found = rows.length || !types().length;
    setText(empty, !found ? `No data type matches “${ui.query.trim()}”.` : types().length ? "" : state.empty ?? EMPTY[state.status ?? "none"]);
    empty.hidden = !empty.textContent;
    search.hidden = chips.hidden = !types().length;
    list.classList.toggle("skeleton", state.status === "loading" && !types().length);
    drawNotes(notes, unevenTexts());
    keyed(links, state.unlinked ?? [], ({ id }) => id, makeLink, (line, card) => {
      line.codatUrl = card.link_url;
      setText(line.firstChild, `${card.platform}: ${count(types().filter((row) => row.connection === card.id).length, "data type")} cannot be refreshed (${card.words}).`);
      line.lastChild.hidden = !card.link_url;
    });
  };
  const makeLink = () => {
    const button = h("button", { class: "c-link", type: "button" }, "Copy relink URL");
    const line = h("p", {}, h("span", {}), " ", button);
    button.addEventListener("click", () => copyText(button, line.codatUrl));
    return line;
  };

  /** A sentence for each report whose data types were read at times far apart. */
  const unevenTexts = () => {
    const rowOf = (key) => types().find((row) => row.key === key);
    const read = (row) => `${time.now() === null ? "on " : ""}${agoOf(row.last, time.now())}`;
    return (state.uneven ?? []).map(({ name, old, new: young }) => `${name} may not reconcile: ${rowOf(old).name} last read ${read(rowOf(old))}; ${rowOf(young).name} ${read(rowOf(young))}.`);
  };

  // Groups and their rows.
  const makeFamily = (family) => {
    const box = h("input", { type: "checkbox", class: "box", tabindex: "-1", "aria-label": `All ${family.toLowerCase()} types` });
    const section = h("section", { role: "group", "aria-label": family }, h("label", { class: "family" }, box, h("span", {}, family), h("span", { class: "many" })), h("div", {}));
    box.addEventListener("change", () => change(shown().filter((row) => row.family === family && row.connection === null).map(({ key }) => key), box.checked));
    return section;
  };
  const updateFamily = (section, family, rows) => {
    const [head, body] = section.children;
    const all = offered().filter((row) => row.family === family);
    const chosen = all.filter(({ key }) => ui.selected.has(key)).length;
    const open = rows.filter((row) => all.includes(row));
    const here = open.filter(({ key }) => ui.selected.has(key)).length;
    head.firstChild.checked = here > 0 && here === open.length;
    head.firstChild.indeterminate = here > 0 && here < open.length;
    head.firstChild.disabled = !open.length;
    setText(head.lastChild, all.length ? `${chosen} of ${all.length}${chosen ? " selected" : ""}` : "");
    keyed(body, rows, ({ key }) => key, makeRow, updateRow);
  };
  const makeRow = ({ key }) => {
    const box = h("input", { type: "checkbox", class: "box", tabindex: "-1" });
    box.dataset.key = key;
    box.addEventListener("change", () => change([key], box.checked));
    return h("label", { class: "type" }, box, h("span", { class: "name" }, h("bdi", {}), h("span", { class: "key c-mono" }, key)), h("span", { class: "age" }));
  };
  const updateRow = (label, row) => {
    const [box, name, word] = label.children;
    const lost = state.unlinked.find(({ id }) => id === row.connection);
    box.disabled = Boolean(lost);
    box.checked = !lost && ui.selected.has(row.key);
    label.classList.toggle("unlinked", Boolean(lost));
    setText(name.firstChild, row.name);
    drawAge(word, row, age(row), agoOf(row.last, time.now()));
    word.className = `age ${tone(row, age(row))}`;
    const last = row.last ? `last good sync ${localTime(row.last)} (${utcTime(row.last)})` : "no good sync yet";
    const reads = row.reads.map((each) => `${each.platform} ${agoOf(each.last, time.now())}`).join(", ");
    setAttribute(label, "title", [`${row.name} (${row.key})`, last, reads, lost && `${lost.platform}: ${lost.words}. It cannot be refreshed until that is linked again.`, row.note].filter(Boolean).join("\n"));
  };

  // Chips select, and clear again what they selected.
  const groups = () => [
    ...(state.sets ?? []).map(({ name, types: keys }) => ({ name, keys: offered().map(({ key }) => key).filter((key) => keys.includes(key)), none: `Cannot be refreshed now: ${keys.map(nameOf).join(", ")}` })),
    { name: `Older than ${Math.round(olderThan() / DAY)} d`, id: "older", keys: olderTypes() },
    { name: "Failed last time", keys: types().filter((row) => row.state === "failed").map(({ key }) => key) },
  ];
  const olderThan = () => ui.older ?? OLD * DAY;
  const olderTypes = () => offered().filter((row) => row.state !== "running" && age(row) !== null && age(row) >= olderThan()).map(({ key }) => key);
  const drawChips = () => {
    keyed(chips, [{ name: "Select" }, ...groups(), { name: "None" }], ({ id, name }) => id ?? name, makeChip, (made, { id, name, keys, none }) => {
      const chip = id ? made.firstChild : made;
      if (id) setText(chip, name);
      if (name === "None") chip.disabled = !ui.selected.size;
      if (!keys) return;
      chip.disabled = !keys.length;
      chip.codatKeys = keys;
      const on = keys.length > 0 && keys.every((key) => ui.selected.has(key));
      chip.classList.toggle("on", on);
      setAttribute(chip, "aria-pressed", String(on));
      setAttribute(chip, "title", keys.length ? `${count(keys.length, "data type")}: ${keys.map(nameOf).join(", ")}` : none ?? "None");
    });
  };
  const makeChip = ({ id, name, keys }) => {
    if (id) return makeOlder(makeChip({ name, keys }));
    if (name === "Select") return h("span", { class: "c-dim", "aria-hidden": "true" }, "Select");
    const chip = h("button", { class: "c-chip", type: "button" }, name);
    chip.addEventListener("click", () => {
      if (!keys) change([...ui.selected], false);
      else change(chip.codatKeys, chip.getAttribute("aria-pressed") !== "true");
    });
    return chip;
  };

  /** The chip with a menu of ages; choosing one selects what is older. */
  const makeOlder = (chip) => {
    const menu = h("select", { class: "ages", "aria-label": "Older than how long", title: "Another age" }, AGES.map((days) => h("option", { value: days }, `${days} d`)));
    menu.value = Math.round(olderThan() / DAY);
    menu.addEventListener("change", () => {
      ui.older = Number(menu.value) * DAY;
      change(olderTypes(), true);
    });
    return h("span", { class: "older" }, chip, menu);
  };

  // One stop for the Tab key; arrows move within the list.
  const boxes = () => [...list.querySelectorAll(".box:enabled")];
  const drawTabStop = () => {
    const all = boxes();
    if (!all.includes(ui.tabStop)) ui.tabStop = all[0];
    for (const box of all) box.tabIndex = box === ui.tabStop ? 0 : -1;
  };
  const go = (box) => {
    if (!box) return;
    ui.tabStop = box;
    drawTabStop();
    box.focus();
  };
  list.addEventListener("focusin", (event) => { ui.tabStop = event.target; drawTabStop(); });
  onKey(list, (event) => {
    const all = boxes();
    const at = all.indexOf(event.target);
    const next = { ArrowDown: all[at + 1], ArrowUp: all[at - 1] ?? search, Home: all[0], End: all.at(-1) }[event.key];
    if (!next) return;
    event.preventDefault();
    if (next === search) search.focus();
    else go(next);
  });
  onKey(search, (event) => {
    if (event.key === "ArrowDown") { event.preventDefault(); go(boxes()[0]); }
    if (event.key === "Escape" && search.value) { search.value = ui.query = ""; draw(); }
  });
  search.addEventListener("input", () => { ui.query = search.value; draw(); });

  const off = hear(el, "selection-wanted", announce);
  return live(model, (next) => {
    state = next;
    if (next.company !== ui.company) {
      // Scrolling has the browser lay out the whole page at once; a list that is new stands at its start.
      if (ui.company !== undefined) list.scrollTop = 0;
      Object.assign(ui, { company: next.company, selected: new Set(next.selected ?? []), query: "", tabStop: null });
      search.value = "";
    }
    draw();
    announce();
  }, off, time.each(draw));
}

/** How fresh in words; the middle ones go where there is no room. */
function drawAge(node, row, age, when) {
  const plain = { running: "running", unsupported: "not supported" }[row.state] ?? (age === null ? "never synced" : when);
  const aged = row.state === "ok" && age !== null ? (age >= STALE * DAY ? "stale, " : age >= OLD * DAY ? "old, " : "") : "";
  const several = ["ok", "never"].includes(row.state) && row.connections > 1 ? `oldest of ${row.connections}, ` : "";
  const words = row.state === "failed" ? [row.failures ? `failed ${number(row.failures)}×, ` : "failed, ", age === null ? "" : "last good ", plain] : aged || several ? [aged, several, plain] : [plain];
  if (node.textContent !== words.join("")) node.replaceChildren(...(words.length === 1 ? words : [words[0], h("span", { class: "long" }, words[1]), words[2]]));
}

function tone(row, age) {
  if (row.state === "unlinked") return "";
  if (row.state === "failed") return "bad";
  if (row.state === "running") return "run";
  return age === null || age < OLD * DAY ? "" : age < STALE * DAY ? "warn" : "bad";
}

function drawNotes(box, notes) {
  const lines = notes.length > 2 ? [notes[0], `${notes.length - 1} more reports have parts read at different times.`] : notes;
  keyed(box, lines, (line) => line, (line) => h("p", { title: notes.join("\n") }, line));
  box.hidden = !lines.length;
}

export default { render };
