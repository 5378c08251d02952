// Makes files of a figure: a PNG or an SVG that says what it is, whose, and from where.

const SVG = "http://www.w3.org/2000/svg";
const LICENCE = "https://creativecommons.org/licenses/by/4.0/";
// What the look of a drawing is made of, beside its colours.
const INK = ["stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "opacity", "visibility", "display",
  "font-size", "font-family", "font-weight", "text-anchor", "dominant-baseline"];
// What only works on the page.
const NOT_DRAWN = "figcaption, style, .cf-hint, .cf-controls, .cf-line, button, label";

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  set(element, attributes);
  element.append(...children);
  return element;
}

/** What the file of a figure says of itself. */
export function about(figure) {
  const words = (selector) => figure.querySelector(selector)?.textContent.trim() ?? "";
  const published = document.querySelector('meta[property="og:url"]')?.content;
  const page = (published ?? location.href).replace(/#.*/, "");
  const label = figure.querySelector("[aria-label]")?.getAttribute("aria-label");
  const own = figure.querySelector("[data-own-picture]");
  return {
    title: `${words(".caption-number")} ${words(".caption-text")}`.trim(),
    description: still(figure)?.alt || words(".cf-line") || label,
    source: `${page}#${figure.id}`,
    licence: `${own ? "The picture is its owner's, all else " : ""}CC BY 4.0, ${LICENCE}`,
    credit: `The authors of Where Is It?, ${document.title}${own ? ", with a picture of a reader's own" : ""}`,
  };
}

const asData = (blob) =>
  new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(blob);
  });

const where = ({ x, y, width, height }) => ({ x, y, width, height });

const ink = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

/** A colour as every program reads it: without names, variables and mixtures. */
function coloured(name, value) {
  if (value === "none" || value.startsWith("url")) return { [name]: value };
  ink.clearRect(0, 0, 1, 1);
  ink.fillStyle = value;
  ink.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = ink.getImageData(0, 0, 1, 1).data;
  return { [name]: `rgb(${r}, ${g}, ${b})`, [`${name}-opacity`]: a / 255 };
}

/** A copy of a drawing, with the look that its page gives it; its lines do not scale by themselves. */
function inked(drawing, box, scale) {
  const copy = drawing.cloneNode(true);
  const all = drawing.querySelectorAll("*");
  copy.querySelectorAll("*").forEach((element, n) => {
    const style = getComputedStyle(all[n]);
    element.removeAttribute("style"); // it names variables of the page
    for (const name of INK) element.setAttribute(name, style.getPropertyValue(name));
    for (const name of ["fill", "stroke"]) {
      const [look, opacity] = [coloured(name, style[name]), `${name}-opacity`];
      set(element, { ...look, [opacity]: (look[opacity] ?? 1) * style.getPropertyValue(opacity) });
    }
    if (style.vectorEffect === "none") return;
    element.setAttribute("vector-effect", style.vectorEffect);
    for (const name of ["stroke-width", "stroke-dasharray"])
      element.setAttribute(name, element.getAttribute(name).replace(/[\d.]+/g, (n) => n * scale));
  });
  const cut = [drawing, drawing.parentElement].some((each) => getComputedStyle(each).overflow !== "visible");
  set(copy, { ...where(box), overflow: cut ? "hidden" : "visible" });
  copy.removeAttribute("style");
  return copy;
}

/** A picture of the page, as one that stands by itself. */
function pictured(picture, box) {
  const canvas = document.createElement("canvas");
  canvas.width = picture.naturalWidth ?? picture.width;
  canvas.height = picture.naturalHeight ?? picture.height;
  canvas.getContext("2d").drawImage(picture, 0, 0);
  const style = `image-rendering: ${getComputedStyle(picture).imageRendering}`;
  return svg("image", { href: canvas.toDataURL(), ...where(box), preserveAspectRatio: "none", style });
}

/** The words that stand in an element itself, one text for each line that they fill. */
function* written(element) {
  const { fontSize, fontFamily, fontWeight, color } = getComputedStyle(element);
  const look = { "font-size": fontSize, "font-family": fontFamily, "font-weight": fontWeight, ...coloured("fill", color) };
  for (const text of element.childNodes) {
    if (text.nodeType !== Node.TEXT_NODE) continue;
    const lines = [];
    for (const word of text.data.matchAll(/\S+/g)) {
      const range = document.createRange();
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      const box = range.getBoundingClientRect();
      const last = lines.at(-1);
      if (last?.box.top === box.top) last.words.push(word[0]);
      else lines.push({ box, words: [word[0]] });
      lines.at(-1).right = box.right;
    }
    for (const { box, words, right } of lines) {
      const place = new DOMRect(box.x, box.y, right - box.x, box.height);
      yield [place, svg("text", { x: box.x, y: box.y + box.height * 0.8, ...look }, words.join(" "))];
    }
  }
}

/** The ground of an element, its outline and the lines along its sides. */
function* framed(element, box) {
  const style = getComputedStyle(element);
  const { left, top, right, bottom, width, height } = box;
  const ground = coloured("fill", style.backgroundColor);
  if (ground["fill-opacity"]) yield [box, svg("rect", { ...where(box), ...ground })];
  const full = parseFloat(style.getPropertyValue("--cf-fill")) / 100;
  if (full && style.backgroundImage !== "none") {
    const bar = { x: left, y: bottom - full * height, width, height: full * height };
    yield [box, svg("rect", { ...bar, fill: style.getPropertyValue("--cf-a"), "fill-opacity": 0.45 })];
  }
  if (style.outlineStyle !== "none")
    yield [box, svg("rect", { ...where(box), fill: "none", ...coloured("stroke", style.outlineColor), "stroke-width": style.outlineWidth })];
  const sides = { Top: [left, right, top, top], Right: [right, right, top, bottom], Bottom: [left, right, bottom, bottom], Left: [left, left, top, bottom] };
  for (const [side, [x1, x2, y1, y2]] of Object.entries(sides)) {
    const [kind, stroke, thick] = ["Style", "Color", "Width"].map((what) => style[`border${side}${what}`]);
    const dashes = { dashed: "8 3", dotted: "2 3" }[kind] ?? "none";
    const line = { x1, x2, y1, y2, ...coloured("stroke", stroke), "stroke-width": thick, "stroke-dasharray": dashes };
    if (parseFloat(thick)) yield [box, svg("line", line)];
  }
}

/** The parts of a figure that is not a picture: grounds and lines, pictures, drawings and words. */
function* drawn(figure, scale) {
  for (const part of figure.querySelectorAll("*")) {
    if (part.matches(".cf") || part.ownerSVGElement || part.closest(NOT_DRAWN) || !part.checkVisibility()) continue;
    const box = part.getBoundingClientRect();
    if (!box.width) continue;
    yield* framed(part, box);
    if (part.matches("canvas, img")) yield [box, pictured(part, box)];
    else if (part.matches("svg")) yield [box, inked(part, box, scale)];
    else yield* written(part);
  }
}

/** The picture that a figure is, or null where it is interactive. */
const still = (figure) => figure.querySelector(":scope > img, :scope > a > img");

/** A figure as SVG. A picture stays a picture; what is drawn in the page stays a drawing. */
export async function asSVG(figure, scale = 1) {
  const told = about(figure);
  const image = still(figure);
  let [box, parts, ground] = [null, [], "#fff"];
  if (image) {
    image.loading = "eager"; // it has no size before the reader comes near
    await image.decode();
    box = { x: 0, y: 0, width: image.naturalWidth, height: image.naturalHeight };
    const href = await asData(await (await fetch(image.src)).blob());
    parts.push(svg("image", { href, ...box }));
  } else {
    const found = [...drawn(figure, scale)];
    const edge = (side, of) => of(...found.map(([each]) => each[side]));
    const [x, y] = [edge("left", Math.min) - 8, edge("top", Math.min) - 8];
    box = { x, y, width: edge("right", Math.max) + 8 - x, height: edge("bottom", Math.max) + 8 - y };
    parts = found.map(([, part]) => part);
    ground = getComputedStyle(document.body).backgroundColor;
  }
  const { x, y, width, height } = box;
  const root = svg("svg", { xmlns: SVG, width: width * scale, height: height * scale, viewBox: `${x} ${y} ${width} ${height}` },
    svg("title", {}, told.title),
    svg("desc", {}, told.description),
    svg("metadata", {}, `${told.credit}. ${told.source}. ${told.licence}`),
    svg("rect", { ...box, fill: ground }),
    ...parts);
  return new Blob([new XMLSerializer().serializeToString(root)], { type: "image/svg+xml" });
}

/** The checksum of a PNG's chunk. */
function crc(bytes) {
  let c = ~0;
  for (const byte of bytes) {
    c ^= byte;
    for (let k = 0; k < 8; k++) c = (c >>> 1) ^ (0xedb88320 & -(c & 1));
  }
  return ~c >>> 0;
}

/** A PNG with texts in it, behind its first chunk. */
export function labelled(png, texts) {
  const chunks = Object.entries(texts).map(([name, text]) => {
    const body = new TextEncoder().encode(`iTXt${name}\0\0\0\0\0${text}`);
    const chunk = new Uint8Array(body.length + 8);
    const view = new DataView(chunk.buffer);
    view.setUint32(0, body.length - 4);
    chunk.set(body, 4);
    view.setUint32(body.length + 4, crc(body));
    return chunk;
  });
  const first = 33; // eight bytes of signature, and the header
  return new Blob([png.slice(0, first), ...chunks, png.slice(first)], { type: "image/png" });
}

/** A figure as PNG; what is drawn in the page is drawn twice as large. */
export async function asPNG(figure) {
  const { title, description, source, licence, credit } = about(figure);
  const image = still(figure);
  let blob;
  if (image) blob = await (await fetch(image.src)).blob();
  else {
    const drawing = new Image();
    drawing.src = await asData(await asSVG(figure, 2));
    await drawing.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [drawing.width, drawing.height];
    canvas.getContext("2d").drawImage(drawing, 0, 0);
    blob = await new Promise((done) => canvas.toBlob(done));
  }
  const texts = { Title: title, Description: description, Author: credit, Source: source, Copyright: licence };
  return labelled(new Uint8Array(await blob.arrayBuffer()), texts);
}

/** Hand a file to the reader. */
export async function save(figure, kind) {
  const blob = await (kind === "SVG" ? asSVG : asPNG)(figure);
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = `${figure.id}.${kind.toLowerCase()}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
