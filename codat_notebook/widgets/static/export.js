// The Export menu of a table. The kernel makes the file of all rows that match and sends it in pieces; the browser puts
// them together and saves them, without a server and without leaving the page.

const CHOICES = [["copy", "Copy table"], ["csv", "CSV file"], ["xlsx", "Excel file"]];

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

/** The button with its menu; `ask` sends a message, `say` shows a word in the table's foot. */
function exportMenu(model, say, rows) {
  const about = h("p", { class: "c-dim" });
  const items = CHOICES.map(([choice, words]) => h("button", { type: "button", role: "menuitem", tabindex: -1, onclick: () => start(choice) }, words));
  const menu = h("div", { class: "ct-menu", role: "menu", "aria-label": "Export" }, about, items);
  const button = h("button", { class: "c-btn small", type: "button", "aria-haspopup": "menu" }, "Export ▾");
  const floating = floats(button, menu, () => items[0].focus());
  const element = h("span", { class: "ct-export" }, button, menu);
  let wanted = null, sent = 0;

  function end(words) {
    wanted = null;
    setDisabled(button, false);
    say(words);
  }

  function start(choice) {
    floating.hide();
    button.focus();
    sent = Math.max(Date.now(), sent + 1);
    const files = new Map();
    const blobOf = (form) => new Promise((resolve, reject) => files.set(form, { resolve, reject, pieces: [] }));
    wanted = { seq: sent, files };
    setDisabled(button, true);
    say("Preparing…");
    model.send({ type: "export", choice, seq: sent });
    const done = choice === "copy" ? copy(blobOf("tsv"), blobOf("html")) : blobOf(choice).then(({ blob, name }) => { save(blob, name); return `Saved ${name}.`; });
    const mine = sent;
    done.then((words) => mine === sent && end(words), (error) => mine === sent && end(error.message));
  }

  /** Both forms at once. The clipboard is asked within the click, and filled when the kernel has answered. */
  function copy(tsv, html) {
    const both = Promise.all([tsv, html]);
    if (!window.ClipboardItem || !navigator.clipboard?.write) return both.then(() => { throw new Error("The clipboard needs https or localhost: take the CSV file."); });
    const quiet = (promise) => { promise.catch(() => {}); return promise; }; // what fails is told once, by the last line
    const part = (type, n) => quiet(both.then((files) => new Blob([files[n].blob], { type })));
    const written = quiet(navigator.clipboard.write([new ClipboardItem({ "text/plain": part("text/plain", 0), "text/html": part("text/html", 1) })]));
    return both.then(() => written).then(() => `Copied ${rows()}.`);
  }

  function receive(message, buffers) {
    if (message?.type !== "file" || message.seq !== wanted?.seq) return;
    if (message.error) return void wanted.files.forEach(({ reject }) => reject(new Error(message.error)));
    const file = wanted.files.get(message.form);
    file.pieces.push(...buffers);
    if (message.last) assembled(file.pieces, message).then((blob) => file.resolve({ blob, name: message.name }), file.reject);
  }

  menu.addEventListener("beforetoggle", () => setText(about, `${rows()}, all pages`));
  menu.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
    event.preventDefault();
  });
  model.on("msg:custom", receive);
  return { element, end: () => { floating.end(); model.off("msg:custom", receive); } };
}
