const TRAITS = ["picture", "rows", "columns", "kernels", "kernel", "i", "j"];

/** What the kernel reads at (i, j), its products, their sum, and the whole map. */
export function compute({ picture, rows, columns, kernels, kernel, i, j }) {
  // In hundredths, as they are written: a reader may add them up.
  const x = Array.from(bytes(picture), (v) => Math.round(v / 2.55) / 100);
  const weights = Object.fromEntries(kernels)[kernel].flat();
  const patch = (a, b) =>
    grid(3, 3, (p, q) => {
      const [r, c] = [a + p - 1, b + q - 1];
      return r < 0 || c < 0 || r >= rows || c >= columns ? 0 : x[r * columns + c];
    });
  const sum = (values) => values.reduce((total, v, n) => total + v * weights[n], 0);
  const seen = patch(i, j);
  return {
    x,
    weights,
    patch: seen,
    products: seen.map((v, n) => v * weights[n]),
    sum: sum(seen),
    map: grid(rows, columns, (a, b) => sum(patch(a, b))),
  };
}

function numbers(title) {
  const cells = grid(3, 3, () => h("span"));
  const table = h("div", { class: "cf-numbers", style: "grid-template-columns: repeat(3, 1fr)" });
  table.append(...cells);
  const element = h("div", { class: "cf-panel" }, h("div", { class: "cf-title" }, title), table);
  const write = (values, decimals) =>
    values.forEach((v, n) => (cells[n].textContent = text(v, decimals)));
  return { element, write };
}

function outline(marks, size, i, j) {
  const box = { x: j - (size - 1) / 2, y: i - (size - 1) / 2, width: size, height: size };
  marks.replaceChildren(s("rect", { class: "cf-halo", ...box }), s("rect", { class: "cf-mark", ...box }));
}

function render({ model, el }) {
  const [rows, columns] = [model.get("rows"), model.get("columns")];
  const ui = frame(el, "A kernel sliding over a picture", "Drag over the picture, or select it and use the arrow keys.", 2);
  const before = picture(rows, columns, "the picture", "the picture, with the 3 by 3 window outlined");
  const after = picture(rows, columns, "the weighted sums", "the map of all weighted sums, the present one outlined");
  const patch = numbers("what the window reads");
  const weights = numbers("the kernel");
  const row = h("div", { class: "cf-panels", style: "--cf-columns: 2; margin-top: 0.8rem" });
  row.append(patch.element, weights.element);
  ui.panels.append(before.element, after.element);
  ui.panels.after(row);
  const go = ([i, j]) => update(model, { i: clamp(i, 0, rows - 1), j: clamp(j, 0, columns - 1) });
  grab(before.stage, rows, columns, "Picture with a window. Arrow keys move it by one pixel.", {
    down: go,
    move: go,
    step: (a, b) => go([model.get("i") + a, model.get("j") + b]),
  });
  const names = model.get("kernels").map(([name]) => name);
  ui.controls.append(choice(model, "kernel", "Kernel", names.map((name) => [name, name])));
  return follow(model, TRAITS, () => {
    const now = state(model, TRAITS);
    const r = compute(now);
    before.paint(r.x, GRAY);
    after.paint(r.map, signed(Math.max(...r.map.map(Math.abs))));
    outline(before.marks, 3, now.i + 0, now.j);
    outline(after.marks, 1, now.i, now.j);
    patch.write(r.patch, 2);
    const whole = r.weights.every(Number.isInteger);
    weights.write(r.weights, whole ? 0 : 2);
    const terms = r.products.filter((v, n) => r.weights[n]).map((v) => text(v, whole ? 2 : 3));
    const written = terms.join(" + ").replaceAll("+ −", "− ");
    ui.say(`Row ${now.i}, column ${now.j}: ${written} = ${text(r.sum, 2)}`);
  });
}

export default { render };
