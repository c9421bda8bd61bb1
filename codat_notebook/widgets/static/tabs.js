// The tab strip. It shows panels by an attribute on the console around it, in the browser alone.

/**
 * @typedef {{name: string, label: string, count: number|null, tone: "bad"|"idle", folded: boolean}} TabState
 * @typedef {{active: string, tabs: Array<TabState>}} TabsState
 */

const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

function render({ model, el }) {
  const strip = h("div", { class: "strip", role: "tablist", "aria-label": "Tables of this console" });
  const more = h("button", { class: "more c-link", type: "button", title: "For engineers: the requests to Codat, and the Python that does the same" }, "More…");
  el.append(strip, more);
  const id = uid("tab");
  let [shown, asked, unfolded, told] = [null, null, false, ""];

  const show = () => {
    for (const tab of strip.children) {
      const on = tab.dataset.name === shown;
      setAttribute(tab, "aria-selected", String(on));
      setAttribute(tab, "tabindex", on ? "0" : "-1");
      panel(tab.dataset.name, tab);
    }
    el.closest(".codat-console")?.setAttribute("data-tab", shown);
    if (el.isConnected && named("companies")) tellView();
  };
  const named = (name) => [...strip.children].find((tab) => tab.dataset.name === name);
  /** Which view of all companies is shown; the page's address, or Back and Forward of the browser, may lead to another. */
  const tellView = () => {
    const page = document.documentElement.dataset;
    const wanted = el.closest(".codat-opened") ? undefined : named(page.codatView);
    if (wanted) pick(wanted);
    const view = shown === "companies" ? "" : shown;
    if (view !== told) tell(el, "view-shown", told = view);
  };
  const panel = (name, tab) => {
    const box = el.closest(".codat-console")?.querySelector(`:scope > .codat-panel-${CSS.escape(name)}`);
    if (!box) return;
    box.id ||= `${id}-panel-${name}`;
    setAttribute(box, "role", "tabpanel");
    setAttribute(box, "aria-labelledby", tab.id);
    setAttribute(tab, "aria-controls", box.id);
  };
  const pick = (tab) => {
    if (tab.dataset.name === shown) return;
    shown = tab.dataset.name;
    show();
    tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    model.send({ type: "tab", name: shown });
  };
  onKey(strip, (event) => {
    if (!(event.key in STEPS)) return;
    event.preventDefault();
    const tabs = [...strip.children].filter((tab) => !tab.hidden);
    const at = tabs.indexOf(document.activeElement) + STEPS[event.key];
    const next = tabs[event.key.startsWith("Arrow") ? (at + tabs.length) % tabs.length : at < 0 ? 0 : tabs.length - 1];
    next.focus();
    pick(next);
  });

  const make = ({ name }) => {
    const tab = h("button", { class: "tab", role: "tab", type: "button", id: `${id}-${name}` }, h("span", {}), " ", h("b", {}));
    tab.dataset.name = name;
    tab.addEventListener("click", () => pick(tab));
    return tab;
  };
  const update = (tab, { name, label, count: n, tone, folded }) => {
    tab.hidden = folded && !unfolded && name !== shown;
    setText(tab.firstChild, label);
    setText(tab.lastChild, n ? number(n) : "");
    tab.lastChild.className = tone ?? "idle";
  };
  const draw = ({ tabs = [], active }) => {
    if (active !== asked) shown = asked = active;
    if (!tabs.some(({ name }) => name === shown)) shown = tabs[0]?.name ?? null;
    keyed(strip, tabs, (tab) => tab.name, make, update);
    more.hidden = ![...strip.children].some((tab) => tab.hidden);
    stop();
    stop = whenAttached(el, show);
  };
  more.addEventListener("click", () => {
    const first = [...strip.children].find((tab) => tab.hidden);
    unfolded = true;
    draw(model.get("state"));
    first?.focus();
  });
  const off = hear(el, "tab-wanted", (name) => { if (named(name)) pick(named(name)); });
  const back = hear(el, "place-wanted", show);
  let stop = () => {};
  return live(model, draw, off, back, () => stop());
}

export default { render };
