const TRAITS = ["frequency", "taps"];
const [N, M] = [64, 32];
const BINOMIAL = { 1: [1], 2: [1 / 2, 1 / 2], 3: [1 / 4, 1 / 2, 1 / 4], 5: [1, 4, 6, 4, 1].map((v) => v / 16) };

/** Where a wave is found after the stride, and how large, by a Fourier sum. */
export function compute({ frequency, taps }) {
  const wave = Array.from({ length: N }, (_, n) => Math.cos((2 * Math.PI * frequency * n) / N));
  const before = Math.floor((taps - 1) / 2);
  const blurred = wave.map((_, n) =>
    BINOMIAL[taps].reduce((sum, w, k) => sum + w * wave[wrap(n + k - before, N)], 0),
  );
  const kept = blurred.filter((_, n) => n % 2 === 0);
  const bins = Array.from({ length: M / 2 + 1 }, (_, k) => {
    const angle = (m) => (-2 * Math.PI * ((k * m) % M)) / M;
    const re = kept.reduce((sum, v, m) => sum + v * Math.cos(angle(m)), 0);
    const im = kept.reduce((sum, v, m) => sum + v * Math.sin(angle(m)), 0);
    const scale = k === 0 || k === M / 2 ? 1 / M : 2 / M;
    return { size: scale * Math.hypot(re, im), phase: Math.atan2(im, re) };
  });
  const seen = frequency <= M / 2 ? frequency : M - frequency;
  return { wave, kept, sizes: bins.map((bin) => bin.size), seen, ...bins[seen] };
}

/** A curve through f over [0, end], in a box of height 2 around zero. */
function curve(f, end, steps, kind) {
  const at = (k) => `${((end * k) / steps).toFixed(3)} ${(-f((end * k) / steps)).toFixed(4)}`;
  const d = "M" + Array.from({ length: steps + 1 }, (_, k) => at(k)).join("L");
  return s("path", { d, class: kind });
}

function plot(viewBox, label) {
  const named = { viewBox, preserveAspectRatio: "none", class: "cf-plot", role: "img" };
  return s("svg", { ...named, "aria-label": label });
}

const bar = (k, size, kind) => s("path", { d: `M${k} 0V${-size}`, class: `cf-stem ${kind}` });

function render({ model, el }) {
  const ui = frame(el, "A wave, a stride of 2, and the alias", "Move the frequency past 16, the fastest wave that 32 samples can hold.", 1, 1);
  const waves = plot("0 -1.1 32 2.2", "the wave, the samples that are kept, and the wave seen through them");
  const spectrum = plot("-0.5 -1.3 33 1.32", "spectrum: the wave, and where it is found after the stride");
  const axis = h("div", { class: "cf-axis" });
  axis.append(h("span", {}, "0"), h("span", {}, "16, the fold"), h("span", {}, "32"));
  const legend = h("p", { class: "cf-legend" });
  for (const [kind, words] of [["cf-gray", "the wave"], ["cf-seen", "what the kept samples show"]])
    legend.append(keyed(kind, words), " ");
  const title = (words) => h("div", { class: "cf-title" }, words);
  const first = h("div", {}, title("the wave and every second sample"), waves);
  const second = h("div", {}, title("frequency"), spectrum, axis);
  ui.panels.append(first, second, legend);
  ui.controls.append(
    slider(model, "frequency", "Frequency", { min: 0, max: 32 }),
    choice(model, "taps", "Blur before the stride", [
      [1, "none"],
      [2, "2 taps"],
      [3, "3 taps"],
      [5, "5 taps"],
    ]),
  );
  return follow(model, TRAITS, () => {
    const now = state(model, TRAITS);
    const r = compute(now);
    const turn = (k, t) => (2 * Math.PI * k * t) / M;
    const dots = r.kept.map((v, m) => s("path", { d: `M${m} ${-v}h0`, class: "cf-dot" }));
    const seen = (t) => r.size * Math.cos(turn(r.seen, t) + r.phase);
    waves.replaceChildren(
      s("path", { d: "M0 0H32", class: "cf-zero" }),
      curve((t) => Math.cos(turn(now.frequency, t)), 31.5, 1024, "cf-gray"),
      curve(seen, 31.5, 512, "cf-seen"),
      ...dots,
    );
    const folded = now.frequency > 16;
    const arc = `M${now.frequency} ${-r.size}Q16 -1.3 ${r.seen} ${-r.size}`;
    spectrum.replaceChildren(
      s("path", { d: "M-0.5 0H32.5", class: "cf-zero" }),
      s("path", { d: "M16 0V-1.08", class: "cf-fold" }),
      ...(folded ? [s("path", { d: arc, class: "cf-fold" })] : []),
      bar(now.frequency, 1, "cf-gray"),
      bar(r.seen, r.size, "cf-seen"),
    );
    ui.say(
      `A wave of frequency ${now.frequency} is found at ${r.seen}, with size ${text(r.size, 2)}. ` +
        (folded
          ? `It is an alias: 16 + ${now.frequency - 16} is folded onto 16 − ${now.frequency - 16}.`.replaceAll(" − ", "\u00a0−\u00a0")
          : "It keeps its name."),
    );
  });
}

export default { render };
