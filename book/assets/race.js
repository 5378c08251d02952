// Written by tools/race.py.
const TIED = [/(\d) %/g, "$1\u00a0%"];
function h(tag, attributes = {}, ...children) {
const element = document.createElement(tag);
for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
element.append(...children.map((child) => child.replace?.(...TIED) ?? child));
return element;
}
function s(tag, attributes = {}) {
const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
return element;
}
const wrap = (n, size) => ((n % size) + size) % size;
const clamp = (n, low, high) => Math.min(Math.max(n, low), high);
const relu = (v) => Math.max(v, 0);
function text(value, decimals = 0) {
const written = value.toFixed(decimals);
return (Number(written) === 0 ? written.replace("-", "") : written).replace("-", "−");
}
function bytes(base64) {
const letters = atob(base64), out = new Uint8Array(letters.length);
for (let n = 0; n < out.length; n++) out[n] = letters.charCodeAt(n);
return out;
}
function grid(rows, columns, f) {
const out = new Array(rows * columns);
for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[i * columns + j] = f(i, j);
return out;
}
function ramp(...stops) {
const colors = stops.map((hex) => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16)));
return (t) => {
const at = clamp(t, 0, 1) * (colors.length - 1);
const k = Math.min(Math.floor(at), colors.length - 2);
return colors[k].map((c, n) => c + (at - k) * (colors[k + 1][n] - c));
};
}
const GRAY = ramp("#000000", "#ffffff");
const HEAT = ramp("#000004", "#51127c", "#b73779", "#fc8961", "#fcfdbf");
const TWO_SIDED = ramp("#7f3b08", "#e08214", "#f7f7f7", "#8073ac", "#2d004b");
const signed = (limit) => (v) => TWO_SIDED(0.5 + v / (2 * Math.max(limit, 1e-12)));
const heat = (limit) => (v) => HEAT(v / Math.max(limit, 1e-12));
function frame(host, label, hint, columns = 4, narrow = 2) {
const panels = h("div", { class: "cf-panels" });
const controls = h("div", { class: "cf-controls" });
const line = h("p", { class: "cf-line", "aria-live": "polite" });
const how = h("p", { class: "cf-hint" }, hint);
const style = `--cf-columns: ${columns}; --cf-narrow: ${narrow}`;
const root = h("div", { class: "cf", role: "group", "aria-label": label, style });
root.append(how, panels, controls, line);
host.append(root);
return { root, panels, controls, say: (words) => (line.textContent = words.replace(...TIED)) };
}
const keyed = (kind, words) =>
h("span", { class: "cf-keyed" }, h("b", { class: `cf-key ${kind}`, "aria-hidden": "true" }), words);
function picture(rows, columns, title, label) {
const canvas = h("canvas", { width: columns, height: rows, role: "img", "aria-label": label });
const marks = s("svg", { viewBox: `0 0 ${columns} ${rows}`, "aria-hidden": "true" });
const stage = h("div", { class: "cf-stage", style: `aspect-ratio: ${columns} / ${rows}` });
stage.append(canvas, marks);
const element = h("div", { class: "cf-panel" }, h("div", { class: "cf-title" }, title), stage);
const context = canvas.getContext("2d");
const image = context.createImageData(columns, rows);
const paint = (values, color) => {
values.forEach((v, n) => image.data.set([...color(v), 255], 4 * n));
context.putImageData(image, 0, 0);
};
return { element, stage, marks, paint };
}
function grab(stage, rows, columns, label, { down, move, step }) {
const named = { tabindex: 0, role: "application", "aria-label": label };
for (const [name, value] of Object.entries(named)) stage.setAttribute(name, value);
stage.classList.add("cf-grab");
const cell = (event) => {
const box = stage.getBoundingClientRect();
return [
Math.floor(((event.clientY - box.top) / box.height) * rows),
Math.floor(((event.clientX - box.left) / box.width) * columns),
];
};
let held = false;
stage.addEventListener("pointerdown", (event) => {
if (event.button) return;
stage.setPointerCapture(event.pointerId);
held = true;
down(cell(event));
});
stage.addEventListener("pointermove", (event) => held && move(cell(event)));
for (const end of ["pointerup", "pointercancel"])
stage.addEventListener(end, () => (held = false));
const arrows = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
stage.addEventListener("keydown", (event) => {
if (!(event.key in arrows)) return;
event.preventDefault();
step(...arrows[event.key], event.shiftKey);
});
}
function update(model, changes) {
for (const [name, value] of Object.entries(changes)) model.set(name, value);
model.save_changes();
}
function follow(model, names, draw) {
for (const name of names) model.on(`change:${name}`, draw);
draw();
return () => names.forEach((name) => model.off(`change:${name}`, draw));
}
const state = (model, names) => Object.fromEntries(names.map((name) => [name, model.get(name)]));
function slider(model, name, label, { min, max, step = 1, show = (v) => text(v) }) {
const input = h("input", { type: "range", min, max, step });
const value = h("b", { "aria-hidden": "true" });
input.addEventListener("input", () => update(model, { [name]: Number(input.value) }));
follow(model, [name], () => {
input.value = model.get(name);
value.textContent = show(model.get(name));
input.setAttribute("aria-valuetext", value.textContent);
});
return h("label", { class: "cf-slider" }, h("span", {}, `${label} `, value), input);
}
function choice(model, name, legend, options) {
const group = `cf${Math.random()}`;
const field = h("fieldset", { class: "cf-choice" }, h("legend", {}, legend));
for (const [value, label] of options) {
const input = h("input", { type: "radio", name: group });
input.addEventListener("change", () => update(model, { [name]: value }));
follow(model, [name], () => (input.checked = model.get(name) === value));
field.append(h("label", {}, input, h("span", {}, label)));
}
return field;
}
function button(label, press) {
const element = h("button", { type: "button" }, label);
element.addEventListener("click", press);
return element;
}
function toggle(model, name, label) {
const input = h("input", { type: "checkbox" });
input.addEventListener("change", () => update(model, { [name]: input.checked }));
follow(model, [name], () => (input.checked = model.get(name)));
return h("label", { class: "cf-toggle" }, input, h("span", {}, label));
}
const { NETWORKS, SIZE, FIRST, SPAN, hiddenDots } = engine();
const TRAITS = ["split", "own", "seed", "deconv", "coordconv"];
const KINDS = ["deconv", "coordconv"];
const NAMES = { deconv: "transposed convolution", coordconv: "CoordConv" };
const COLORS = [[20, 20, 20], [86, 180, 233], [213, 94, 0], [240, 228, 66]];
const LEGEND = ["seen, not right", "seen, right", "hidden, not right", "hidden, right"];
const percent = (share) => `${text(Math.floor(100 * share))}\u00a0%`;
const upper = (words) => words[0].toUpperCase() + words.slice(1);
const share = (hidden, side, right) => {
const those = hidden.flatMap((v, n) => (v === side ? [right[n]] : []));
return those.length ? those.filter(Boolean).length / those.length : null;
};
export function compute({ split, seed, own, right = [] }) {
const hidden = hiddenDots(split, seed, own);
return { hidden, seen: share(hidden, 0, right), unseen: share(hidden, 1, right) };
}
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
if (event.key !== " " || small) return;
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
const KERNEL = "AGFzbQEAAAABFwNgCH9/f39/f39/AGACf38AYAN/f38AAhABBHBhZ2UGbWVtb3J5AgABAwQDAAECBxwDB3Byb2R1Y3QAAAdyZWN0aWZ5AAEEbWFzawACCtkEA9oDAg1/C3sgBkECdCEIIAUhCQNAIAYhCiAEIREDQCARIAhqIRIgEiAIaiETIBMgCGohFCAR/QAEACEYIBH9AAQQIRwgEv0ABAAhGSAS/QAEECEdIBP9AAQAIRogE/0ABBAhHiAU/QAEACEbIBT9AAQQIR8gACEMIAwgAWohDSANIAFqIQ4gDiABaiEPIAMgBiAKa0ECdGohECAHIQsDQCAQ/QAEACEVIBD9AAQQIRYgDP0JAgAhFyAYIBcgFf3mAf3kASEYIBwgFyAW/eYB/eQBIRwgDf0JAgAhFyAZIBcgFf3mAf3kASEZIB0gFyAW/eYB/eQBIR0gDv0JAgAhFyAaIBcgFf3mAf3kASEaIB4gFyAW/eYB/eQBIR4gD/0JAgAhFyAbIBcgFf3mAf3kASEbIB8gFyAW/eYB/eQBIR8gDCACaiEMIA0gAmohDSAOIAJqIQ4gDyACaiEPIBAgCGohECALQQFrIgsNAAsgESAY/QsEACARIBz9CwQQIBIgGf0LBAAgEiAd/QsEECATIBr9CwQAIBMgHv0LBBAgFCAb/QsEACAUIB/9CwQQIBFBIGohESAKQQhrIgoNAAsgACABQQJ0aiEAIAQgCEECdGohBCAJQQRrIgkNAAsLNgADQCAAIAD9AAQA/QwAAAAAAAAAAAAAAAAAAAAA/ekB/QsEACAAQRBqIQAgAUEQayIBDQALC0QAA0AgACAA/QAEACAB/QAEAP0MAAAAAAAAAAAAAAAAAAAAAP1E/U79CwQAIABBEGohACABQRBqIQEgAkEQayICDQALCwDcAQRuYW1lAqEBAwAgAAFhAQRyb3dzAgdjb2x1bW5zAwFiBAFjBQFtBgFuBwFrCAV3aWR0aAkDcm93CgZjb2x1bW4LBGxlZnQMAmEwDQJhMQ4CYTIPAmEzEAJiMBECYzASAmMxEwJjMhQCYzMVAXAWAXEXAXMYAnAwGQJwMRoCcDIbAnAzHAJxMB0CcTEeAnEyHwJxMwECAAJhdAEBbgIDAAJ0bwECYnkCAW4DMQMAAwAJcm93c19vZl9jAQxjb2x1bW5zX29mX2MCB2Fsb25nX2sBAQACb24CAQACb24=";
function engine() {
const SIZE = 32, FIRST = 4, SPAN = 24, DOTS = SPAN * SPAN, PIXELS = SIZE * SIZE;
const PAGES = 256;
const NETWORKS = {
deconv: { up: true, widths: [2, 64, 64, 32, 32, 1], batch: 8, steps: 2400, rate: 0.01, asks: 4 },
coordconv: { up: false, widths: [4, 32, 32, 64, 64, 1], batch: 2, steps: 300, rate: 0.02, asks: 4 },
};
function random(seed, use) {
let a = seed | 0;
for (const letter of use) a = Math.imul(a ^ letter.charCodeAt(0), 0x9e3779b1);
return () => {
a = (a + 0x6d2b79f5) | 0;
let t = Math.imul(a ^ (a >>> 15), a | 1);
t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};
}
function shuffle(list, draw) {
for (let n = list.length - 1; n > 0; n--) {
const k = Math.floor(draw() * (n + 1));
[list[n], list[k]] = [list[k], list[n]];
}
return list;
}
function* batches(dots, size, draw) {
let waiting = [];
for (;;) {
while (waiting.length < size) waiting.push(...shuffle([...dots], draw));
yield waiting.splice(0, size);
}
}
function oneCycle(done) {
const slope = (from, to, part) => to + ((from - to) * (1 + Math.cos(Math.PI * part))) / 2;
return done < 0.2 ? slope(0.04, 1, done / 0.2) : slope(1, 0, (done - 0.2) / 0.8);
}
async function makeMemory(kernel) {
try {
const memory = new WebAssembly.Memory({ initial: PAGES });
const made = await WebAssembly.instantiate(kernel, { page: { memory } });
return { F: new Float32Array(memory.buffer), fast: true, ...made.instance.exports };
} catch {
const F = new Float32Array(PAGES * 16384);
const rectify = (at, n) => {
for (let k = at >> 2; k < (at + n) >> 2; k++) F[k] = Math.max(F[k], 0);
};
const mask = (to, by, n) => {
for (let k = 0; k < n >> 2; k++) F[(to >> 2) + k] *= Number(F[(by >> 2) + k] > 0);
};
return { F, fast: false, product: plainProduct(F), rectify, mask };
}
}
const plainProduct = (F) => (a, rows, columns, b, c, m, n, k) => {
[a, rows, columns, b, c] = [a >> 2, rows >> 2, columns >> 2, b >> 2, c >> 2];
for (let i = 0; i < m; i += 4)
for (let j = 0; j < n; j += 2) {
let p0 = 0, p1 = 0, p2 = 0, p3 = 0, q0 = 0, q1 = 0, q2 = 0, q3 = 0;
for (let l = 0, x = a + i * rows, y = b + j; l < k; l++, x += columns, y += n) {
const u = F[y], v = F[y + 1];
const s0 = F[x], s1 = F[x + rows], s2 = F[x + 2 * rows], s3 = F[x + 3 * rows];
p0 += s0 * u; q0 += s0 * v; p1 += s1 * u; q1 += s1 * v;
p2 += s2 * u; q2 += s2 * v; p3 += s3 * u; q3 += s3 * v;
}
let z = c + i * n + j;
F[z] += p0; F[z + 1] += q0; z += n;
F[z] += p1; F[z + 1] += q1; z += n;
F[z] += p2; F[z + 1] += q2; z += n;
F[z] += p3; F[z + 1] += q3;
}
};
const pixel = (dot) => (FIRST + Math.floor(dot / SPAN)) * SIZE + FIRST + (dot % SPAN);
const unit = (n) => (2 * n) / (SIZE - 1) - 1;
const upTo = (n, multiple) => Math.ceil(n / multiple) * multiple;
function makeNetwork({ F, product, rectify, mask }, kind, normalised, draw) {
const { up, widths, batch } = NETWORKS[kind];
const depth = widths.length - 1;
let top = 16;
const room = (n) => (top += upTo(n, 8)) - upTo(n, 8);
const layers = widths.slice(1).map((outputs, l) => {
const side = up ? 1 << l : SIZE;
const columns = upTo(up ? 9 * outputs : outputs, 8);
const normed = normalised && l < depth - 1;
return {
outputs, columns, side, normed,
rows: side * side,
inputs: upTo(widths[l], 4),
given: widths[l],
after: (up ? 4 : 1) * side * side,
stride: up ? outputs : columns,
};
});
const start = top;
for (const layer of layers) {
layer.weight = room(layer.inputs * layer.columns);
layer.bias = room(layer.outputs);
if (layer.normed) [layer.scale, layer.shift] = [room(layer.outputs), room(layer.outputs)];
}
const size = top - start;
const [gradient, first, second] = [room(size), room(size), room(size)];
const toGradient = gradient - start;
const input = room(batch * layers[0].rows * layers[0].inputs);
for (const layer of layers) {
const { outputs, after, stride } = layer;
layer.out = room(batch * after * stride);
if (layer.normed) {
layer.normal = room(batch * after * outputs);
[layer.mean, layer.variance, layer.inverse] = [room(outputs), room(outputs), room(outputs)];
}
}
const widest = (f) => room(Math.max(...layers.map(f)));
let [delta, other] = [0, 1].map(() => widest(({ after, stride }) => batch * after * stride));
const parts = widest(({ rows, columns }) => batch * rows * columns);
const turned = widest(({ inputs, columns }) => inputs * columns), one = room(1);
layers.forEach((layer, l) => (layer.from = l ? layers[l - 1].out : input));
const multiply = (a, rows, columns, b, c, m, n, k) => {
for (let l = 0; l < k; l += 256)
product(4 * (a + l * columns), 4 * rows, 4 * columns, 4 * (b + l * n), 4 * c, m, n, Math.min(256, k - l));
};
const clear = (at, n) => F.fill(0, at, at + n);
function spread({ side, outputs, columns }, count, f) {
const wide = 2 * side;
for (let p = 0, row = 0; p < count; p++)
for (let i = 0; i < side; i++)
for (let j = 0; j < side; j++, row++)
for (let t = 0; t < 9; t++) {
const y = 2 * i + ((t / 3) | 0), x = 2 * j + (t % 3);
if (y < wide && x < wide) f(parts + row * columns + t * outputs, ((p * wide + y) * wide + x) * outputs);
}
}
const [sums, others, slope] = [0, 1, 2].map(() => new Float64Array(64));
function normalise({ out, normal, mean, variance, inverse, scale, shift, outputs }, rows, training) {
sums.fill(0), others.fill(0);
const end = training ? out + rows * outputs : out;
for (let at = out; at < end; at += outputs) for (let c = 0; c < outputs; c++) sums[c] += F[at + c];
for (let c = 0; c < outputs; c++) sums[c] /= rows;
for (let at = out; at < end; at += outputs)
for (let c = 0; c < outputs; c++) {
const x = F[at + c] - sums[c];
others[c] += x * x;
}
for (let c = 0; c < outputs; c++) others[c] /= rows;
for (let c = 0; c < outputs; c++) {
if (training) {
F[mean + c] += 0.1 * (sums[c] - F[mean + c]);
F[variance + c] += 0.1 * ((others[c] * rows) / (rows - 1) - F[variance + c]);
} else [sums[c], others[c]] = [F[mean + c], F[variance + c]];
F[inverse + c] = 1 / Math.sqrt(others[c] + 1e-5);
}
for (let r = 0, at = 0; r < rows; r++)
for (let c = 0; c < outputs; c++, at++) {
const x = (F[normal + at] = (F[out + at] - sums[c]) * F[inverse + c]);
F[out + at] = Math.max(x * F[scale + c] + F[shift + c], 0);
}
}
function unnormalise({ normal, inverse, scale, shift, outputs }, rows) {
sums.fill(0), others.fill(0);
for (let r = 0, at = 0; r < rows; r++)
for (let c = 0; c < outputs; c++, at++) {
sums[c] += F[delta + at];
others[c] += F[delta + at] * F[normal + at];
}
for (let c = 0; c < outputs; c++) {
F[shift + toGradient + c] = sums[c];
F[scale + toGradient + c] = others[c];
slope[c] = F[inverse + c] * F[scale + c];
[sums[c], others[c]] = [sums[c] / rows, others[c] / rows];
}
for (let r = 0, at = 0; r < rows; r++)
for (let c = 0; c < outputs; c++, at++) {
F[delta + at] = slope[c] * (F[delta + at] - sums[c] - F[normal + at] * others[c]);
}
}
function forward(dots, training) {
const count = dots.length;
const each = 4 * layers[0].rows;
dots.forEach((dot, p) => {
const [i, j] = [unit(FIRST + Math.floor(dot / SPAN)), unit(FIRST + (dot % SPAN))];
for (let at = input + p * each; at < input + (p + 1) * each; at += 4) [F[at], F[at + 1]] = [i, j];
});
layers.forEach((layer, l) => {
const { from, inputs, outputs, columns, stride, weight, bias, out } = layer;
const before = count * layer.rows, rows = count * layer.after;
F.copyWithin(out, bias, bias + stride);
for (let n = stride; n < rows * stride; n *= 2) F.copyWithin(out + n, out, out + Math.min(n, rows * stride - n));
if (up) {
clear(parts, before * columns);
multiply(from, inputs, 1, weight, parts, upTo(before, 4), columns, inputs);
spread(layer, count, (part, pixel) => {
for (let c = 0; c < outputs; c++) F[out + pixel + c] += F[part + c];
});
} else multiply(from, inputs, 1, weight, out, before, columns, inputs);
if (layer.normed) normalise(layer, rows, training);
else if (l < depth - 1) rectify(4 * out, 4 * rows * outputs);
});
}
function backward(count) {
for (let l = depth - 1; l >= 0; l--) {
const layer = layers[l];
const { from, inputs, outputs, columns, stride, weight, bias, out } = layer;
const before = count * layer.rows, rows = count * layer.after;
if (l < depth - 1) {
mask(4 * delta, 4 * out, 4 * rows * outputs);
if (layer.normed) unnormalise(layer, rows);
}
clear(bias + toGradient, outputs);
clear(turned, 4 * stride);
if (!layer.normed && l < depth - 1) multiply(one, 0, 0, delta, turned, 4, stride, rows);
F.copyWithin(bias + toGradient, turned, turned + outputs);
let each = delta;
if (up) {
each = parts;
clear(parts, before * columns);
spread(layer, count, (part, pixel) => {
for (let c = 0; c < outputs; c++) F[part + c] = F[delta + pixel + c];
});
}
clear(weight + toGradient, inputs * columns);
multiply(from, 1, inputs, each, weight + toGradient, inputs, columns, before);
if (!l) return;
for (let i = 0; i < inputs; i++)
for (let c = 0; c < columns; c++) F[turned + c * inputs + i] = F[weight + i * columns + c];
clear(other, before * inputs);
multiply(each, columns, 1, turned, other, before, inputs, columns);
[delta, other] = [other, delta];
}
}
function differentiate(dots) {
forward(dots, true);
const { out, stride } = layers[depth - 1];
clear(delta, dots.length * PIXELS * stride);
let loss = 0;
dots.forEach((dot, p) => {
const at = p * PIXELS * stride;
let most = -Infinity, sum = 0;
for (let n = 0; n < PIXELS; n++) most = Math.max(most, F[out + at + n * stride]);
for (let n = 0; n < PIXELS; n++) sum += Math.exp(F[out + at + n * stride] - most);
const target = at + pixel(dot) * stride;
loss += (most + Math.log(sum) - F[out + target]) / dots.length;
for (let n = at; n < at + PIXELS * stride; n += stride)
F[delta + n] = Math.exp(F[out + n] - most) / sum / dots.length;
F[delta + target] -= 1 / dots.length;
});
backward(dots.length);
return loss;
}
let step = 0;
function train(dots, rate) {
const loss = differentiate(dots);
step++;
const lr = rate / (1 - 0.9 ** step), root = Math.sqrt(1 - 0.99 ** step);
for (let n = 0; n < size; n++) {
const g = F[gradient + n];
const m = (F[first + n] += 0.1 * (g - F[first + n]));
const v = (F[second + n] += 0.01 * (g * g - F[second + n]));
F[start + n] -= (lr * m) / (Math.sqrt(v) / root + 1e-8);
}
return loss;
}
function paint(dot) {
forward([dot], false);
const { out, stride } = layers[depth - 1];
return Float32Array.from({ length: PIXELS }, (_, n) => F[out + n * stride]);
}
function answers(dots) {
const found = [];
const { out, stride } = layers[depth - 1];
for (let n = 0; n < dots.length; n += batch) {
const some = dots.slice(n, n + batch);
forward(some, false);
some.forEach((_, p) => {
let best = 0;
const at = out + p * PIXELS * stride;
for (let k = 1; k < PIXELS; k++) if (F[at + k * stride] > F[at + best * stride]) best = k;
found.push(best);
});
}
return found;
}
function* order(all) {
for (const { weight, bias, scale, shift, mean, variance, ...layer } of layers) {
const { given, outputs, columns } = layer;
if (up) {
for (let i = 0; i < given; i++)
for (let o = 0; o < outputs; o++)
for (let t = 0; t < 9; t++) yield weight + i * columns + t * outputs + o;
} else
for (let o = 0; o < outputs; o++)
for (let i = 0; i < given; i++) yield weight + i * columns + o;
const vectors = layer.normed ? [bias, scale, shift, ...(all ? [mean, variance] : [])] : [bias];
for (const at of vectors) for (let o = 0; o < outputs; o++) yield at + o;
}
}
F.fill(0);
F[one] = 1;
for (let r = 0; !up && r < batch * PIXELS; r++)
F.set([unit(Math.floor((r % PIXELS) / SIZE)), unit(r % SIZE)], input + 4 * r + 2);
for (const { weight, inputs, given, outputs, columns, normed, scale, variance } of layers) {
const deviation = Math.sqrt(2 / (up ? 9 * outputs : given)) / 0.87962566103423978;
for (let i = 0; i < given; i++)
for (let c = 0; c < (up ? 9 : 1) * outputs; c++) {
let z;
do z = Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
while (Math.abs(z) > 2);
F[weight + i * columns + c] = deviation * z;
}
if (normed) for (let o = 0; o < outputs; o++) F[scale + o] = F[variance + o] = 1;
}
const weights = () => Float32Array.from(order(true), (at) => F[at]);
const gradients = () => Float32Array.from(order(false), (at) => F[at + toGradient]);
const load = (numbers) => [...order(true)].forEach((at, n) => (F[at] = numbers[n]));
return { train, differentiate, answers, paint, weights, gradients, load };
}
function hiddenDots(split, seed, own) {
const all = Array.from({ length: DOTS }, (_, n) => n);
if (split === "uniform") {
const chosen = new Set(shuffle([...all], random(seed, "split")).slice(0, Math.round(DOTS / 5)));
return all.map((n) => Number(chosen.has(n)));
}
const beyond = (n) => FIRST + n > SIZE / 2;
if (split === "quadrant") return all.map((n) => Number(beyond(Math.floor(n / SPAN)) && beyond(n % SPAN)));
return all.map((n) => Number(own[n] === "1"));
}
async function makeTraining({ kind, normalised, seed, hidden, kernel }) {
const { steps, batch, rate, asks } = NETWORKS[kind];
const network = makeNetwork(await makeMemory(kernel), kind, normalised, random(seed, kind));
const all = Array.from(hidden, (_, n) => n);
const drawn = batches(all.filter((n) => !hidden[n]), batch, random(seed, "order"));
const asked = batches(all, asks, random(seed, "asked"));
const right = new Uint8Array(DOTS);
let [done, at] = [false, 0];
const ask = (dots) => network.answers(dots).forEach((n, k) => (right[dots[k]] = Number(n === pixel(dots[k]))));
function step() {
network.train(drawn.next().value, rate * oneCycle(at / (steps - 1)));
ask(asked.next().value);
if (++at === steps || right.every(Boolean)) {
ask(all);
done = at === steps || right.every(Boolean);
}
return done;
}
const report = (dot) => ({ at, steps, done, right: right.slice(), painted: network.paint(dot) });
return { step, report, weights: network.weights };
}
function serve(self) {
let ready, training, dot, running, pace, seconds = 0, told = 0;
const turn = new MessageChannel();
const tell = () => {
told = performance.now();
self.postMessage({ ...training.report(dot), dot, seconds });
};
function slice(wanted) {
const start = performance.now();
let done;
do done = training.step();
while (!done && !wanted && performance.now() - start < 40);
seconds += (performance.now() - start) / 1000;
if (done || wanted || performance.now() - told > pace) tell();
if (done) running = false;
}
turn.port1.onmessage = () => {
if (!running) return;
slice(false);
turn.port2.postMessage(0);
};
self.onmessage = async ({ data }) => {
if (data.start) [ready, pace] = [makeTraining(data.start), data.start.pace];
training = await ready;
if ("dot" in data) dot = data.dot;
if ("run" in data && running !== data.run) {
running = data.run;
turn.port2.postMessage(0);
}
if (data.once) slice(true);
else if (!running) tell();
if (data.take) {
let text = "";
for (const byte of new Uint8Array(training.weights().buffer)) text += String.fromCharCode(byte);
self.postMessage({ weights: btoa(text) });
}
};
}
return { NETWORKS, SIZE, FIRST, SPAN, random, batches, oneCycle, makeMemory, makeNetwork, hiddenDots, makeTraining, serve };
}
export const style = "/* Interactive figures: text and lines take the colour of the page they stand on. */\n.cf {\n  --cf-a: #0072b2;\n  --cf-b: #d55e00;\n  --cf-line: color-mix(in srgb, currentColor 28%, transparent);\n  container-type: inline-size;\n  max-width: 46rem;\n  margin: 0 auto;\n  padding: 0.9rem;\n  border: 1px solid var(--cf-line);\n  border-radius: 10px;\n  color: var(--pst-color-text-base, var(--jp-content-font-color1, inherit));\n  font-family: var(--pst-font-family-base, system-ui, sans-serif);\n  font-size: 0.95rem;\n  line-height: 1.4;\n  text-align: left;\n}\nhtml[data-theme=\"dark\"] .cf, html[theme=\"dark\"] .cf,\nbody[data-jp-theme-light=\"false\"] .cf { --cf-a: #56b4e9; --cf-b: #e69f00; }\n@media (prefers-color-scheme: dark) {\n  html:not([data-theme]):not([theme]) body:not([data-jp-theme-light]) .cf { --cf-a: #56b4e9; --cf-b: #e69f00; }\n}\n.cf p { margin: 0; max-width: none; }\n.cf .cf-hint { margin-bottom: 0.7rem; font-size: 0.9rem; }\n.cf .cf-line { min-height: 2.8em; margin-top: 0.8rem; font-variant-numeric: tabular-nums; }\n.cf-panels { display: grid; grid-template-columns: repeat(var(--cf-columns, 4), minmax(0, 1fr)); gap: 0.8rem; align-items: start; }\n.cf-title { margin-bottom: 0.2rem; font-size: 0.85rem; text-align: center; }\n.cf-panels > div > div + div > .cf-title { margin-top: 0.6rem; }\n.cf-stage { position: relative; width: 100%; outline: 1px solid var(--cf-line); }\n.cf-stage canvas, .cf-stage svg { position: absolute; inset: 0; width: 100%; height: 100%; }\n.cf-stage canvas { image-rendering: pixelated; }\n.cf-stage svg { overflow: visible; pointer-events: none; }\n.cf svg * { fill: none; vector-effect: non-scaling-stroke; }\n.cf-grab { cursor: grab; touch-action: none; }\n.cf-grab:active { cursor: grabbing; }\n.cf :is(.cf-grab, input, button):focus-visible { outline: 3px solid var(--cf-a); outline-offset: 2px; }\n.cf-controls { display: flex; flex-wrap: wrap; gap: 0.6rem 1.4rem; margin-top: 0.9rem; align-items: end; }\n.cf label { display: inline-flex; align-items: center; gap: 0.35rem; margin: 0; min-height: 1.75rem; font-size: 0.9rem; cursor: pointer; }\n.cf .cf-slider { flex: 1 1 11rem; flex-direction: column; align-items: stretch; gap: 0; }\n.cf-slider b { font-variant-numeric: tabular-nums; }\n.cf input { margin: 0; accent-color: var(--cf-a); }\n.cf input[type=\"range\"] { width: 100%; height: 1.75rem; }\n.cf fieldset { display: flex; flex-wrap: wrap; gap: 0 0.9rem; min-width: 0; margin: 0; padding: 0; border: 0; }\n.cf legend { float: none; width: auto; margin: 0; padding: 0; font-size: 0.9rem; font-weight: 600; }\n.cf-own { align-items: center; }\n.cf-own input { max-width: 100%; font-size: 0.85rem; }\n.cf button { min-height: 1.75rem; padding: 0.3rem 0.9rem; border: 1px solid var(--cf-line); border-radius: 6px; background: transparent; color: inherit; font: inherit; font-size: 0.9rem; cursor: pointer; }\n.cf-mark { stroke: var(--cf-mark, #e69f00); stroke-width: 2.5px; }\n.cf-halo { stroke: #000; stroke-width: 5px; }\n.cf-numbers { display: grid; gap: 2px; margin: 0 auto; font-variant-numeric: tabular-nums; font-size: 0.85rem; text-align: center; }\n.cf-numbers span { padding: 0.3rem 0; border: 1px solid var(--cf-line); overflow: hidden; }\n.cf-plot { display: block; width: 100%; height: 9rem; overflow: visible; }\n@container (max-width: 34rem) {\n  /* A title may take two lines: the pictures of a row end together all the same. */\n  .cf-panels { grid-template-columns: repeat(var(--cf-narrow, 2), minmax(0, 1fr)); align-items: end; }\n  .cf-wide { grid-column: 1 / -1; }\n}\n@media (prefers-reduced-motion: reduce) { .cf * { transition: none; animation: none; } }\n.cf-bar { background: linear-gradient(to top, color-mix(in srgb, var(--cf-a) 45%, transparent) var(--cf-fill), transparent 0); }\n.cf-bar.cf-bar { height: 3.4rem; }\n.cf-plot path { stroke: currentColor; stroke-width: 2px; stroke-linejoin: round; }\n.cf-plot .cf-gray { stroke: color-mix(in srgb, currentColor 45%, transparent); stroke-width: 1.5px; }\n.cf-plot .cf-zero { stroke: var(--cf-line); stroke-width: 1px; }\n.cf-plot .cf-fold { stroke: var(--cf-b); stroke-width: 1.5px; stroke-dasharray: 4 4; }\n.cf-plot :is(.cf-seen, .cf-net0) { stroke: var(--cf-a); stroke-width: 2.5px; }\n.cf-plot .cf-net1 { stroke: var(--cf-b); stroke-width: 2.5px; stroke-dasharray: 8 3; }\n.cf-plot .cf-net2 { stroke-dasharray: 2 3; }\n.cf-plot .cf-dot { stroke-width: 7px; stroke-linecap: round; }\n.cf-plot .cf-dot.cf-small { stroke-width: 4px; stroke-dasharray: none; }\n.cf-plot.cf-tall { height: 16rem; }\n.cf-plot .cf-stem { stroke-width: 8px; }\n.cf-plot .cf-stem.cf-gray { stroke-width: 8px; }\n.cf-axis { display: flex; justify-content: space-between; font-size: 0.8rem; }\n.cf .cf-legend { margin-top: 0.4rem; font-size: 0.85rem; text-align: center; }\n.cf-keyed { display: inline-block; white-space: nowrap; }\n.cf-key { display: inline-block; width: 1.6em; margin: 0 0.35em 0 0.8em; border-top: 3px solid currentColor; vertical-align: 0.25em; }\n.cf-key.cf-gray { border-color: color-mix(in srgb, currentColor 45%, transparent); }\n.cf-key:is(.cf-seen, .cf-net0) { border-color: var(--cf-a); }\n.cf-key.cf-net1 { border-color: var(--cf-b); border-top-style: dashed; }\n.cf-key.cf-net2 { border-top-style: dotted; }\n.cf.cf-small { max-width: 30rem; }\n.cf-race .cf-buttons { display: flex; flex-wrap: wrap; gap: 0.5rem; flex: 1 1 100%; }\n.cf-race button:first-child { border-color: var(--cf-a); background: var(--cf-a); color: #fff; font-weight: 600; }\nhtml[data-theme=\"dark\"] .cf-race button:first-child, html[theme=\"dark\"] .cf-race button:first-child, body[data-jp-theme-light=\"false\"] .cf-race button:first-child { color: #10161a; }\n@media (prefers-color-scheme: dark) { html:not([data-theme]):not([theme]) body:not([data-jp-theme-light]) .cf-race button:first-child { color: #10161a; } }\n.cf-race button:disabled { opacity: 0.55; cursor: default; }\n.cf-race .cf-plot { height: 3.2rem; margin-top: 0.4rem; }\n.cf-race .cf-answer { stroke: #fff; stroke-width: 2px; }\n.cf-race .cf-legend { display: flex; flex-wrap: wrap; gap: 0 1rem; justify-content: center; margin-top: 0.5rem; }\n.cf-race .cf-legend i { display: inline-block; width: 0.9em; height: 0.9em; outline: 1px solid currentColor; vertical-align: -0.05em; }\n.cf-race .cf-line { font-size: 0.9rem; }\n.cf-race .cf-count { min-height: 2.6em; margin-top: 0.3rem; font-variant-numeric: tabular-nums; }\n/* The last words are the longest: what stands below stays put meanwhile. */\n.cf.cf-small .cf-line { min-height: 7.5em; }\n/* A name may take two lines: the pictures stand in a row. */\n.cf-race .cf-title:first-child { display: flex; align-items: end; justify-content: center; min-height: 2.8em; }\n.cf-race .cf-panels { align-items: start; }\n@container (max-width: 26rem) {\n  .cf-race .cf-title { font-size: 0.78rem; }\n  .cf.cf-small .cf-line { min-height: 11.2em; }\n}\n";
