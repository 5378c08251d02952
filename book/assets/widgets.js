// Runs the interactive figures of a page, without a kernel and without a library.
//
// A page holds the state of its widgets (as Jupyter stores it) in one script element,
// and another where each is to be shown. Every figure brings its own module in its
// state; it is given a model with get, set and change events, as anywidget gives it.

const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';

class Model {
  constructor(state) {
    this.state = { ...state };
    this.listeners = new Map();
  }
  get(name) {
    return this.state[name];
  }
  set(name, value) {
    if (this.state[name] === value) return;
    this.state[name] = value;
    for (const event of [`change:${name}`, "change"])
      for (const callback of [...(this.listeners.get(event) ?? [])]) callback();
  }
  on(event, callback) {
    if (!this.listeners.has(event)) this.listeners.set(event, new Set());
    this.listeners.get(event).add(callback);
  }
  off(event, callback) {
    if (callback) this.listeners.get(event)?.delete(callback);
    else this.listeners.delete(event);
  }
  // Nobody listens behind a page.
  save_changes() {}
  send() {}
}

const styles = new Set();

function addStyle(text) {
  if (!text || styles.has(text)) return;
  styles.add(text);
  const style = document.createElement("style");
  style.textContent = text;
  document.head.append(style);
}

async function show(place, state) {
  if (!state?._esm) throw new Error("a figure of this page is not stored in it");
  addStyle(state._css);
  const url = URL.createObjectURL(new Blob([state._esm], { type: "text/javascript" }));
  const module = await import(url);
  URL.revokeObjectURL(url);
  const el = document.createElement("div");
  place.after(el);
  const model = new Model(state);
  await module.default.initialize?.({ model });
  await module.default.render({ model, el });
}

/** What the address names, or null. */
function named() {
  try {
    return document.getElementById(decodeURIComponent(location.hash.slice(1)));
  } catch {
    return null; // a per cent sign that begins no letter
  }
}

/** The browser went to the place that the address names, or to where the page was left, while
 *  the figures were empty: go there again, unless the reader has moved since. */
function settle(shown) {
  // Places are kept by the entries of the tab's history, where the browser numbers these.
  const { navigation } = globalThis;
  const came = performance.getEntriesByType("navigation")[0]?.type;
  const name = (entry) => `left ${entry?.key}`;
  const left = came === "navigate" ? null : sessionStorage.getItem(name(navigation?.currentEntry));
  let [top, moved, placed] = [left ?? 0, false, false];
  for (const event of ["wheel", "pointerdown", "keydown"])
    addEventListener(event, () => (moved = true), { once: true, passive: true });
  // A page that is being left is laid out as without scripts, so it is not asked then.
  addEventListener("scroll", () => (top = moved || placed ? scrollY : top), { passive: true });
  const keep = (entry) => {
    try {
      sessionStorage.setItem(name(entry), top);
    } catch {
      // Full: the browser's own place has to do.
    }
  };
  if (navigation) addEventListener("pagehide", () => keep(navigation.currentEntry));
  navigation?.addEventListener("currententrychange", ({ from }) => keep(from));
  const place = () => {
    if (!moved && left !== null) scrollTo({ top: left, behavior: "instant" });
    else if (!moved) named()?.scrollIntoView();
    [top, placed] = [scrollY, true];
  };
  // Two frames later what scrolls sideways has been told so, which takes a line.
  Promise.all(shown).then(() => requestAnimationFrame(() => requestAnimationFrame(place)));
}

const stored = document.querySelector(STATE);
if (stored) {
  const models = JSON.parse(stored.textContent).state;
  const shown = Array.from(document.querySelectorAll(VIEW), (view) =>
    show(view, models[JSON.parse(view.textContent).model_id]?.state).catch((error) => {
      console.error(error);
      const note = document.createElement("p");
      note.textContent = "This figure could not be shown in this browser.";
      view.after(note);
    }),
  );
  // A folded answer makes room for the question that takes a guess.
  const keyed = new Map(Object.values(models).map(({ state }) => [state.key, state]));
  for (const folded of document.querySelectorAll("details[data-figure]"))
    shown.push(show(folded, keyed.get(folded.dataset.figure)).then(() => folded.remove(), console.error));
  settle(shown);
}
