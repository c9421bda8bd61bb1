// The status line: where we are, what is left, what is being waited for.

/**
 * @typedef {{text: string, until: string|null}} ActivityState
 * @typedef {{remaining: number, limit: number|null, resets_at: string|null}} QuotaState
 * @typedef {{checked: string, every: number|null, looks: number, problem: string|null}} WatchState
 * @typedef {{mode: "sandbox"|"live"|"none", address: string, read_only: boolean, can_switch: boolean,
 *   running: number, watch: WatchState|null, quota: QuotaState|null, activity: ActivityState|null}} HeaderState
 */

const BADGES = {
  sandbox: ["SANDBOX", "An embedded Codat on this machine: nothing here reaches a real company"],
  live: ["LIVE", "The real Codat: what you refresh here reads from real companies"],
  none: ["NOT CONNECTED", "Not connected to Codat"],
};

function render({ model, el, time }) {
  const badge = h("span", { class: "badge" });
  const readOnly = h("span", { class: "badge read-only", title: "This session can read, but cannot queue refreshes" }, "READ ONLY");
  const address = h("span", { class: "address c-dim c-cut" });
  const change = h("button", { class: "change c-link", type: "button", "aria-expanded": "false", title: "Connect to the sandbox, or with another key" }, "Switch…");
  const activity = h("span", { class: "activity c-dim c-cut", role: "status" });
  const running = h("span", { class: "running c-dim" });
  const checked = h("span", { class: "checked c-dim" });
  const fill = h("i", {});
  const meter = h("span", { class: "meter", role: "meter", "aria-label": "Requests left today", "aria-valuemin": 0 }, fill);
  const quota = h("span", { class: "quota c-dim" });
  el.append(
    h("div", { class: "where" }, h("b", {}, "Codat"), badge, readOnly, address, change),
    activity,
    h("div", { class: "left" }, checked, running, h("span", { class: "budget" }, meter, quota)),
  );

  // The form that connects stands below, a part of its own.
  change.addEventListener("click", () => tell(el, "connect-wanted"));
  const offs = [
    hear(el, "connect-shown", ({ open }) => setAttribute(change, "aria-expanded", String(open))),
    hear(el, "connect-closed", () => change.focus()),
  ];
  const sight = whenAttached(el, () => { offs.push(whileInSight(el.closest(".codat-console") ?? el, () => model.send({ type: "seen" }))); });
  let state = {};
  const tick = () => {
    const now = time.now();
    setText(activity, state.activity ? waitText(state.activity.text, state.activity.until, time) : "");
    setText(quota, quotaText(state.quota, now));
    setAttribute(activity, "title", activity.textContent);
    drawChecked(checked, state.watch, now);
    setAttribute(meter, "aria-valuetext", quotaText(state.quota, now));
  };
  return live(model, (next) => {
    state = next;
    const mode = next.mode in BADGES ? next.mode : "none";
    setText(badge, BADGES[mode][0]);
    badge.title = BADGES[mode][1];
    badge.className = `badge ${mode}`;
    el.classList.toggle("on-live", mode === "live");
    change.hidden = mode === "none" || !next.can_switch;
    readOnly.hidden = !next.read_only;
    setText(address, next.address ?? "");
    setAttribute(address, "title", next.address);
    setText(running, next.running ? `${count(next.running, "operation")} running` : "");
    running.hidden = !next.running || next.watch?.every === null; // what ran when it was looked at last may be over
    drawMeter(meter, fill, next.quota);
    quota.hidden = mode === "none";
    meter.hidden = !next.quota?.limit;
    quota.classList.toggle("out", next.quota?.remaining === 0);
    activity.classList.toggle("busy", Boolean(next.activity));
    tick();
  }, time.each(tick), sight, () => offs.forEach((end) => end()));
}

/** When the company on screen was last looked at, how often it is, and what that costs. */
function drawChecked(node, watch, now) {
  node.hidden = !watch;
  if (!watch) return;
  const { checked, every, looks, problem } = watch;
  const age = secondsSince(checked, now);
  setText(node, every === null ? `Not watching since ${clockTime(checked, now)}` : `Checked ${age !== null && age < 60 ? duration(age) + " ago" : agoOf(checked, now)}`);
  node.classList.toggle("bad", Boolean(problem));
  const often = every === null ? "" : ` Looks at this company about every ${duration(every)} while it is on screen; each look is one request, ${count(looks, "request")} so far.`;
  setAttribute(node, "title", `As of ${localTime(checked)}.${often}${problem ? ` The last look failed: ${problem}` : ""}`);
}

function drawMeter(meter, fill, quota) {
  const share = quota?.limit ? Math.min(1, quota.remaining / quota.limit) : 0;
  fill.style.width = `${share * 100}%`;
  meter.className = `meter ${!quota ? "" : share === 0 ? "out" : share < 0.1 ? "low" : ""}`;
  setAttribute(meter, "aria-valuemax", quota?.limit ?? 0);
  setAttribute(meter, "aria-valuenow", quota?.remaining ?? 0);
}

function quotaText(quota, now) {
  if (!quota) return "requests left today: not known yet";
  const ofAll = quota.limit === null || quota.limit === undefined ? "" : ` of ${number(quota.limit)}`;
  const left = `${number(quota.remaining)}${ofAll} requests left today`;
  if (!quota.resets_at) return left;
  return `${left}, resets ${now === null ? `on ${dayTime(quota.resets_at)}` : `in ${duration(-secondsSince(quota.resets_at, now))}`}`;
}

export default { render };
