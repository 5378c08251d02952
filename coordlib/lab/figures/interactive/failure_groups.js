const TRAITS = ["rows", "columns", "places", "right", "suspects", "suspect", "at"];
const RIGHT = ["#f0e442", "#6b6850"].map((hex) => ramp(hex, hex)(0));
const WRONG = ["#d55e00", "#4a2a12"].map((hex) => ramp(hex, hex)(0));

/** How the places divide by a suspect, and how much of the outcome lies between. */
export function compute({ right, suspects, suspect, at }) {
  const [, labels, chance] = suspects.find(([name]) => name === suspect);
  const names = [...new Set(labels)].sort((a, b) => a - b);
  const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;
  const groups = names.map((name) => {
    const those = right.filter((_, n) => labels[n] === name);
    return { name, count: those.length, share: mean(those) };
  });
  const all = mean(right);
  const between = groups.reduce((sum, g) => sum + g.count * (g.share - all) ** 2, 0);
  const explained = between / (right.length * all * (1 - all));
  return { labels, groups, chosen: names.indexOf(labels[at]), all, explained, chance };
}

function render({ model, el }) {
  const [rows, columns] = [model.get("rows"), model.get("columns")];
  const [places, right] = [model.get("places"), model.get("right")];
  const ui = frame(el, "Which dots fail", "Choose a suspect. Click a held-out dot, or select the map and use the arrow keys: its group lights up.", 2, 1);
  const map = picture(rows, columns, "drawn (yellow), missed (orange); bright: its group", "the canvas with its held-out dots: yellow ones were drawn, orange ones missed");
  const plot = s("svg", { class: "cf-plot cf-tall", preserveAspectRatio: "none", role: "img" });
  const heading = h("div", { class: "cf-title" });
  const axis = h("div", { class: "cf-axis", style: "justify-content: space-around" });
  ui.panels.append(map.element, h("div", {}, heading, plot, axis));
  const nearest = ([i, j]) => {
    const far = places.map(([a, b]) => (a - i) ** 2 + (b - j) ** 2);
    update(model, { at: far.indexOf(Math.min(...far)) });
  };
  grab(map.stage, rows, columns, "Map of held-out dots. Arrow keys go to the next dot and the one before.", {
    down: nearest,
    move: nearest,
    step: (a, b) => update(model, { at: clamp(model.get("at") + a + b, 0, places.length - 1) }),
  });
  ui.controls.append(choice(model, "suspect", "Suspect", model.get("suspects").map(([name]) => [name, name])));
  return follow(model, TRAITS, () => {
    const now = state(model, TRAITS);
    const r = compute(now);
    const index = new Map(places.map(([i, j], n) => [i * columns + j, n]));
    const own = r.groups[r.chosen];
    map.paint(grid(rows, columns, (i, j) => i * columns + j), (cell) => {
      if (!index.has(cell)) return [28, 32, 36];
      const n = index.get(cell);
      return (right[n] ? RIGHT : WRONG)[r.labels[n] === own.name ? 0 : 1];
    });
    const [i, j] = places[now.at];
    const box = { x: j - 0.5, y: i - 0.5, width: 2, height: 2 };
    map.marks.replaceChildren(s("rect", { class: "cf-halo", ...box }), s("rect", { class: "cf-mark", ...box }));
    const end = r.groups.length;
    plot.setAttribute("viewBox", `0 -1.03 ${end} 1.06`);
    plot.setAttribute("aria-label", `share of dots drawn in each of ${end} groups; line: share of all`);
    plot.replaceChildren(
      s("path", { d: `M0 0H${end}M0 -1H${end}`, class: "cf-zero" }),
      ...r.groups.map((g, k) =>
        s("path", { d: `M${k + 0.5} 0V${-g.share}`, class: `cf-stem ${k === r.chosen ? "cf-net0" : "cf-gray"}` }),
      ),
      s("path", { d: `M0 ${-r.all}H${end}`, style: "stroke-width: 1.5px; stroke-dasharray: 4 4" }),
    );
    heading.textContent = `drawn exactly, by ${now.suspect} (dashed: of all)`;
    axis.replaceChildren(...r.groups.map(({ name }) => h("span", {}, `${name}`)));
    const percent = (v) => `${text(100 * v)} %`;
    ui.say(
      `Row ${i}, column ${j}: ${right[now.at] ? "drawn" : "missed"}. By ${now.suspect} it is in group ${own.name}: ` +
        `${percent(own.share)} of ${own.count} drawn; of all ${right.length}, ${percent(r.all)}. ` +
        `The groups explain ${percent(r.explained)} of the outcome; p = ${text(r.chance, 3)}.`,
    );
  });
}

export default { render };
