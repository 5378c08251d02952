const TRAITS = ["pictures", "picture", "rows", "columns", "kernel", "weight", "di", "dj"];

/** Move a picture around the ring, down and right. */
function moved(x, rows, columns, di, dj) {
  return grid(rows, columns, (i, j) => x[wrap(i - di, rows) * columns + wrap(j - dj, columns)]);
}

/** A 3x3 convolution on the ring, as torch has it: the kernel is not turned. */
function convolve(x, rows, columns, weight) {
  return grid(rows, columns, (i, j) => {
    let sum = 0;
    for (let a = 0; a < 3; a++)
      for (let b = 0; b < 3; b++)
        sum += weight(a, b) * x[wrap(i + a - 1, rows) * columns + wrap(j + b - 1, columns)];
    return sum;
  });
}

/** Both ways round the square for a layer whose coordinate weights are all one number. */
export function compute({ pictures, picture, rows, columns, kernel, weight, di, dj }) {
  const x = Array.from(bytes(Object.fromEntries(pictures)[picture]), (v) => v / 255);
  const unit = (n, size) => (size > 1 ? (2 * n) / (size - 1) - 1 : 0);
  const ramps = grid(rows, columns, (i, j) => unit(i, rows) + unit(j, columns));
  const bias = convolve(ramps, rows, columns, () => weight);
  const layer = (y) => convolve(y, rows, columns, (a, b) => kernel[a][b]).map((v, n) => v + bias[n]);
  const shifted = moved(x, rows, columns, di, dj);
  const one = layer(shifted);
  const other = moved(layer(x), rows, columns, di, dj);
  const difference = one.map((v, n) => v - other[n]);
  const sizes = difference.map(Math.abs);
  const mean = sizes.reduce((sum, v) => sum + v, 0) / sizes.length;
  return { shifted, one, other, difference, mean, largest: Math.max(...sizes) };
}

function render({ model, el }) {
  const [rows, columns] = [model.get("rows"), model.get("columns")];
  const ui = frame(el, "A bias that knows the place, turned up",
    "Turn up the weights on the coordinates. Drag the first picture, or select it and use the arrow keys.");
  const panels = [
    ["shift x", "the picture, moved around the ring"],
    ["f(shift x)", "the picture moved, then through the layer"],
    ["shift f(x)", "the picture through the layer, then moved"],
    ["difference", "one minus the other; the middle colour is none"],
  ].map(([title, label]) => picture(rows, columns, title, label));
  ui.panels.append(...panels.map((panel) => panel.element));
  // From -size/2 up to size/2, so that the text names the shorter way round.
  const short = (n, size) => wrap(n + size / 2, size) - size / 2;
  const go = (di, dj) => update(model, { di: short(di, rows), dj: short(dj, columns) });
  let from = null;
  grab(panels[0].stage, rows, columns, "Picture to move. Arrow keys shift it by one pixel.", {
    down: ([i, j]) => (from = [model.get("di") - i, model.get("dj") - j]),
    move: ([i, j]) => go(from[0] + i, from[1] + j),
    step: (a, b) => go(model.get("di") + a, model.get("dj") + b),
  });
  const names = model.get("pictures").map(([name]) => [name, name]);
  ui.controls.append(
    slider(model, "weight", "Coordinate weights", { min: 0, max: 0.1, step: 0.005, show: (v) => text(v, 3) }),
    choice(model, "picture", "Picture", names),
  );
  return follow(model, TRAITS, () => {
    const now = state(model, TRAITS);
    const r = compute(now);
    panels[0].paint(r.shifted, GRAY);
    panels[1].paint(r.one, signed(1.5));
    panels[2].paint(r.other, signed(1.5));
    panels[3].paint(r.difference, signed(1.5));
    const way = (d, ahead, back) => `${Math.abs(d)} ${d < 0 ? back : ahead}`;
    const by = `${way(now.di, "down", "up")} and ${way(now.dj, "to the right", "to the left")}`;
    ui.say(
      `Weights ${text(now.weight, 3)}, ${now.picture} moved ${by}. ` +
        (r.largest > 1e-9
          ? `The two ways differ by ${text(r.mean, 3)} on average, by ${text(r.largest, 3)} at most.`
          : "The two ways agree in every pixel: the difference is 0."),
    );
  });
}

export default { render };
