const TRAITS = ["size", "height", "width", "thing", "start", "step", "places", "answers", "networks", "i", "j"];
const KEPT = 5;
const TRUE_BOX = "stroke: #ffffff; stroke-width: 2px; stroke-dasharray: 2 3";
const LINES = ["stroke: #56b4e9; stroke-width: 3px", "stroke: #e69f00; stroke-width: 3px; stroke-dasharray: 7 4"];

/** Intersection over union of two boxes (centre row, centre column, height, width). */
function overlap(a, b) {
  const along = (k) =>
    relu(Math.min(a[k] + a[k + 2] / 2, b[k] + b[k + 2] / 2) - Math.max(a[k] - a[k + 2] / 2, b[k] - b[k + 2] / 2));
  const common = along(0) * along(1);
  return common / (a[2] * a[3] + b[2] * b[3] - common);
}

/** The thing at one of its places, and what each network stored for that place. */
export function compute({ size, height, width, thing, start, step, places, answers, i, j }) {
  const truth = [start + step * i, start + step * j, height, width];
  const [top, left] = [truth[0] - height / 2, truth[1] - width / 2];
  const ink = bytes(thing);
  const image = grid(size, size, (a, b) =>
    a >= top && b >= left && a < top + height && b < left + width ? ink[(a - top) * width + (b - left)] / 255 : 0,
  );
  const said = answers.map((stored) => {
    const codes = bytes(stored).subarray(2 * KEPT * (i * places + j));
    const value = (k) => (256 * codes[2 * k] + codes[2 * k + 1]) / 256 - 64;
    const box = [0, 1, 2, 3].map(value);
    return { box, score: value(4), iou: overlap(box, truth) };
  });
  return { truth, image, said };
}

const rect = ([i, j, height, width], attributes) =>
  s("rect", { x: j - width / 2, y: i - height / 2, width, height, ...attributes });

function render({ model, el }) {
  const [size, start, step, places] = ["size", "start", "step", "places"].map((name) => model.get(name));
  const ui = frame(el, "A digit, and the boxes of two networks",
    "Drag the digit, or select the picture and use the arrow keys. It may hang over the border.", 2, 1);
  const scene = picture(size, size, "what the networks see", "a canvas with a digit, its box, and the boxes of two networks");
  scene.stage.style.overflow = "hidden";
  scene.element.classList.add("cf-wide");
  const legend = h("p", { class: "cf-legend" });
  const names = ["the digit (true box)", ...model.get("networks")];
  const styles = [TRUE_BOX, ...LINES]; // on the black of the canvas
  names.forEach((name, n) => {
    const key = s("svg", { viewBox: "0 0 28 10", width: 28, height: 10, style: "background: #000", "aria-hidden": "true" });
    key.append(s("path", { d: "M0 5H28", style: styles[n] }));
    legend.append(h("span", { style: "display: inline-block; margin-inline: 0.4em" }, key, ` ${name} `));
  });
  ui.panels.append(scene.element, legend);
  const nearest = (n) => clamp(Math.round((n - start) / step), 0, places - 1);
  const at = () => [start + step * model.get("i"), start + step * model.get("j")];
  let from = [0, 0];
  grab(scene.stage, size, size, "Canvas with a digit. Arrow keys move it.", {
    down: ([i, j]) => (from = [at()[0] - i, at()[1] - j]),
    move: ([i, j]) => update(model, { i: nearest(from[0] + i), j: nearest(from[1] + j) }),
    step: (a, b) =>
      update(model, {
        i: clamp(model.get("i") + a, 0, places - 1),
        j: clamp(model.get("j") + b, 0, places - 1),
      }),
  });
  return follow(model, TRAITS, () => {
    const now = state(model, TRAITS);
    const r = compute(now);
    scene.paint(r.image, GRAY);
    scene.marks.replaceChildren(
      rect(r.truth, { style: TRUE_BOX }),
      ...r.said.flatMap((one, n) => [
        rect(one.box, { class: "cf-halo" }),
        rect(one.box, { style: LINES[n] }),
      ]),
    );
    const said = r.said.map(
      (one, n) => `${now.networks[n]}: IOU ${text(one.iou, 2)}, score ${text(one.score, 2)}.`,
    );
    ui.say(`Middle of the digit at row ${text(r.truth[0])}, column ${text(r.truth[1])} of ${size}. ${said.join(" ")}`);
  });
}

export default { render };
