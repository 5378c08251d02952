const TRAITS = ["rows", "columns", "y", "x", "side", "below", "above", "right", "left"];

/** The four rectifiers, and the fifth around them; one that is off counts as 0. */
export function compute({ rows, columns, y, x, side, below, above, right, left }) {
  const r = (side - 1) / 2;
  const parts = [
    [below, (i) => i - y - r],
    [above, (i) => y - i - r],
    [right, (i, j) => j - x - r],
    [left, (i, j) => x - j - r],
  ].map(([on, f]) => grid(rows, columns, (i, j) => (on ? relu(f(i, j)) : 0)));
  const before = grid(rows, columns, (i, j) =>
    parts.reduce((left, part) => left - part[i * columns + j], 1),
  );
  return { parts, before, painted: before.map(relu) };
}

function render({ model, el }) {
  const [rows, columns] = [model.get("rows"), model.get("columns")];
  const ui = frame(el, "Painting with four rectifiers",
    "Drag the target in the last picture, or select it and use the arrow keys. Switch rectifiers off and on.", 3);
  const titles = [
    ["relu(i − y − r)", "first rectifier: how far below the target"],
    ["relu(y − i − r)", "second rectifier: how far above the target"],
    ["relu(j − x − r)", "third rectifier: how far to the right of the target"],
    ["relu(x − j − r)", "fourth rectifier: how far to the left of the target"],
    ["1 − all four", "one minus the four rectifiers"],
    ["relu(1 − all four)", "what is painted, the target marked"],
  ];
  const panels = titles.map(([title, label]) => picture(rows, columns, title, label));
  ui.panels.append(...panels.map((panel) => panel.element));
  const last = panels[5];
  const go = ([i, j]) => update(model, { y: clamp(i, 0, rows - 1), x: clamp(j, 0, columns - 1) });
  grab(last.stage, rows, columns, "Canvas with the target. Arrow keys move it by one pixel.", {
    down: go,
    move: go,
    step: (a, b) => go([model.get("y") + a, model.get("x") + b]),
  });
  const field = h("fieldset", { class: "cf-choice" }, h("legend", {}, "Rectifiers"));
  field.append(
    toggle(model, "below", "below"),
    toggle(model, "above", "above"),
    toggle(model, "right", "right"),
    toggle(model, "left", "left"),
  );
  ui.controls.append(
    field,
    choice(model, "side", "Side of the square", [
      [1, "1"],
      [9, "9"],
    ]),
  );
  return follow(model, TRAITS, () => {
    const now = state(model, TRAITS);
    const r = compute(now);
    const far = Math.max(rows, columns);
    r.parts.forEach((part, n) => panels[n].paint(part, heat(far)));
    panels[4].paint(r.before, signed(far / 4));
    last.paint(r.painted, GRAY);
    const box = { x: now.x - 0.5, y: now.y - 0.5, width: 2, height: 2 };
    last.marks.replaceChildren(s("rect", { class: "cf-halo", ...box }), s("rect", { class: "cf-mark", ...box }));
    const lit = r.painted.filter((v) => v > 0).length;
    const on = ["below", "above", "right", "left"].filter((name) => now[name]).length;
    ui.say(
      `Target: row ${now.y}, column ${now.x}, r = ${(now.side - 1) / 2}. ` +
        `With ${on} of 4 rectifiers, ${lit} of ${rows * columns} pixels ${lit === 1 ? "is" : "are"} lit.`,
    );
  });
}

export default { render };
