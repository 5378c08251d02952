const TRAITS = ["picture", "rows", "columns", "kernel", "padding", "stride", "di", "dj"];

/** Move a picture down and right; what falls off comes back on the other side. */
function moved(x, rows, columns, di, dj) {
  return grid(rows, columns, (i, j) => x[wrap(i - di, rows) * columns + wrap(j - dj, columns)]);
}

/** Read a picture beyond its border. */
function reader(x, rows, columns, padding) {
  const mirror = (n, size) => (n < 0 ? -n : n >= size ? 2 * size - 2 - n : n);
  if (padding === "circular") return (i, j) => x[wrap(i, rows) * columns + wrap(j, columns)];
  if (padding === "reflect") return (i, j) => x[mirror(i, rows) * columns + mirror(j, columns)];
  return (i, j) => (i < 0 || j < 0 || i >= rows || j >= columns ? 0 : x[i * columns + j]);
}

/** A 3x3 convolution, as torch has it: the kernel is not turned. */
function convolve(x, rows, columns, kernel, padding, stride) {
  const read = reader(x, rows, columns, padding);
  return grid(Math.ceil(rows / stride), Math.ceil(columns / stride), (i, j) => {
    let sum = 0;
    for (let a = 0; a < 3; a++)
      for (let b = 0; b < 3; b++)
        sum += kernel[a][b] * read(stride * i + a - 1, stride * j + b - 1);
    return sum;
  });
}

/** Both ways round the square, and how far apart they end. */
export function compute({ picture, rows, columns, kernel, padding, stride, di, dj }) {
  const x = Array.from(bytes(picture), (v) => v / 255);
  const shifted = moved(x, rows, columns, di, dj);
  const one = convolve(shifted, rows, columns, kernel, padding, stride);
  const y = convolve(x, rows, columns, kernel, padding, stride);
  const [height, width] = [Math.ceil(rows / stride), Math.ceil(columns / stride)];
  // A shift by half an output pixel: the nearer of the whole shifts beside it.
  let best = null;
  for (const ei of new Set([Math.floor(di / stride), Math.ceil(di / stride)]))
    for (const ej of new Set([Math.floor(dj / stride), Math.ceil(dj / stride)])) {
      const other = moved(y, height, width, ei, ej);
      const difference = one.map((v, n) => Math.abs(v - other[n]));
      const error = Math.hypot(...difference);
      if (!best || error < best.error) best = { other, difference, error };
    }
  const largest = Math.max(...best.difference);
  const wrong = best.difference.filter((v) => v > 1e-9).length;
  const range = Math.max(...y) - Math.min(...y);
  return { shifted, one, other: best.other, difference: best.difference, largest, wrong, range };
}

/** Bytes of a picture's grey, its middle cut to the shape, in base64. */
async function gray(file, rows, columns) {
  const source = await createImageBitmap(file);
  const scale = Math.max(rows / source.height, columns / source.width);
  const [width, height] = [scale * source.width, scale * source.height];
  const context = h("canvas", { width: columns, height: rows }).getContext("2d");
  context.imageSmoothingQuality = "high";
  context.fillRect(0, 0, columns, rows); // what is transparent becomes black
  context.drawImage(source, (columns - width) / 2, (rows - height) / 2, width, height);
  const { data } = context.getImageData(0, 0, columns, rows);
  const light = grid(rows, columns, (i, j) => {
    const [red, green, blue] = data.subarray(4 * (i * columns + j));
    return String.fromCharCode(Math.round(0.299 * red + 0.587 * green + 0.114 * blue));
  });
  return btoa(light.join(""));
}

/** Let readers choose, drop or paste a picture. It goes to `use` and nowhere else. */
function ownPicture(root, rows, columns, use) {
  const back = button("First picture again", () => {
    input.value = "";
    show(null);
  });
  back.hidden = true;
  const refused = h("span", { role: "status" });
  const show = (picture) => {
    refused.textContent = "";
    back.hidden = picture === null;
    use(picture);
  };
  const take = async (file) => {
    if (!file) return;
    try {
      show(await gray(file, rows, columns));
    } catch {
      refused.textContent = `${file.name || "What was pasted"} is no picture that this browser can read.`;
    }
  };
  const named = { "aria-label": "A picture of yours" };
  const input = h("input", { type: "file", accept: "image/*", ...named });
  input.addEventListener("change", () => take(input.files[0]));
  root.addEventListener("dragover", (event) => event.preventDefault());
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });
  const paste = (event) => {
    if (root.matches(":hover, :focus-within")) take(event.clipboardData.files[0]);
  };
  document.addEventListener("paste", paste);
  const legend = h("legend", {}, "A picture of yours (it stays here; drop or paste one too)");
  const control = h("fieldset", { class: "cf-choice cf-own" }, legend, input, back, refused);
  return { control, stop: () => document.removeEventListener("paste", paste) };
}

function way(d, ahead, back) {
  return d ? `${Math.abs(d)} ${d > 0 ? ahead : back}` : "";
}

function render({ model, el }) {
  const [rows, columns] = [model.get("rows"), model.get("columns")];
  const ui = frame(el, "The commuting square",
    "Drag the first picture, or select it and use the arrow keys. What falls off on one side comes back on the other.");
  const half = (n) => Math.ceil(n / model.get("stride"));
  const whole = picture(rows, columns, "shift x", "the picture, moved");
  let maps = [];
  const build = () => {
    maps = [
      ["f(shift x)", "the picture moved, then convolved"],
      ["shift f(x)", "the picture convolved, then moved"],
      ["difference", "the absolute difference of the two; black is none"],
    ].map(([title, label]) => picture(half(rows), half(columns), title, label));
    ui.panels.replaceChildren(whole.element, ...maps.map((map) => map.element));
  };
  // From -size/2 up to size/2, so that the text names the shorter way round.
  const short = (n, size) => wrap(n + size / 2, size) - size / 2;
  const go = (di, dj) => update(model, { di: short(di, rows), dj: short(dj, columns) });
  let from = null;
  grab(whole.stage, rows, columns, "Picture to move. Arrow keys shift it by one pixel.", {
    down: ([i, j]) => (from = [model.get("di") - i, model.get("dj") - j]),
    move: ([i, j]) => go(from[0] + i, from[1] + j),
    step: (a, b) => go(model.get("di") + a, model.get("dj") + b),
  });
  ui.controls.append(
    choice(model, "padding", "Beyond the border", [
      ["zeros", "zeros"],
      ["reflect", "mirror image"],
      ["circular", "the other side (ring)"],
    ]),
    choice(model, "stride", "Stride", [
      [1, "1"],
      [2, "2"],
    ]),
  );
  // Not a trait: a trait would travel to the kernel.
  let own = null;
  let built = null;
  const draw = () => {
    const now = { ...state(model, TRAITS), ...(own && { picture: own }) };
    if (built !== now.stride) build();
    built = now.stride;
    const r = compute(now);
    whole.paint(r.shifted, GRAY);
    maps[0].paint(r.one, signed(r.range / 2));
    maps[1].paint(r.other, signed(r.range / 2));
    maps[2].paint(r.difference, heat(r.range / 2));
    const by = [way(now.di, "down", "up"), way(now.dj, "to the right", "to the left")];
    const shift = by.filter(Boolean).join(" and ") || "not at all";
    ui.say(
      `Moved ${shift}. ` +
        (r.wrong
          ? `The two ways differ in ${r.wrong} of ${r.one.length} pixels, by ${text(r.largest, 2)} at most.`
          : `The two ways agree in all ${r.one.length} pixels: the largest difference is 0.`),
    );
  };
  const use = (picture) => {
    own = picture;
    ui.root.toggleAttribute("data-own-picture", own !== null); // files of the figure say so
    draw();
  };
  const { control, stop } = ownPicture(ui.root, rows, columns, use);
  ui.controls.append(control);
  const unfollow = follow(model, TRAITS, draw);
  return () => {
    stop();
    unfollow();
  };
}

export default { render };
