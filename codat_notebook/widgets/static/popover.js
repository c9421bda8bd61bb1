// A panel that floats beside its button: opened by the button, closed by Escape, a click elsewhere, or when the page
// moves under it. It stands in the top layer, so that no box around the part cuts it off.

/** Join a button and a panel. `opened` is called after the panel is placed. Returns { hide, end }. */
function floats(button, panel, opened, align = "right") {
  panel.id ||= uid("panel");
  setAttribute(panel, "popover", "auto");
  for (const [name, value] of [["popovertarget", panel.id], ["aria-controls", panel.id], ["aria-expanded", "false"]]) setAttribute(button, name, value);
  const isOpen = () => panel.matches(":popover-open");

  function place() {
    const at = button.getBoundingClientRect();
    const [width, height] = [panel.offsetWidth, panel.offsetHeight];
    const below = at.bottom + 4 + height <= innerHeight || at.top < height;
    const left = align === "right" ? at.right - width : at.left;
    const top = below ? Math.min(at.bottom + 4, Math.max(8, innerHeight - height - 8)) : at.top - height - 4;
    Object.assign(panel.style, { left: `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`, top: `${top}px` });
  }
  function hide() {
    if (isOpen()) panel.hidePopover();
  }
  button.addEventListener("click", (event) => {
    if (button.getAttribute("aria-disabled")) event.preventDefault();
  });
  panel.addEventListener("toggle", ({ newState }) => {
    setAttribute(button, "aria-expanded", String(newState === "open"));
    if (newState === "open") { place(); opened(); }
  });
  onKey(panel, (event) => {
    if (event.key === "Escape") { hide(); button.focus(); event.preventDefault(); }
    event.stopPropagation();
  });
  const moved = (event) => { if (!panel.contains(event.target)) hide(); };
  window.addEventListener("scroll", moved, { capture: true, passive: true });
  return { hide, place: () => isOpen() && place(), end: () => window.removeEventListener("scroll", moved, { capture: true }) };
}
