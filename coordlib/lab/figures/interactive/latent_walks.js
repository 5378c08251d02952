const TRAITS = ["sheet", "names", "walks", "frames", "size", "areas", "centres", "walk", "at"];
const OBJECTS = ["blue", "red"];

/**
 * What each generator shows at one step of a walk, and the least on the way. Where no
 * objects were looked for there are no centres, and in place of the two areas stands the
 * difference from the first picture.
 */
export function compute({ names, areas, centres, walk, at }) {
  return names.map((name, n) => ({
    name,
    areas: areas[n][walk][at],
    centres: centres.length ? centres[n][walk][at] : [],
    least: areas[n][walk][at].map((_, k) => Math.min(...areas[n][walk].map((all) => all[k]))),
  }));
}

function render({ model, el }) {
  const [names, walks, frames, size] = ["names", "walks", "frames", "size"].map((name) => model.get(name));
  const hint = "Move along the walk with the slider; choose another walk.";
  const ui = frame(el, "Latent walks of generators", hint, names.length, names.length > 3 ? 2 : names.length);
  const sheet = new Image();
  const most = Math.max(...model.get("areas").flat(3), 1);
  const objects = model.get("centres").length ? OBJECTS : [];
  const panels = names.map((name) => {
    const view = picture(size, size, name, `what ${name} draws here`);
    const box = { viewBox: `0 ${-1.03 * most} ${frames - 1} ${1.06 * most}`, preserveAspectRatio: "none" };
    const plot = s("svg", { ...box, class: "cf-plot", role: "img", style: "height: 4.5rem; margin-top: 0.5rem" });
    view.element.append(plot);
    return { ...view, plot, context: view.stage.querySelector("canvas").getContext("2d") };
  });
  ui.panels.append(...panels.map((panel) => panel.element));
  const curves = objects.length ? "area of the blue and the red object" : "difference from the first picture";
  const meaning = objects.length ? "Curves: area along the walk." : "Curves: difference from the first picture, of 255.";
  const legend = h("p", { class: "cf-legend" }, meaning);
  objects.forEach((object, k) => legend.append(" ", keyed(`cf-net${k}`, object)));
  ui.panels.after(legend);
  if (walks > 1) {
    const numbers = Array.from({ length: walks }, (_, k) => [k, `${k + 1}`]);
    ui.controls.append(choice(model, "walk", "Walk", numbers));
  }
  ui.controls.append(slider(model, "at", "Step", { min: 0, max: frames - 1 }));
  const line = (points) => "M" + points.map((pair) => pair.join(" ")).join("L");
  const draw = () => {
    const now = state(model, TRAITS);
    const told = compute(now).map((r, n) => {
      const { context, marks, plot } = panels[n];
      const row = n * walks + now.walk;
      context.drawImage(sheet, now.at * size, row * size, size, size, 0, 0, size, size);
      const areas = now.areas[n][now.walk];
      const seen = objects.map((object, k) => [object, k]).filter(([, k]) => r.areas[k] > 0);
      marks.replaceChildren(
        ...seen.map(([, k]) => s("circle", { cx: r.centres[k][1] + 0.5, cy: r.centres[k][0] + 0.5, r: size / 40, style: "stroke: #fff; stroke-width: 2px" })),
      );
      plot.setAttribute("aria-label", `${r.name}: ${curves} along the walk`);
      plot.replaceChildren(
        s("path", { d: `M0 0H${frames - 1}M${now.at} 0V${-most}`, class: "cf-zero" }),
        ...r.areas.map((_, k) => s("path", { d: line(areas.map((all, t) => [t, -all[k]])), class: `cf-net${k}` })),
      );
      if (!objects.length) return `${r.name}: ${text(r.areas[0])} of 255 from the first picture.`;
      const words = objects.map((object, k) =>
        r.areas[k] > 0
          ? `${object} ${text(r.areas[k])} pixels at row ${text(r.centres[k][0])}, column ${text(r.centres[k][1])}`
          : `no ${object}`,
      );
      return `${r.name}: ${words.join(", ")}; least on this walk ${r.least.map((v) => text(v)).join(" and ")}.`;
    });
    ui.say(`Step ${now.at} of ${frames - 1}. ${told.join(" ")}`);
  };
  sheet.onload = draw;
  sheet.src = `data:image/png;base64,${model.get("sheet")}`;
  return follow(model, TRAITS, draw);
}

export default { render };
