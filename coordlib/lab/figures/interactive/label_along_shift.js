const TRAITS = ["views", "networks", "shifts", "picture", "at"];
// A curve has a colour and a dash, so that either tells it from the others.
const CURVES = [
  ["var(--cf-a)", "none"],
  ["var(--cf-b)", "8 3"],
  ["currentColor", "2 3"],
  ["#009e73", "10 3 2 3"],
  ["#b8578f", "5 5"],
];
const curve = (k) => CURVES[k] ?? ["color-mix(in srgb, currentColor 55%, transparent)", "1 4"];

/** What each network says at one shift, and how often it changes its mind. */
export function compute({ views, networks, picture, at }) {
  const [, , classes, probabilities] = views.find(([name]) => name === picture);
  return networks.map((network, n) => {
    const labels = probabilities[n].map((row) => row.indexOf(Math.max(...row)));
    return {
      network,
      label: classes[labels[at]],
      probability: probabilities[n][at][labels[at]],
      flips: labels.filter((label) => label !== labels[0]).length,
    };
  });
}

function render({ model, el }) {
  const [networks, shifts, size, window] = ["networks", "shifts", "size", "window"].map((n) => model.get(n));
  const last = shifts.length - 1;
  const ui = frame(el, "What networks say while their window moves", "Move the window with the slider, or drag it in the picture.", 2, 1);
  // The browser would drag the picture itself, were it to feel the pointer.
  const whole = h("img", { style: "position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; pointer-events: none" });
  const marks = s("svg", { viewBox: `0 0 ${size} ${size}`, "aria-hidden": "true" });
  const stage = h("div", { class: "cf-stage", style: "aspect-ratio: 1" }, whole, marks);
  const title = h("div", { class: "cf-title" }, "the window that the networks see");
  const charts = networks.map((name) => {
    const box = { viewBox: `0 -1.03 ${shifts[last] || 1} 1.06`, preserveAspectRatio: "none" };
    const plot = s("svg", { ...box, class: "cf-plot", role: "img", style: "height: 6.5rem" });
    const axis = h("div", { class: "cf-axis", "aria-hidden": "true" });
    axis.append(h("span", {}, "0"), h("span", {}, "moved by, pixels"), h("span", {}, `${shifts[last]}`));
    return { plot, element: h("div", {}, h("div", { class: "cf-title" }, `${name}: probability, 0 to 1`), plot, axis) };
  });
  const legend = h("p", { class: "cf-legend" });
  ui.panels.append(
    h("div", { class: "cf-panel" }, title, stage),
    h("div", {}, ...charts.map((chart) => chart.element), legend),
  );
  const go = (at) => update(model, { at: clamp(at, 0, last) });
  let from = 0;
  const label = "Picture with a window. Arrow keys move it along the diagonal.";
  // A place along the diagonal is half the sum of its row and its column.
  const along = ([i, j]) => Math.round((i + j) / 2);
  const nearest = (by) => shifts.findLastIndex((shift) => shift <= Math.max(by, 0));
  grab(stage, size, size, label, {
    down: (place) => (from = shifts[model.get("at")] - along(place)),
    move: (place) => go(nearest(from + along(place))),
    step: (a, b) => go(model.get("at") + a + b),
  });
  const names = model.get("views").map(([name]) => [name, name]);
  if (names.length > 1) ui.controls.append(choice(model, "picture", "Picture", names));
  const show = (at) => text(shifts[at]);
  ui.controls.append(slider(model, "at", "Moved by", { min: 0, max: last, show }));
  return follow(model, TRAITS, () => {
    const now = state(model, TRAITS);
    const [, file, classes, probabilities] = now.views.find(([name]) => name === now.picture);
    const by = shifts[now.at];
    whole.setAttribute("src", `data:image/jpeg;base64,${file}`);
    whole.setAttribute("alt", `${now.picture}, with the outline of the window`);
    const box = { x: by, y: by, width: window, height: window };
    marks.replaceChildren(s("rect", { class: "cf-halo", ...box }), s("rect", { class: "cf-mark", ...box }));
    charts.forEach(({ plot }, n) => {
      const what = `curves over the shift for ${classes.join(", ")}`;
      plot.setAttribute("aria-label", `${networks[n]}: ${what}`);
      plot.replaceChildren(
        s("path", { d: `M0 0H${shifts[last]}M0 -1H${shifts[last]}`, class: "cf-zero" }),
        s("path", { d: `M${by} 0V-1`, class: "cf-zero" }),
        ...classes.map((_, k) => {
          const [stroke, dash] = curve(k);
          const d = "M" + probabilities[n].map((row, at) => `${shifts[at]} ${-row[k]}`).join("L");
          return s("path", { d, style: `stroke: ${stroke}; stroke-dasharray: ${dash}` });
        }),
      );
    });
    legend.replaceChildren(
      ...classes.map((name, k) => {
        const [stroke, dash] = curve(k);
        const key = s("svg", { viewBox: "0 0 28 4", width: 28, height: 4, "aria-hidden": "true" });
        key.append(s("path", { d: "M0 2H28", style: `stroke: ${stroke}; stroke-dasharray: ${dash}; stroke-width: 3px` }));
        return h("span", { style: "display: inline-block; margin-inline: 0.4em" }, key, ` ${name} `);
      }),
    );
    const said = compute(now).map(
      (r) => `${r.network}: ${r.label} (${text(r.probability, 2)}), another label at ${r.flips} of ${last} shifts.`,
    );
    ui.say(`${now.picture}, moved by ${by} down and right. ${said.join(" ")}`);
  });
}

export default { render };
