const TRAITS = ["rows", "columns", "high", "wide", "answers", "trained", "network", "split", "i", "j"];
const LINE = { field: "stroke: #56b4e9; stroke-width: 1.5px", answer: "stroke: #e69f00; stroke-width: 3px" };

/** What a network says at every place, and how far off that is. */
export function compute({ rows, columns, high, wide, answers, trained, network, split, i, j }) {
  const [, , low, step, stored] = answers.find(([name, part]) => name === network && part === split);
  const codes = bytes(stored);
  const known = Array.from(bytes(Object.fromEntries(trained)[split]), (v) => v > 0);
  const corner = [(rows - high) / 2, (columns - wide) / 2];
  const miss = known.map((_, n) => [low + step * codes[2 * n], low + step * codes[2 * n + 1]]);
  const off = miss.map(([a, b]) => Math.hypot(a, b));
  const mean = (side) => {
    const those = off.filter((_, n) => known[n] === side);
    return those.reduce((sum, v) => sum + v, 0) / those.length;
  };
  const at = (i - corner[0]) * wide + (j - corner[1]);
  const said = [i + miss[at][0], j + miss[at][1]];
  return { corner, known, miss, off, at, said, seen: mean(true), unseen: mean(false) };
}

function render({ model, el }) {
  const [rows, columns, high, wide] = ["rows", "columns", "high", "wide"].map((name) => model.get(name));
  const ui = frame(el, "Where the square is, and where a network says it is", "Drag the square, or select the first picture and use the arrow keys.", 2, 1);
  const scene = picture(rows, columns, "from truth to answer (dark: held out)", "the canvas; held-out places are dark, lines lead from true places to answers");
  const map = picture(rows, columns, "how far off (bright: 10 pixels and more)", "distance between truth and answer at every place; bright is far");
  ui.panels.append(scene.element, map.element);
  const [top, left] = [(rows - high) / 2, (columns - wide) / 2];
  const go = ([i, j]) =>
    update(model, { i: clamp(i, top, top + high - 1), j: clamp(j, left, left + wide - 1) });
  grab(scene.stage, rows, columns, "Canvas with a square. Arrow keys move it by one pixel.", {
    down: go,
    move: go,
    step: (a, b) => go([model.get("i") + a, model.get("j") + b]),
  });
  const options = (k) => [...new Set(model.get("answers").map((a) => a[k]))].map((name) => [name, name]);
  ui.controls.append(choice(model, "network", "Network", options(0)), choice(model, "split", "Split", options(1)));
  const side = model.get("side");
  const inside = (n, size) => clamp(n, -1, size);
  return follow(model, TRAITS, () => {
    const now = state(model, TRAITS);
    const r = compute(now);
    const place = (i, j) => (i < 0 || j < 0 || i >= high || j >= wide ? null : i * wide + j);
    const paint = (panel, value, color) =>
      panel.paint(grid(rows, columns, (i, j) => (place(i - top, j - left) === null ? -1 : value(place(i - top, j - left)))), color);
    paint(scene, (n) => (r.known[n] ? 0.4 : 0.15), GRAY);
    paint(map, (n) => r.off[n], (v) => (v < 0 ? [128, 128, 128] : HEAT(v / 10)));
    const line = (i, j, [down, right]) =>
      `M${j + 0.5} ${i + 0.5}L${inside(j + right, columns) + 0.5} ${inside(i + down, rows) + 0.5}`;
    const field = r.miss
      .map((miss, n) => [Math.floor(n / wide), n % wide, miss])
      .filter(([i, j]) => i % 5 === 2 && j % 5 === 2)
      .map(([i, j, miss]) => line(i + top, j + left, miss));
    const square = { x: now.j - (side - 1) / 2, y: now.i - (side - 1) / 2, width: side, height: side };
    const [y, x] = [inside(r.said[0], rows) + 0.5, inside(r.said[1], columns) + 0.5];
    scene.marks.replaceChildren(
      s("path", { d: field.join(""), style: LINE.field }),
      s("rect", { class: "cf-halo", ...square }),
      s("rect", { class: "cf-mark", ...square }),
      s("path", { d: line(now.i, now.j, r.miss[r.at]), style: LINE.answer }),
      s("path", { d: `M${x - 1} ${y - 1}l2 2m0 -2l-2 2`, style: LINE.answer }),
    );
    map.marks.replaceChildren(s("rect", { class: "cf-halo", ...square }), s("rect", { class: "cf-mark", ...square }));
    ui.say(
      `Row ${now.i}, column ${now.j} (${r.known[r.at] ? "trained on" : "held out"}). ` +
        `${now.network} says row ${text(r.said[0], 1)}, column ${text(r.said[1], 1)}: ${text(r.off[r.at], 1)} pixels off. ` +
        `On average ${text(r.seen, 1)} on the trained places of the ${now.split} split, ${text(r.unseen, 1)} on its held-out ones.`,
    );
  });
}

export default { render };
