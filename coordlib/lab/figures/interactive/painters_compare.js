const TRAITS = ["rows", "columns", "height", "width", "first", "second", "names", "trained", "origin", "i", "j"];

/** The two stored patches for position (i, j), and what can be said of each. */
export function compute({ columns, height, width, first, second, trained, i, j }) {
  const size = height * width;
  const at = i * columns + j;
  const look = (stored) => {
    const patch = Array.from(bytes(stored).subarray(at * size, (at + 1) * size), (v) => v / 255);
    const top = patch.indexOf(Math.max(...patch));
    return {
      patch,
      lit: patch.filter((v) => v > 0.5).length,
      peak: patch[top],
      off: [Math.floor(top / width) - (height >> 1), (top % width) - (width >> 1)],
    };
  };
  const known = trained ? bytes(trained)[at] > 0 : null;
  return { first: look(first), second: look(second), known };
}

function place([down, right]) {
  if (!down && !right) return "at the target";
  const words = [];
  if (down) words.push(`${Math.abs(down)} ${down > 0 ? "below" : "above"}`);
  if (right) words.push(`${Math.abs(right)} to the ${right > 0 ? "right" : "left"}`);
  return words.join(", ");
}

function box(i, j, side) {
  const at = { x: j - (side - 1) / 2, y: i - (side - 1) / 2, width: side, height: side };
  return [s("rect", { class: "cf-halo", ...at }), s("rect", { class: "cf-mark", ...at })];
}

function render({ model, el }) {
  const [rows, columns] = [model.get("rows"), model.get("columns")];
  const [height, width] = [model.get("height"), model.get("width")];
  const names = model.get("names");
  const ui = frame(el, "What two networks paint", "Click a place in the first picture, or select it and use the arrow keys.", 3);
  const trained = model.get("trained");
  const title = trained ? "where? (bright: trained on)" : "where?";
  const asked = picture(rows, columns, title, "the places to ask for; bright ones were trained on");
  const painted = names.map((name) =>
    picture(height, width, name, `what ${name} paints around the target, which is outlined`),
  );
  asked.element.classList.add("cf-wide");
  ui.panels.append(asked.element, ...painted.map((panel) => panel.element));
  const known = trained ? bytes(trained) : null;
  asked.paint(grid(rows, columns, (i, j) => (known && !known[i * columns + j] ? 0.2 : 0.75)), GRAY);
  for (const panel of painted)
    panel.marks.replaceChildren(...box(height >> 1, width >> 1, model.get("side")));
  const go = ([i, j]) => update(model, { i: clamp(i, 0, rows - 1), j: clamp(j, 0, columns - 1) });
  grab(asked.stage, rows, columns, "Places to ask for. Arrow keys move by one pixel.", {
    down: go,
    move: go,
    step: (a, b) => go([model.get("i") + a, model.get("j") + b]),
  });
  return follow(model, TRAITS, () => {
    const now = state(model, TRAITS);
    const r = compute(now);
    asked.marks.replaceChildren(...box(now.i, now.j, 3));
    const say = (name, look) =>
      `${name}: ${look.lit} ${look.lit === 1 ? "pixel" : "pixels"} lit, the brightest ${place(look.off)} (${text(look.peak, 2)}).`;
    painted[0].paint(r.first.patch, GRAY);
    painted[1].paint(r.second.patch, GRAY);
    const kind = r.known === null ? "" : r.known ? " (trained on)" : " (held out)";
    const both = [say(names[0], r.first), say(names[1], r.second)].join(" ");
    ui.say(`Row ${now.i + now.origin}, column ${now.j + now.origin}${kind}. ${both}`);
  });
}

export default { render };
