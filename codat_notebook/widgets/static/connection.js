// The menu of connections. What the reader chose stands until the company, or the kernel's own value, changes.

/**
 * @typedef {{id: string, platform: string, words: string, synced: string|null}} ConnectionChoice
 * @typedef {{company: string|null, connections: Array<ConnectionChoice>, value: string|null}} ConnectionState
 */

function render({ model, el, time }) {
  const id = uid("connection");
  const select = h("select", { id, class: "c-field c-cut" });
  el.append(h("label", { class: "c-label", for: id }, "Connection"), h("div", { class: "menu" }, select));
  select.addEventListener("change", () => model.send({ type: "connection", id: select.value || null }));

  let [known, rows] = [{}, []];
  const drawRows = () => {
    keyed(select, rows, (row) => row.id, (row) => h("option", { value: row.id }), (option, row) => setText(option, row.words ? `${row.platform} (${connectionWords(row, time.now())})` : row.platform));
    setAttribute(select, "title", select.selectedOptions[0]?.textContent);
  };
  return live(model, ({ company, connections = [], value }) => {
    const kept = known.company === company && known.value === value ? select.value : value ?? "";
    const all = { id: "", platform: connections.length ? `All ${number(connections.length)}` : "None" };
    rows = connections.length === 1 ? [{ ...connections[0], id: "" }] : [all, ...connections];
    drawRows();
    select.value = rows.some((row) => row.id === kept) ? kept : "";
    select.disabled = !connections.length;
    setAttribute(select, "title", select.selectedOptions[0]?.textContent);
    known = { company, value };
  }, time.each(drawRows));
}

export default { render };
