// What all figures share. Python puts this text in front of each figure's module,
// so that a figure is one module and asks for nothing over the network.

// No line begins with a per cent sign.
const TIED = [/(\d) %/g, "$1\u00a0%"];

/** Make an element; strings among the children become text, never markup. */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.map((child) => child.replace?.(...TIED) ?? child));
  return element;
}

/** Make an SVG element. */
function s(tag, attributes = {}) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

const wrap = (n, size) => ((n % size) + size) % size;
const clamp = (n, low, high) => Math.min(Math.max(n, low), high);
const relu = (v) => Math.max(v, 0);

/** Write a number with fixed decimals and a true minus sign. */
function text(value, decimals = 0) {
  const written = value.toFixed(decimals);
  return (Number(written) === 0 ? written.replace("-", "") : written).replace("-", "−");
}

/** Bytes of a base64 text. */
function bytes(base64) {
  const letters = atob(base64), out = new Uint8Array(letters.length);
  for (let n = 0; n < out.length; n++) out[n] = letters.charCodeAt(n);
  return out;
}

/** Build rows x columns numbers from a function of (i, j), in one flat array. */
function grid(rows, columns, f) {
  const out = new Array(rows * columns);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[i * columns + j] = f(i, j);
  return out;
}

/** A colour map through the stops, for t in [0, 1]. */
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
/** Colours around zero, full at the limit. */
const signed = (limit) => (v) => TWO_SIDED(0.5 + v / (2 * Math.max(limit, 1e-12)));
/** Colours from zero to the limit. */
const heat = (limit) => (v) => HEAT(v / Math.max(limit, 1e-12));

/** The frame of a figure: a named group of panels, so many in a row, on a phone narrow ones; controls and a live line. */
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

/** A line's key in a legend, and its words: on a phone they stay together. */
const keyed = (kind, words) =>
  h("span", { class: "cf-keyed" }, h("b", { class: `cf-key ${kind}`, "aria-hidden": "true" }), words);

/** A picture of rows x columns pixels, and over it an SVG for marks in pixel units. */
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

/** Let a pointer drag over a stage, and the arrow keys step, in whole pixels. */
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

/** Set traits and hand them on to Python, where there is one. */
function update(model, changes) {
  for (const [name, value] of Object.entries(changes)) model.set(name, value);
  model.save_changes();
}

/** Call draw now and whenever one of the traits changes; return how to stop. */
function follow(model, names, draw) {
  for (const name of names) model.on(`change:${name}`, draw);
  draw();
  return () => names.forEach((name) => model.off(`change:${name}`, draw));
}

/** The traits named, as one object: the state that the pure functions take. */
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
  const group = `cf${Math.random()}`; // radio buttons share a name across the page
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
