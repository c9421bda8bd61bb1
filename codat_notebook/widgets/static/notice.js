// Cards for errors and warnings. A card's node stays while its key does, so that it is announced once.

/**
 * @typedef {{items: Array<NoticeCard>, more: number, seq: number}} NoticeState
 */

function render({ model, el, time }) {
  const list = h("div", { class: "items" });
  const more = h("button", { class: "more c-link", type: "button" });
  more.addEventListener("click", () => model.send({ type: "errors" }));
  el.append(list, more);
  const gone = new Set(); // dismissed here already: the kernel may answer late
  let state = {};

  const make = ({ key }) => makeCard(() => {
    gone.add(key);
    model.send({ type: "dismiss", key, seq: Date.now() });
    draw();
  });
  const draw = () => {
    const items = (state.items ?? []).filter(({ key }) => !gone.has(key));
    keyed(list, items, ({ key }) => key, make, (item, data) => updateCard(item, data, time.now()));
    setText(more, `${number(state.more ?? 0)} more under “Errors this session”`);
    more.hidden = !state.more;
    el.hidden = !items.length && !state.more;
  };
  return live(model, (next) => { state = next; draw(); }, time.each(draw));
}

export default { render };
