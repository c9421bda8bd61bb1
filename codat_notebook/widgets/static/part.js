// The module of every part, as short as can be, since each part's state repeats it: it fetches the loader from the
// widget that keeps it (part.py) and hands over to it. What is unpacked or imported is so once in a page.
const page = (globalThis[Symbol.for("codat_notebook")] ??= new Map());
const once = (key, make) => page.get(key) ?? page.set(key, make()).get(key);
async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text();
}
const module = (text) => import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
// Whoever restores a page may come to the parts before the files: they are waited for.
async function find(manager, reference, tries = 100) {
  try { return await manager.get_model(reference.slice(10)); }
  catch (error) { if (!tries) throw error; }
  await new Promise((resolve) => setTimeout(resolve, 100));
  return find(manager, reference, tries - 1);
}
async function render(context) {
  const { model } = context;
  const widgets = await Promise.all(model.get("sources").map((name) => find(model.widget_manager, name)));
  const files = await Promise.all(widgets.map((each) => each.get("packed")).map((text) => once(text, async () => JSON.parse(await unpack(text)))));
  const script = files[0]["clock.js"] + files[0]["loader.js"]; // one module for the page, which keeps its clocks
  const loader = await once(script, () => module(script));
  return loader.load(context, widgets, files, { once, unpack, module });
}
export default { render };
