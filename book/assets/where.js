// The figure of the home page: a square to drag, and three answers that follow it.
"use strict";
{
  const { size, first, last, heldOut, networks } = globalThis.whereAnswers;
  const side = last - first + 1;
  const reach = first; // of the square, to each side of its middle
  const SVG = "http://www.w3.org/2000/svg";

  /** What a trained network answered when the square was in this place. */
  const stored = ({ places }) => {
    const bytes = Uint8Array.from(atob(places), (c) => c.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    return (i, j) => {
      const at = 4 * ((i - first) * side + (j - first));
      return [view.getInt16(at, true) / 100, view.getInt16(at + 2, true) / 100];
    };
  };

  /** The decoder made by hand, on the middle pixel: length - sum of relu(length * x - index). */
  const byHand = (i, j) => {
    const sum = [0, 0];
    for (let a = 0; a < size; a++)
      for (let b = 0; b < size; b++) {
        const x = a === i && b === j ? 1 : 0;
        sum[0] += Math.max(size * x - a, 0);
        sum[1] += Math.max(size * x - b, 0);
      }
    return sum.map((s) => size - s);
  };

  const count = (n) => n.toLocaleString("en");
  const answers = [
    { mark: "✕", name: "Handmade decoder, no training", find: byHand, exact: true },
    {
      mark: "○",
      name: `CoordConv, ${count(networks.coordconv.parameters)} trained weights`,
      find: stored(networks.coordconv),
    },
    {
      mark: "△",
      name: `Convolution alone, ${count(networks.conv.parameters)} trained weights`,
      find: stored(networks.conv),
    },
  ];
  globalThis.whereCompute = (i, j) => answers.map(({ find }) => find(i, j));

  const figure = document.querySelector("#where");
  const make = (tag, attributes, ...children) => {
    const e = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
    e.append(...children);
    return e;
  };
  const draw = (parent, tag, attributes) => {
    const e = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
    parent.append(e);
    return e;
  };

  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  const label =
    "A black picture with a white square. Drag the square, or move it with the arrow keys.";
  const stage = make("div", { class: "where-stage", tabindex: 0, role: "application", "aria-label": label });
  stage.append(svg);
  svg.setAttribute("aria-hidden", "true");
  draw(svg, "rect", { width: size, height: size, class: "where-dark" });
  const held = { x: heldOut[1] - 0.5, y: heldOut[0] - 0.5 };
  draw(svg, "path", { class: "where-held", d: `M${held.x} ${size}V${held.y}H${size}` });
  const square = draw(svg, "rect", { class: "where-square", width: 2 * reach + 1, height: 2 * reach + 1 });
  const shapes = ["M-1.6-1.6L1.6 1.6M-1.6 1.6L1.6-1.6", "M2.6 0A2.6 2.6 0 1 1-2.6 0A2.6 2.6 0 1 1 2.6 0Z", "M0-3L2.8 2.2H-2.8Z"];
  const marks = shapes.map((d, n) => [
    draw(svg, "path", { class: "where-halo", d }),
    draw(svg, "path", { class: `where-mark where-mark${n}`, d }),
  ]);
  const rows = answers.map(({ mark, name }, n) => {
    const said = make("td", {});
    const sign = make("span", { class: `where-sign${n}`, "aria-hidden": "true" }, `${mark} `);
    return { said, row: make("tr", {}, make("th", { scope: "row" }, sign, name), said) };
  });
  const table = make("table", { class: "where-table" }, make("tbody", {}, ...rows.map((r) => r.row)));
  const line = make("p", { class: "where-line" });
  figure.replaceChildren(stage, make("div", { class: "where-told" }, table, line));

  let at = [16, 16];
  let moving = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  const place = (i, j) => {
    at = [i, j].map((v) => Math.min(Math.max(Math.round(v), first), last));
    square.setAttribute("x", at[1] - reach);
    square.setAttribute("y", at[0] - reach);
    let worst = 0;
    answers.forEach(({ find, exact }, n) => {
      const [y, x] = find(...at);
      for (const mark of marks[n])
        mark.setAttribute("transform", `translate(${x + 0.5} ${y + 0.5})`);
      const digits = exact ? 0 : 1;
      rows[n].said.textContent = `row ${y.toFixed(digits)}, column ${x.toFixed(digits)}`;
      worst = Math.hypot(y - at[0], x - at[1]);
    });
    line.setAttribute("aria-live", moving ? "off" : "polite");
    const unseen = at[0] >= heldOut[0] && at[1] >= heldOut[1];
    line.textContent =
      `The square is at row ${at[0]}, column ${at[1]}, ` +
      (unseen ? "where neither network was trained. " : "where both networks were trained. ") +
      `The convolution is ${worst.toFixed(1)} pixels off.`;
  };

  // It moves by itself at first, into the quarter held out; not for long, and not for
  // a reader who wants less motion.
  const take = (i, j) => {
    moving = false;
    place(i, j);
  };
  const start = performance.now();
  const step = (now) => {
    if (!moving) return;
    const t = Math.min((now - start) / 4500, 1);
    const [i, j] = [0, 12 * Math.sin(Math.PI * t)].map((v) => Math.round(14 + 36 * t + v));
    // A frame in which nothing moves costs a phone as much as one in which it does.
    if (i !== at[0] || j !== at[1]) place(i, j);
    if (t < 1) requestAnimationFrame(step);
    else moving = false;
  };
  place(...(moving ? at : [50, 50]));
  requestAnimationFrame(step);

  const pointed = (event) => {
    const box = stage.getBoundingClientRect();
    take(
      ((event.clientY - box.top) / box.height) * size - 0.5,
      ((event.clientX - box.left) / box.width) * size - 0.5,
    );
  };
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    pointed(event);
  });
  stage.addEventListener("pointermove", (event) => {
    if (stage.hasPointerCapture(event.pointerId)) pointed(event);
  });
  const arrows = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  stage.addEventListener("keydown", (event) => {
    if (!(event.key in arrows)) return;
    event.preventDefault();
    const by = event.shiftKey ? 8 : 1;
    take(at[0] + by * arrows[event.key][0], at[1] + by * arrows[event.key][1]);
  });
}
