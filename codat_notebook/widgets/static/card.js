// A card that says what went wrong: what, to what, why, what to do. The notices are such cards, and so are the details
// of an error.

/**
 * @typedef {{key: string, what: string, when: string|null, details: Array<string>,
 *   why: string, do: string, correlation_id: string|null, link: string|null, support: string}} NoticeCard
 */

/** A card. `dismiss` is called by its button; without it there is none to close the card. */
function makeCard(dismiss) {
  const item = h("div", { class: "item", role: "alert" });
  const button = (name, text, done) => {
    const made = h("button", { class: name, type: "button" }, text);
    made.addEventListener("click", () => done(made));
    return made;
  };
  item.codat = {
    what: h("span", { dir: "auto" }), when: h("span", { class: "c-dim" }),
    why: reachable(h("p", { class: "why" })), todo: reachable(h("p", { class: "do" })),
    id: button("c-link c-mono", "", (made) => copyText(made, item.codat.data.correlation_id)),
    link: button("c-link", "Copy relink URL", (made) => copyText(made, item.codat.data.link)),
    support: button("c-btn small", "Copy for support", (made) => copyText(made, item.codat.data.support)),
    close: button("close", "✕", () => dismiss?.()),
  };
  const { what, when, why, todo, id, link, support, close } = item.codat;
  close.setAttribute("aria-label", "Dismiss");
  item.append(h("span", { class: "symbol", "aria-hidden": "true" }, signOf("bad")), h("div", { class: "body" }, reachable(h("p", { class: "head" }, what, " ", when)), why, todo,
    h("p", { class: "ids c-dim" }, h("span", {}, "correlation id "), id), link), h("div", { class: "buttons" }, support));
  if (dismiss) item.append(close);
  return item;
}

/** `now`: the server's time in milliseconds, null while it is not known. */
function updateCard(item, data, now) {
  const parts = item.codat;
  parts.data = data;
  setText(parts.what, data.what);
  setText(parts.when, [data.when && whenText(data.when, now), ...data.details].filter(Boolean).join(", "));
  setAttribute(parts.when, "title", data.when && `${utcTime(data.when)}; shown in ${zoneText()}`);
  setText(parts.why, withTimes(data.why, now));
  setText(parts.todo, withTimes(data.do, now));
  if (!parts.id.codatLabel) setText(parts.id, data.correlation_id ?? "");
  setAttribute(parts.id, "aria-label", `Copy the correlation id ${data.correlation_id}`);
  parts.id.parentNode.hidden = !data.correlation_id;
  parts.link.hidden = !data.link;
}

/** today 13:58, or the date where it is another day. */
function whenText(iso, now) {
  const text = localTime(iso);
  return now !== null && text.slice(0, 10) === localTime(now).slice(0, 10) ? `today ${text.slice(11, 16)}` : text.slice(0, 16);
}
