const TRAITS = ["signals", "signal", "layer", "shift"];
const BINOMIAL = { 1: [1], 2: [1 / 2, 1 / 2], 3: [1 / 4, 1 / 2, 1 / 4], 5: [1, 4, 6, 4, 1].map((v) => v / 16) };
/** Window of the maximum and taps of the blur, by the layer's name. */
const LAYERS = {
  max: [2, 1],
  "blur 2": [1, 2],
  "blur 3": [1, 3],
  "blur 5": [1, 5],
  "max, blur 3": [2, 3],
};

const roll = (x, by) => x.map((_, n) => x[wrap(n - by, x.length)]);

/** A maximum everywhere, a blur everywhere, then every second value; on a ring. */
function pool(x, layer) {
  const [window, taps] = LAYERS[layer];
  const dense = x.map((v, n) => (window === 2 ? Math.max(v, x[wrap(n + 1, x.length)]) : v));
  const before = Math.floor((taps - 1) / 2);
  const at = (n) =>
    BINOMIAL[taps].reduce((sum, w, k) => sum + w * dense[wrap(n + k - before, x.length)], 0);
  return dense.map((_, n) => at(n)).filter((_, n) => n % 2 === 0);
}

/** Pool the moved signal; move the pooled one by half as much; compare. */
export function compute({ signals, signal, layer, shift }) {
  const x = Object.fromEntries(signals)[signal];
  const moved = roll(x, shift);
  const pooled = pool(x, layer);
  const got = pool(moved, layer);
  const [low, high] = [Math.floor(shift / 2), Math.ceil(shift / 2)].map((by) => roll(pooled, by));
  const wanted = low.map((v, n) => (v + high[n]) / 2);
  const largest = Math.max(...got.map((v, n) => Math.abs(v - wanted[n])));
  return { moved, got, wanted, largest };
}

function bars(title, length) {
  const cells = Array.from({ length }, () => h("span", { class: "cf-bar" }));
  const row = h("div", { class: "cf-numbers", style: `grid-template-columns: repeat(${length}, 1fr)` });
  row.append(...cells);
  const name = h("div", { class: "cf-title" });
  const write = (values, words) => {
    name.textContent = words;
    values.forEach((v, n) => {
      cells[n].textContent = Number.isInteger(v) ? text(v) : text(v, 2);
      cells[n].style.setProperty("--cf-fill", `${100 * clamp(v, 0, 1)}%`);
    });
  };
  return { element: h("div", {}, name, row), write };
}

function render({ model, el }) {
  const ui = frame(el, "Pooling a signal that moves", "Move the signal and choose a layer of stride 2.", 1, 1);
  const length = model.get("signals")[0][1].length;
  const rows = [bars("", length), bars("", length / 2), bars("", length / 2)];
  ui.panels.append(...rows.map((row) => row.element));
  const names = model.get("signals").map(([name]) => name);
  ui.controls.append(
    slider(model, "shift", "Moved by", { min: 0, max: length }),
    choice(model, "layer", "Layer", Object.keys(LAYERS).map((name) => [name, name])),
    choice(model, "signal", "Signal", names.map((name) => [name, name])),
  );
  return follow(model, TRAITS, () => {
    const now = state(model, TRAITS);
    const r = compute(now);
    rows[0].write(r.moved, `the signal, moved by ${now.shift}`);
    rows[1].write(r.got, "moved, then pooled");
    rows[2].write(r.wanted, `pooled, then moved by ${text(now.shift / 2, now.shift % 2)}`);
    const list = (values) => values.map((v) => (Number.isInteger(v) ? text(v) : text(v, 2))).join(", ");
    ui.say(
      `Moved by ${now.shift}, ${now.layer}: ${list(r.got)}. ` +
        (r.largest > 1e-9
          ? `It should be ${list(r.wanted)}; the largest difference is ${text(r.largest, 2)}.`
          : "That is just what it should be: the difference is 0."),
    );
  });
}

export default { render };
