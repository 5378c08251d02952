const TRAITS = ["rows", "columns", "i", "j", "amplitude", "second", "i2", "j2", "noise", "seed"];

/** Uniform numbers in [0, 1), the same for the same seed (mulberry32). */
function random(seed) {
  let a = seed | 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** The picture: dots of light, and normal noise (Box and Muller). */
function draw({ rows, columns, i, j, amplitude, second, i2, j2, noise, seed }) {
  const uniform = random(seed);
  const normal = () =>
    Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const image = grid(rows, columns, () => (noise ? noise * normal() : 0));
  image[i * columns + j] += amplitude;
  if (second) image[i2 * columns + j2] += amplitude;
  return image;
}

/** The decoder: length - sum of relu(length * image - index), for rows and columns. */
export function compute(now) {
  const { rows, columns } = now;
  const image = draw(now);
  const decode = (length, index) => {
    const rectified = grid(rows, columns, (i, j) =>
      relu(length * image[i * columns + j] - index(i, j)),
    );
    const sum = rectified.reduce((total, v) => total + v, 0);
    return { rectified, sum, result: length - sum };
  };
  return { image, i: decode(rows, (i) => i), j: decode(columns, (i, j) => j) };
}

/** A cross with an open middle, so that a dot under it stays in sight. */
function cross(i, j) {
  const [y, x] = [i + 0.5, j + 0.5];
  const d = `M${x - 2} ${y}h1.3M${x + 0.7} ${y}h1.3M${x} ${y - 2}v1.3M${x} ${y + 0.7}v1.3`;
  return [s("path", { class: "cf-halo", d }), s("path", { class: "cf-mark", d })];
}

function render({ model, el }) {
  const [rows, columns] = [model.get("rows"), model.get("columns")];
  const ui = frame(el, "The decoder made by hand",
    "Drag the dot, or select the first picture and use the arrow keys (with Shift: the second dot). The cross is the decoder’s answer.", 3);
  const image = picture(rows, columns, "the image", "the image, the decoder’s answer marked by a cross");
  const byRow = picture(rows, columns, `relu(${rows}·image − row)`, "the rectified map for the rows");
  const byColumn = picture(rows, columns, `relu(${columns}·image − col.)`, "the rectified map for the columns");
  image.element.classList.add("cf-wide");
  ui.panels.append(image.element, byRow.element, byColumn.element);
  const place = (which, [i, j]) => {
    const at = [clamp(i, 0, rows - 1), clamp(j, 0, columns - 1)];
    update(model, which === 2 ? { i2: at[0], j2: at[1] } : { i: at[0], j: at[1] });
  };
  const where = (which) =>
    which === 2 ? [model.get("i2"), model.get("j2")] : [model.get("i"), model.get("j")];
  const far = (which, [i, j]) => Math.hypot(where(which)[0] - i, where(which)[1] - j);
  let held = 1;
  grab(image.stage, rows, columns, "Image with a dot. Arrow keys move it; with Shift, the second dot.", {
    down: (at) => {
      held = model.get("second") && far(2, at) < far(1, at) ? 2 : 1;
      place(held, at);
    },
    move: (at) => place(held, at),
    step: (a, b, shifted) => {
      const which = shifted && model.get("second") ? 2 : 1;
      place(which, [where(which)[0] + a, where(which)[1] + b]);
    },
  });
  ui.controls.append(
    slider(model, "amplitude", "Brightness", { min: 0, max: 2, step: 0.05, show: (v) => text(v, 2) }),
    slider(model, "noise", "Noise", { min: 0, max: 0.1, step: 0.005, show: (v) => text(v, 3) }),
    slider(model, "seed", "Draw of the noise", { min: 0, max: 20 }),
    toggle(model, "second", "a second dot"),
  );
  return follow(model, TRAITS, () => {
    const now = state(model, TRAITS);
    const r = compute(now);
    image.paint(r.image, GRAY);
    byRow.paint(r.i.rectified, heat(rows));
    byColumn.paint(r.j.rectified, heat(columns));
    const [i, j] = [r.i.result, r.j.result];
    const inside = i > -1 && j > -1 && i < rows && j < columns;
    image.marks.replaceChildren(...(inside ? cross(i, j) : []));
    const decimals = Number.isInteger(i) && Number.isInteger(j) ? 0 : 2;
    const n = (v) => text(v, decimals);
    ui.say(
      `Row: ${rows} − ${n(r.i.sum)} = ${n(i)}. Column: ${columns} − ${n(r.j.sum)} = ${n(j)}. ` +
        `The dot is at row ${now.i}, column ${now.j}` +
        (now.second ? `, the other at row ${now.i2}, column ${now.j2}` : "") +
        (inside ? "." : "; the answer is off the canvas."),
    );
  });
}

export default { render };
