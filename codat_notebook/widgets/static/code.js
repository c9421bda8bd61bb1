// Code to copy. Comments are dimmed; what is copied is the text as it came.

/**
 * @typedef {{title: string, text: string}} CodeState
 */

function render({ model, el }) {
  const title = h("div", { class: "title" });
  const copy = h("button", { class: "c-btn small", type: "button" }, "Copy");
  const code = h("code");
  const block = h("pre", { tabindex: 0, role: "region", "aria-label": "Python" }, code);
  el.append(h("div", { class: "head" }, title, copy), block);
  let text = null;
  copy.addEventListener("click", () => copyText(copy, text ?? ""));
  return live(model, (state) => {
    setText(title, state.title ?? "");
    if (state.text === text) return;
    text = state.text ?? "";
    code.replaceChildren(...text.split("\n").flatMap((line, i) => {
      const at = line.indexOf("  # ");
      const parts = at < 0 ? [line] : [line.slice(0, at), h("span", { class: "c-dim" }, line.slice(at))];
      return i ? ["\n", ...parts] : parts;
    }));
  });
}

export default { render };
