const TRAITS = ["luck", "quantiles", "spread", "gain", "count", "round"];

/** Mean and interval of each study, and what they say together. */
export function compute({ luck, quantiles, spread, gain, count, round }) {
  const studies = luck[round].map((row) => {
    const found = row.slice(0, count).map((z) => gain + spread * z);
    const mean = found.reduce((sum, v) => sum + v, 0) / count;
    const variance = found.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (count - 1);
    const half = quantiles[count - 2] * Math.sqrt(variance / count);
    return { found, mean, low: mean - half, high: mean + half };
  });
  const above = studies.filter(({ low }) => low > 0).length;
  const below = studies.filter(({ high }) => high < 0).length;
  const missed = studies.filter(({ low, high }) => low > gain || high < gain).length;
  return { studies, above, below, missed };
}

function render({ model, el }) {
  const ui = frame(el, "Studies of a gain, and what each of them finds",
    "Each row is a study of its own. Change the true gain and the number of trainings, or let all train again.", 1, 1);
  const { luck } = state(model, TRAITS);
  const rows = luck[0].length;
  const reach = 6;
  const plot = s("svg", {
    viewBox: `${-reach} -0.8 ${2 * reach} ${rows + 0.6}`,
    preserveAspectRatio: "none",
    class: "cf-plot cf-tall",
    role: "img",
    "aria-label": "one row a study: its trainings as dots, and the interval of their mean",
  });
  const axis = h("div", { class: "cf-axis" });
  for (const v of [-reach, -reach / 2, 0, reach / 2, reach])
    axis.append(h("span", {}, v > 0 ? `+${v}` : text(v)));
  const legend = h("p", { class: "cf-legend" });
  for (const [kind, words] of [
    ["cf-gray", "interval with zero in it"],
    ["cf-seen", "interval above zero"],
    ["cf-net1", "interval below zero"],
    ["cf-net2", "true gain"],
  ])
    legend.append(keyed(kind, words), " ");
  const title = h("div", { class: "cf-title" }, "gain found, percentage points");
  ui.panels.append(h("div", {}, title, plot, axis), legend);
  const points = (v) => `${text(v, 1)} points`;
  ui.controls.append(
    slider(model, "gain", "True gain", { min: 0, max: 3, step: 0.1, show: points }),
    slider(model, "count", "Trainings in a study", { min: 2, max: luck[0][0].length }),
    button("Train again", () => update(model, { round: (model.get("round") + 1) % luck.length })),
  );
  return follow(model, TRAITS, () => {
    const now = state(model, TRAITS);
    const { studies, above, below, missed } = compute(now);
    const inside = (v) => clamp(v, -reach, reach);
    plot.replaceChildren(
      s("path", { d: `M0 -0.8V${rows - 0.2}`, class: "cf-zero" }),
      s("path", { d: `M${now.gain} -0.8V${rows - 0.2}`, class: "cf-net2" }),
      ...studies.flatMap(({ found, low, high }, k) => {
        const kind = low > 0 ? "cf-seen" : high < 0 ? "cf-net1" : "cf-gray";
        return [
          s("path", { d: `M${inside(low)} ${k}H${inside(high)}`, class: kind }),
          ...found.map((v) => s("path", { d: `M${inside(v)} ${k}h0`, class: `cf-dot cf-small ${kind}` })),
        ];
      }),
    );
    ui.say(
      `${rows} studies of ${now.count} trainings, true gain ${points(now.gain)}: ` +
        `${above} ${above === 1 ? "puts its" : "put their"} interval above zero, ${below} below. ` +
        `${missed} ${missed === 1 ? "interval misses" : "intervals miss"} the true gain.`,
    );
  });
}

export default { render };
