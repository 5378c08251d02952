const TRAITS = ["rows", "columns", "high", "wide", "answers", "trained", "split", "i", "j"];
const LINE = "stroke: #56b4e9; stroke-width: 1.5px";
// Trained and wrong, trained and right, held out and wrong, held out and right.
const KINDS = [[20, 20, 20], [86, 180, 233], [213, 94, 0], [240, 228, 66]];
const OUTSIDE = [128, 128, 128];

/** Where each network paints for position (i, j), and how often it is right. */
export function compute({ rows, columns, high, wide, answers, trained, split, i, j }) {
  const known = Array.from(bytes(Object.fromEntries(trained)[split]), (v) => v > 0);
  const corner = [(rows - high) / 2, (columns - wide) / 2];
  const at = (i - corner[0]) * wide + (j - corner[1]);
  const share = (right, side) => {
    const those = right.filter((_, n) => known[n] === side);
    return those.filter(Boolean).length / those.length;
  };
  const networks = answers
    .filter(([, part]) => part === split)
    .map(([name, , stored]) => {
      const said = bytes(stored);
      const right = known.map(
        (_, n) =>
          said[2 * n] === Math.floor(n / wide) + corner[0] && said[2 * n + 1] === (n % wide) + corner[1],
      );
      const painted = [said[2 * at], said[2 * at + 1]];
      const off = Math.hypot(painted[0] - i, painted[1] - j);
      return { name, painted, off, right, trained: share(right, true), held: share(right, false) };
    });
  return { corner, known, at, networks };
}

function render({ model, el }) {
  const [rows, columns, high, wide] = ["rows", "columns", "high", "wide"].map((name) => model.get(name));
  const ui = frame(el, "Where four painters paint the dot", "Drag the dot in any picture, or select one and use the arrow keys.", 2, 2);
  const names = [...new Set(model.get("answers").map(([name]) => name))];
  const [top, left] = [(rows - high) / 2, (columns - wide) / 2];
  const go = ([i, j]) =>
    update(model, { i: clamp(i, top, top + high - 1), j: clamp(j, left, left + wide - 1) });
  const panels = names.map((name) => {
    const panel = picture(rows, columns, name, `which dots ${name} paints exactly, and where it paints this one`);
    grab(panel.stage, rows, columns, `Canvas of ${name}. Arrow keys move the dot by one pixel.`, {
      down: go,
      move: go,
      step: (a, b) => go([model.get("i") + a, model.get("j") + b]),
    });
    ui.panels.append(panel.element);
    return panel;
  });
  const splits = model.get("trained").map(([name]) => [name, name]);
  ui.controls.append(choice(model, "split", "Held out", splits));
  const inside = (i, j) => i >= top && j >= left && i < top + high && j < left + wide;
  return follow(model, TRAITS, () => {
    const now = state(model, TRAITS);
    const r = compute(now);
    r.networks.forEach((network, k) => {
      const kind = (i, j) => {
        const n = (i - top) * wide + (j - left);
        return 2 * !r.known[n] + network.right[n];
      };
      panels[k].paint(
        grid(rows, columns, (i, j) => (inside(i, j) ? kind(i, j) : -1)),
        (v) => (v < 0 ? OUTSIDE : KINDS[v]),
      );
      const target = { x: now.j - 1, y: now.i - 1, width: 3, height: 3 };
      const [y, x] = [network.painted[0] + 0.5, network.painted[1] + 0.5];
      panels[k].marks.replaceChildren(
        s("rect", { class: "cf-halo", ...target }),
        s("rect", { class: "cf-mark", ...target }),
        s("path", { d: `M${now.j + 0.5} ${now.i + 0.5}L${x} ${y}`, style: "stroke: #ffffff; stroke-width: 3px" }),
        s("path", { d: `M${now.j + 0.5} ${now.i + 0.5}L${x} ${y}M${x - 1.5} ${y - 1.5}l3 3m0 -3l-3 3`, style: LINE }),
      );
    });
    const percent = (share) => `${text(100 * share)} %`;
    const say = ({ name, off, held }) =>
      `${name}: ${off ? `${text(off, 1)} pixels off` : "exact"}; ${percent(held)} of the held-out dots.`;
    ui.say(
      `Row ${now.i}, column ${now.j} (${r.known[r.at] ? "trained on" : "held out"}). ` +
        r.networks.map(say).join(" "),
    );
  });
}

export default { render };
