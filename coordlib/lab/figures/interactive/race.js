const { NETWORKS, SIZE, FIRST, SPAN, hiddenDots } = engine();
const TRAITS = ["split", "own", "seed", "deconv", "coordconv"];
const KINDS = ["deconv", "coordconv"];
const NAMES = { deconv: "transposed convolution", coordconv: "CoordConv" };
// Seen and not right, seen and right, hidden and not right, hidden and right.
const COLORS = [[20, 20, 20], [86, 180, 233], [213, 94, 0], [240, 228, 66]];
const LEGEND = ["seen, not right", "seen, right", "hidden, not right", "hidden, right"];
const percent = (share) => `${text(Math.floor(100 * share))}\u00a0%`;
const upper = (words) => words[0].toUpperCase() + words.slice(1);
const share = (hidden, side, right) => {
  const those = hidden.flatMap((v, n) => (v === side ? [right[n]] : []));
  return those.length ? those.filter(Boolean).length / those.length : null;
};

/** Which dots are hidden, and how much of both parts is right. */
export function compute({ split, seed, own, right = [] }) {
  const hidden = hiddenDots(split, seed, own);
  return { hidden, seen: share(hidden, 0, right), unseen: share(hidden, 1, right) };
}

/** What happened, in words; a runner has its kind, normalised, seen, unseen, at and seconds. */
export function verdict(runners) {
  const told = runners.map(({ kind, normalised, seen, unseen, at, seconds }) => {
    const how = `${NAMES[kind]} ${normalised ? "with" : "without"} batch normalisation`;
    const both = `${percent(seen)} of the dots it saw${unseen === null ? "" : ` and ${percent(unseen)} of the hidden ones`}`;
    return `${upper(how)} draws ${both} after ${at} steps and ${text(seconds, 1)} s.`;
  });
  const reached = runners.filter(({ unseen }) => unseen >= 0.8);
  const by = ["neither", `${NAMES[reached[0]?.kind]} alone`, "both"][reached.length];
  const end = runners[0].unseen === null ? "Nothing was hidden." : `What was hidden was reached by ${by}.`;
  return [...told, end].join(" ");
}

/** Python that makes the networks again from their numbers, and measures them. */
export function pythonCell(runners, hidden, seed) {
  const made = ({ kind, normalised, weights }) => `    rebuilt("${kind}", ${normalised ? "True" : "False"}, "${weights}"),`;
  return [
    `# Two painters that learned in a page, from seed ${seed}: transposed convolutions, CoordConv.`,
    "from coordlib.lab.experiments.coordinates.raced import exact, rebuilt",
    "",
    `hidden = "${hidden.join("")}"`,
    "painters = [",
    ...runners.map(made),
    "]",
    "shares = [exact(painter, hidden) for painter in painters]",
    "for seen, unseen in shares:",
    '    print(f"{seen:.1%} of the dots that were seen, {unseen:.1%} of the hidden ones")',
    "",
  ].join("\n");
}

/** A worker that trains one network; `heard` is called with each of its reports. */
function train(start, dot, heard) {
  const url = URL.createObjectURL(new Blob([`${engine}\nengine().serve(self);`], { type: "text/javascript" }));
  const worker = new Worker(url);
  worker.onmessage = ({ data }) => {
    URL.revokeObjectURL(url);
    heard(data);
  };
  worker.postMessage({ start, dot });
  return worker;
}

function render({ model, el }) {
  const small = model.get("small");
  const hint = small
    ? "Both networks learn in this page."
    : "Both networks learn in this page. Drag in a map, or select one and use the arrow keys, and the dot moves. The space bar hides the dots around it, or shows them.";
  const ui = frame(el, "Two painters learn side by side", hint, small ? 2 : 4, 2);
  ui.root.classList.add("cf-race");
  ui.root.classList.toggle("cf-small", small);
  const line = ui.root.querySelector(".cf-line");
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let runners = null, running = false, hidden = [];

  const fields = Object.fromEntries(
    KINDS.map((kind) => {
      const map = picture(SIZE, SIZE, NAMES[kind], `which dots ${NAMES[kind]} draws exactly`);
      const paint = picture(SIZE, SIZE, "what it paints", `what ${NAMES[kind]} paints for this dot`);
      const count = h("div", { class: "cf-title cf-count" });
      const curve = s("svg", { class: "cf-plot", viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" });
      map.element.append(count);
      paint.element.append(curve);
      const hides = small ? "" : " The space bar hides the dots around it, or shows them.";
      grab(map.stage, SIZE, SIZE, `Map of ${NAMES[kind]}. Arrow keys move the dot.${hides}`, {
        down: touch,
        move: touch,
        step: (a, b) => go([model.get("i") + a, model.get("j") + b]),
      });
      map.stage.addEventListener("keydown", (event) => {
        if (event.key !== " " || small) return; // a small race has no way back to its split
        event.preventDefault();
        brush(here(), 1 - hidden[dotAt(here())]);
      });
      ui.panels.append(map.element);
      if (!small) ui.panels.append(paint.element);
      return [kind, { map, paint, count, curve }];
    }),
  );
  const key = (name, n) => h("span", {}, h("i", { style: `background: rgb(${COLORS[n]})` }), ` ${name}`);
  const lines = [["seen", "cf-seen"], ["hidden", "cf-net1"]].map(([name, kind]) => keyed(kind, name));
  ui.panels.after(h("p", { class: "cf-legend" }, ...LEGEND.map(key), ...(small ? [] : lines)));

  const here = () => [model.get("i"), model.get("j")];
  const dotAt = ([i, j]) => (i - FIRST) * SPAN + j - FIRST;
  const inside = (n) => clamp(n, FIRST, FIRST + SPAN - 1);
  const go = ([i, j]) => update(model, { i: inside(i), j: inside(j) });
  function touch(at) {
    const pen = model.get("pen");
    go(at);
    if (pen !== "ask") brush(here(), Number(pen === "hide"));
  }
  function brush([i, j], value) {
    const own = [...hidden];
    for (let a = i - 1; a <= i + 1; a++)
      for (let b = j - 1; b <= j + 1; b++) if (inside(a) === a && inside(b) === b) own[dotAt([a, b])] = value;
    update(model, { own: own.join(""), split: "own" });
  }

  const settled = () => runners && KINDS.every((kind) => runners[kind].done);
  const send = (message) => KINDS.forEach((kind) => runners[kind].worker.postMessage(message));
  const facts = () => KINDS.map((kind) => runners[kind]);

  function prepare() {
    if (runners) return true;
    if (hidden.every(Boolean)) return ui.say("Leave the networks some dots to learn from."), false;
    runners = {};
    try {
      for (const kind of KINDS) {
        const normalised = model.get(kind);
        const start = { kind, normalised, seed: model.get("seed"), hidden, kernel: bytes(KERNEL), pace: calm ? 1000 : 100 };
        const one = (runners[kind] = { kind, normalised, right: [], curve: [] });
        one.worker = train(start, dotAt(here()), (data) => {
          if (runners?.[kind] !== one) return;
          Object.assign(one, data);
          if (data.right) {
            Object.assign(one, compute({ ...state(model, TRAITS), right: one.right }));
            one.curve.push([one.at / one.steps, one.seen, one.unseen]);
          }
          if (one.weights && !runners.told && KINDS.every((each) => runners[each].weights)) offer();
          if (settled() && running) pause();
          else show();
        });
      }
    } catch {
      rewind();
      ui.say("This page may not work in the background, so nothing learns here.");
      return false;
    }
    return true;
  }
  function rewind() {
    for (const kind of KINDS) runners?.[kind]?.worker?.terminate();
    [runners, running] = [null, false];
    taken.replaceChildren();
    show();
  }
  function pause() {
    running = false;
    if (runners) send({ run: false });
    show();
  }
  function run() {
    if (running) return pause();
    if (settled()) rewind();
    if (!prepare()) return;
    running = true;
    send({ run: true });
    show();
  }
  function offer() {
    runners.told = true;
    const cell = pythonCell(facts(), hidden, model.get("seed"));
    const link = h("a", { download: "race.py", href: URL.createObjectURL(new Blob([cell])) }, "Save the Python cell");
    taken.replaceChildren(link, " that makes both networks again and measures them.");
    navigator.clipboard?.writeText(cell).then(() => taken.append(" It is in the clipboard."), () => {});
  }

  const start = button("Start", run);
  const step = button("One step", () => {
    if (running) pause();
    if (!settled() && prepare()) send({ once: true });
  });
  const back = button("Rewind", rewind);
  const seed = button("Another seed", () => update(model, { seed: model.get("seed") + 1 }));
  const take = button("Take it with you", () => {
    if (running) pause();
    if (!runners) return;
    runners.told = false;
    send({ take: true });
  });
  const taken = h("p", { class: "cf-taken" });
  const bar = h("div", { class: "cf-buttons" }, start, ...(small ? [] : [step, back, seed, take]));
  if (!small) {
    const splits = [["uniform", "one dot in five"], ["quadrant", "a quarter"], ["own", "what I paint"]];
    const pens = [["ask", "asks for a dot"], ["hide", "hides dots"], ["show", "shows dots"]];
    ui.controls.append(
      choice(model, "split", "Hidden", splits),
      choice(model, "pen", "A finger", pens),
      h("fieldset", { class: "cf-choice" }, h("legend", {}, "Batch normalisation"),
        ...KINDS.map((kind) => toggle(model, kind, `in the ${NAMES[kind]}`.replace("the C", "C")))),
    );
  }
  ui.controls.append(bar);
  line.after(taken);

  function show() {
    const [y, x] = here();
    const dot = dotAt([y, x]);
    const target = { x: x - 1, y: y - 1, width: 3, height: 3 };
    const marks = () => [s("rect", { class: "cf-halo", ...target }), s("rect", { class: "cf-mark", ...target })];
    for (const kind of KINDS) {
      const { map, paint, count, curve } = fields[kind];
      const one = runners?.[kind];
      const right = one?.right ?? [];
      map.paint(
        grid(SIZE, SIZE, (i, j) => (inside(i) === i && inside(j) === j ? 2 * hidden[dotAt([i, j])] + (right[dotAt([i, j])] ? 1 : 0) : -1)),
        (v) => COLORS[v] ?? [128, 128, 128],
      );
      map.marks.replaceChildren(...marks());
      paint.marks.replaceChildren(...marks());
      const painted = one?.dot === dot ? one.painted : null;
      const top = painted ? Math.max(...painted) : 0;
      paint.paint(painted ? Array.from(painted, (v) => Math.exp(v - top)) : grid(SIZE, SIZE, () => 0), HEAT);
      if (painted) {
        const best = painted.indexOf(top);
        const d = `M${x + 0.5} ${y + 0.5}L${(best % SIZE) + 0.5} ${Math.floor(best / SIZE) + 0.5}m-1.5 -1.5l3 3m0 -3l-3 3`;
        map.marks.append(s("path", { class: "cf-halo", d }), s("path", { class: "cf-answer", d }));
        one.hit = best === y * SIZE + x;
      }
      const also = one?.unseen === null ? "" : `, hidden ${percent(one?.unseen)}`;
      count.textContent = one?.steps ? `seen ${percent(one.seen)}${also}, step ${one.at} of ${one.steps}`.replace(...TIED) : "not started";
      const path = (k) => one?.curve.map((p, n) => `${n ? "L" : "M"}${100 * p[0]} ${100 - 100 * (p[k] ?? 0)}`).join("") ?? "";
      curve.replaceChildren(
        s("path", { class: "cf-zero", d: "M0 0H100M0 100H100" }),
        s("path", { class: "cf-seen", d: path(1) }),
        s("path", { class: "cf-net1", d: path(2) }),
      );
    }
    start.textContent = running ? "Pause" : settled() ? "Again" : runners ? "Go on" : "Start";
    take.disabled = back.disabled = !runners;
    step.disabled = settled() === true;
    // Steps by the hundred are not read aloud: only how things stand at rest.
    line.setAttribute("aria-live", running ? "off" : "polite");
    if (settled()) return ui.say(verdict(facts()));
    const held = hidden.filter(Boolean).length;
    const asked = `Asked for row ${y}, column ${x} (${hidden[dot] ? "hidden" : "seen"})`;
    const told = KINDS.map((kind) => {
      const one = runners?.[kind];
      if (!one?.steps) return "";
      return ` ${upper(NAMES[kind])}: ${fields[kind].count.textContent}, this dot ${one.hit ? "right" : "wrong"}.`;
    });
    ui.say(`${held} of ${hidden.length} dots are hidden. ${asked}; seed ${model.get("seed")}.${told.join("")}`);
  }

  // Another start: what has been learned until now does not belong to it.
  const stops = [
    follow(model, TRAITS, () => {
      ({ hidden } = compute(state(model, TRAITS)));
      rewind();
    }),
    follow(model, ["i", "j"], () => {
      if (runners) send({ dot: dotAt(here()) });
      show();
    }),
  ];
  const sleep = () => document.hidden && running && pause();
  document.addEventListener("visibilitychange", sleep);
  return () => {
    document.removeEventListener("visibilitychange", sleep);
    for (const stop of stops) stop();
    for (const kind of KINDS) runners?.[kind]?.worker?.terminate();
  };
}

export default { render };
