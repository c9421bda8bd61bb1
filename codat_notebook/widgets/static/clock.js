// The server's time in the browser: one clock for each session, which all parts of the session read, so that two of them
// never tell two ages. It stands in front of the loader, which is one module for a whole page.
//
// A clock is known once its kernel has told a time while the page was there. From then on it goes by what passes here: of
// the browser's two clocks only differences count (one that is an hour wrong changes nothing), and the larger of both,
// for either may stand while the machine sleeps. What a kernel tells may come late, but never early. So a time only moves
// the clock on; where it seems to go ahead, where the machine slept and where the page comes back, the kernel is asked.

const [BEAT, LATE, AWAY, AGAIN, TOGETHER] = [1000, 3000, 5000, 30_000, 50]; // milliseconds
const here = () => ({ steady: performance.now(), wall: Date.now() });
const since = (then) => Math.max(performance.now() - then.steady, Date.now() - then.wall);

class Clock {
  /** What reads it: {live(), send(message), draw()} for each part on the page. */
  parts = new Set();
  /** The time of this beat in milliseconds, null while it is not known: the same for all that is drawn until the next. */
  now = null;
  #anchor = null;
  #number = 0;
  #asked = null;
  #answered = true;
  #asking = 0;

  /** The server's seconds in one of ours; 0 while its clock stands. */
  get speed() { return this.#anchor?.speed ?? 1; }

  #time() { return this.#anchor && this.#anchor.time + since(this.#anchor.at) * this.#anchor.speed; }

  /** A state has come just now, written at this time. */
  hear({ now, speed }) {
    const [time, told] = [this.#time(), Date.parse(now)];
    if (Number.isNaN(told)) return;
    if (time === null || speed !== this.#anchor.speed || told > time) this.#set(told, speed);
    else if (time - told > LATE * Math.max(1, speed)) this.ask();
  }

  /** The kernel's answer. One that took long may have waited here rather than there: it is a time like others. */
  answer({ number, now, speed }) {
    this.#answered = true;
    if (number === this.#number && this.#asked && since(this.#asked) < LATE) this.#set(Date.parse(now), speed);
    else this.hear({ now, speed });
  }

  /** Ask the kernel, once for all who ask at the same moment; again only after a while, unless the page comes back. */
  ask(back = false) {
    if (this.#asking || (!back && this.#asked && since(this.#asked) < (this.#answered ? LATE : AGAIN))) return;
    this.#asking = setTimeout(() => {
      this.#asking = 0;
      const live = [...this.parts].filter((part) => part.live());
      if (!live.length) return;
      [this.#asked, this.#answered] = [here(), false];
      live[++this.#number % live.length].send({ type: "time", number: this.#number });
    }, TOGETHER);
  }

  /** No kernel stands behind it any more. */
  forget() {
    this.#anchor = this.#asked = null;
    this.#show();
  }

  beat(away) {
    if (away || !this.#anchor) this.ask(away);
    this.#show();
  }

  #set(time, speed) {
    const jump = Math.abs(time - (this.#time() ?? Infinity)) > BEAT * Math.max(1, speed);
    this.#anchor = { time, speed, at: here() };
    if (jump) this.#show();
  }

  #show() {
    const before = this.now;
    this.now = this.#time();
    if (this.now !== before) for (const part of [...this.parts]) part.draw();
  }
}

const clocks = new Map();
let [last, gone] = [here(), false];
function beat(back) {
  const away = back || since(last) > AWAY || Math.abs((performance.now() - last.steady) - (Date.now() - last.wall)) > LATE;
  last = here();
  if (document.visibilityState === "visible" && !gone) for (const clock of clocks.values()) clock.beat(away);
}
setInterval(() => beat(false), BEAT);
document.addEventListener("visibilitychange", () => beat(true));
// The page around the parts says whether the kernel behind them all is gone, which it alone can know in the app.
document.addEventListener("codat-kernel", ({ detail }) => {
  if (gone === detail.gone) return;
  gone = detail.gone;
  for (const clock of clocks.values()) if (gone) clock.forget(); else clock.ask(true);
});

/** A part's view of the clock of its session; the session may change, and a part without one has none. */
function timeFor(model, live) {
  const drawn = new Set();
  const part = {
    live,
    send: (message) => model.send(message),
    draw: () => { for (const draw of [...drawn]) try { draw(); } catch (error) { reportError(error); } },
  };
  let clock = null;
  const attend = (told) => {
    const { clock: name } = model.asOf();
    const own = name ? clocks.get(name) ?? clocks.set(name, new Clock()).get(name) : null;
    if (own !== clock) {
      clock?.parts.delete(part);
      clock = own;
      clock?.parts.add(part);
    }
    if (told) clock?.hear(model.asOf());
    else if (clock?.now === null) clock.ask();
  };
  const come = () => attend(true);
  const hear = (content) => { if (content?.type === "time") clocks.get(content.clock)?.answer(content); };
  model.on("change:state", come);
  model.on("msg:custom", hear);
  attend(false);
  return {
    /** The server's time in milliseconds; null while it is not known, and what is shown is as of `asOf()`. */
    now: () => clock?.now ?? null,
    asOf: () => Date.parse(model.asOf().now),
    speed: () => clock?.speed ?? 1,
    waits: () => clock !== null && clock.now === null && !gone,
    /** Draw at each beat. Returns a way to end it. */
    each(draw) { drawn.add(draw); return () => drawn.delete(draw); },
    kernel() { if (live()) clock?.ask(true); else clock?.forget(); },
    end() { model.off("change:state", come); model.off("msg:custom", hear); clock?.parts.delete(part); },
  };
}
