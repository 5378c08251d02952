const TRAITS = ["probabilities", "classes", "networks", "truth", "at"];

/** What each network says at one shift: its label, and its probabilities. */
export function compute({ probabilities, classes, networks, truth, at }) {
  return networks.map((network, n) => {
    const row = probabilities[n][at];
    const top = row.indexOf(Math.max(...row));
    const labels = probabilities[n].map((p) => p.indexOf(Math.max(...p)));
    return {
      network,
      label: classes[top],
      probability: row[top],
      truth: row[classes.indexOf(truth)],
      changes: labels.filter((label, k) => k && label !== labels[k - 1]).length,
    };
  });
}

function render({ model, el }) {
  const [rows, columns, window] = ["rows", "columns", "window"].map((name) => model.get(name));
  const ui = frame(
    el,
    "What a network says while its window moves",
    "Move the window with the slider, or drag it in the picture.",
  );
  ui.root.style.setProperty("--cf-columns", 2);
  ui.root.style.setProperty("--cf-narrow", 1);
  const scene = picture(rows, columns, "the window", "the picture; the window the networks see is outlined");
  const count = model.get("probabilities")[0].length;
  const truth = model.get("truth");
  const label = `probability of “${truth}” for every shift, a curve for each network`;
  const end = Math.max(count - 1, 1);
  const named = { viewBox: `0 -1.03 ${end} 1.06`, preserveAspectRatio: "none", class: "cf-plot" };
  const plot = s("svg", { ...named, role: "img", "aria-label": label });
  const axis = h("div", { class: "cf-axis" });
  axis.append(h("span", {}, "0"), h("span", {}, "moved by, pixels"), h("span", {}, String(count - 1)));
  const heading = h("div", { class: "cf-title" }, `probability of “${truth}” (0 to 1)`);
  const legend = h("p", { class: "cf-legend" });
  model.get("networks").forEach((name, n) =>
    legend.append(h("span", { class: `cf-key cf-net${n}`, "aria-hidden": "true" }), `${name} `),
  );
  ui.panels.append(scene.element, h("div", {}, heading, plot, axis, legend));
  const x = Array.from(bytes(model.get("picture")), (v) => v / 255);
  scene.paint(x, GRAY);
  const go = (at) => update(model, { at: clamp(at, 0, count - 1) });
  let from = 0;
  grab(scene.stage, rows, columns, "Picture with a window. Left and right arrow keys move it.", {
    down: ([, j]) => (from = model.get("at") - j),
    move: ([, j]) => go(from + j),
    step: (a, b) => go(model.get("at") + b),
  });
  ui.controls.append(slider(model, "at", "Moved by", { min: 0, max: count - 1 }));
  return follow(model, TRAITS, () => {
    const now = state(model, TRAITS);
    const k = now.classes.indexOf(now.truth);
    const lines = now.probabilities.map((rows, n) => {
      const d = "M" + rows.map((p, at) => `${at} ${-p[k]}`).join("L");
      return s("path", { d, class: `cf-net${n}` });
    });
    plot.replaceChildren(
      s("path", { d: `M0 0H${end}M0 -1H${end}`, class: "cf-zero" }),
      s("path", { d: `M${now.at} 0V-1`, class: "cf-fold" }),
      ...lines,
    );
    const frameBox = { x: model.get("left") + now.at, y: model.get("top"), width: window, height: window };
    scene.marks.replaceChildren(s("rect", { class: "cf-halo", ...frameBox }), s("rect", { class: "cf-mark", ...frameBox }));
    const said = compute(now).map(
      (r) => `${r.network} says ${r.label} (${text(r.probability, 2)}); ${r.changes} changes in all.`,
    );
    ui.say(`Moved by ${now.at}. ${said.join(" ")}`);
  });
}

export default { render };
