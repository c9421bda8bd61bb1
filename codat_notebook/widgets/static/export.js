// The Export menu of a table. The kernel makes the file of all rows that match and sends it in pieces, and tells how far
// it is; the browser puts them together and saves them, without a server and without leaving the page.

const CHOICES = [["copy", "Copy table"], ["csv", "CSV file"], ["xlsx", "Excel file"]];
const SILENT = 6000; // ms: the kernel says something every two seconds while it is at work

/** A file out of its pieces, unpacked. */
async function assembled(pieces, { gzip, mime }) {
  const blob = new Blob(pieces, { type: mime });
  if (!gzip) return blob;
  const plain = blob.stream().pipeThrough(new DecompressionStream("gzip"));
  return new Blob([await new Response(plain).arrayBuffer()], { type: mime });
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = h("a", { href: url, download: name, style: { display: "none" } });
  document.body.append(link); // outside the part, or the click would be the part's
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** When a file is saved, in the reader's zone, as its name says it. */
const savedAt = () => localTime(new Date().toISOString()).slice(0, 16).replace(":", "");

/** What `button` starts, and `stop`, to be shown while something is under way; `say` shows a word beside them. */
function exporter(model, button, say, noun, rows) {
  const stop = h("button", { class: "ct-stop c-link", type: "button", hidden: true, onclick: give }, "Stop");
  const silent = delayed(() => say(WAITING));
  let wanted = null, sent = 0;

  function end(words) {
    wanted = null;
    silent.stop();
    setDisabled(button, false);
    if (stop.contains(document.activeElement)) button.focus();
    stop.hidden = true;
    say(words);
  }

  /** No more of it is taken, whatever still comes; the kernel is told, which may be later, and makes no more. */
  function give() {
    const { files } = wanted;
    model.send({ type: "stop_export", seq: sent });
    end("Stopped. Nothing was saved.");
    files.forEach(({ reject }) => reject(new Error("Stopped."))); // the clipboard waits for it
  }

  function start(choice) {
    sent = Math.max(Date.now(), sent + 1);
    const files = new Map();
    const blobOf = (form) => new Promise((resolve, reject) => files.set(form, { resolve, reject, pieces: [] }));
    const mine = wanted = { seq: sent, files };
    setDisabled(button, true);
    stop.hidden = false;
    say("Preparing…");
    silent.start(SILENT / 3);
    model.send({ type: "export", choice, seq: sent });
    const saved = ({ blob, name }) => { save(blob, name); return `Saved ${name}.`; };
    const done = choice === "copy" ? copy(blobOf("tsv"), blobOf("html")) : blobOf(choice).then((file) => (mine === wanted ? saved(file) : ""));
    done.then((words) => mine === wanted && end(words), (error) => mine === wanted && end(error.message));
  }

  /** Both forms at once. The clipboard is asked within the click, and filled when the kernel has answered. */
  function copy(tsv, html) {
    const both = Promise.all([tsv, html]);
    if (!window.ClipboardItem || !navigator.clipboard?.write) return both.then(() => { throw new Error("The clipboard needs https or localhost: use the CSV file."); });
    const quiet = (promise) => { promise.catch(() => {}); return promise; }; // what fails is told once, by the last line
    const part = (type, n) => quiet(both.then((files) => new Blob([files[n].blob], { type })));
    const written = quiet(navigator.clipboard.write([new ClipboardItem({ "text/plain": part("text/plain", 0), "text/html": part("text/html", 1) })]));
    const copied = rows();
    return both.then(() => written).then(() => `Copied ${copied}.`);
  }

  function receive(message, buffers) {
    if (message?.type !== "file" || message.seq !== wanted?.seq) return;
    silent.start(SILENT);
    if (message.error) return void wanted.files.forEach(({ reject }) => reject(new Error(message.error)));
    if (!message.form) return; // it only says that it is at work
    const { form, rows: made, of, left } = message;
    const file = wanted.files.get(form);
    file.pieces.push(...buffers);
    if (message.last) assembled(file.pieces, message).then((blob) => file.resolve({ blob, name: `${message.name} - ${savedAt()}.${form}` }), file.reject);
    say(made < of ? `Exporting: ${number(made)} of ${count(of, noun())}` : left ? `Exporting: ${(left / 1e6).toFixed(1)} MB to go` : "Saving…");
  }

  model.on("msg:custom", receive);
  return { start, stop, end: () => { silent.stop(); model.off("msg:custom", receive); } };
}

/** The button with its menu, and `stop`. */
function exportMenu(model, say, noun, rows) {
  const about = h("p", { class: "c-dim" });
  const items = CHOICES.map(([choice, words]) => h("button", { type: "button", role: "menuitem", tabindex: -1, onclick: () => { floating.hide(); button.focus(); made.start(choice); } }, words));
  const menu = h("div", { class: "ct-menu", role: "menu", "aria-label": "Export" }, about, items);
  const button = h("button", { class: "c-btn small", type: "button", "aria-haspopup": "menu" }, "Export ▾");
  const floating = floats(button, menu, () => items[0].focus());
  const element = h("span", { class: "ct-export" }, button, menu);
  const made = exporter(model, button, say, noun, rows);
  menu.addEventListener("beforetoggle", () => setText(about, `${rows()}, all pages`));
  onKey(menu, (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
    event.preventDefault();
  });
  return { element, start: made.start, stop: made.stop, end: () => { floating.end(); made.end(); } };
}
