// Makes files of a figure: a PNG or an SVG that says what it is, whose, and from where.

const SVG = "http://www.w3.org/2000/svg";
const LICENCE = "https://creativecommons.org/licenses/by/4.0/";
const INK = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "opacity"];

function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** What the file of a figure says of itself. */
export function about(figure) {
  const words = (selector) => figure.querySelector(selector)?.textContent.trim() ?? "";
  const published = document.querySelector('meta[property="og:url"]')?.content;
  const page = (published ?? location.href).replace(/#.*/, "");
  return {
    title: `${words(".caption-number")} ${words(".caption-text")}`.trim(),
    description: still(figure)?.alt ?? words(".cf-line"),
    source: `${page}#${figure.id}`,
    licence: `CC BY 4.0, ${LICENCE}`,
    credit: `The authors of Where Is It?, ${document.title}`,
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

/** A copy of a drawing, with the look that its page gives it; its lines do not scale by themselves. */
function inked(drawing, box, scale) {
  const copy = drawing.cloneNode(true);
  const all = drawing.querySelectorAll("*");
  copy.querySelectorAll("*").forEach((element, n) => {
    const style = getComputedStyle(all[n]);
    for (const name of INK) element.setAttribute(name, style.getPropertyValue(name));
    if (style.vectorEffect === "none") return;
    element.setAttribute("vector-effect", style.vectorEffect);
    for (const name of ["stroke-width", "stroke-dasharray"])
      element.setAttribute(name, element.getAttribute(name).replace(/[\d.]+/g, (n) => n * scale));
  });
  for (const [name, value] of Object.entries(where(box))) copy.setAttribute(name, value);
  copy.setAttribute("overflow", "visible");
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

/** The words of an element, each piece of text where it stands. */
function* written(element) {
  const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const range = document.createRange();
    range.selectNodeContents(texts.currentNode);
    const box = range.getBoundingClientRect();
    const { fontSize, fontFamily, fontWeight, color } = getComputedStyle(texts.currentNode.parentElement);
    const look = { "font-size": fontSize, "font-family": fontFamily, "font-weight": fontWeight, fill: color };
    if (box.width) yield [box, svg("text", { x: box.x, y: box.y + box.height * 0.8, ...look }, texts.currentNode.data)];
  }
}

/** A line of a legend. */
function key(element, box) {
  const { borderTopColor: stroke, borderTopWidth, borderTopStyle } = getComputedStyle(element);
  const dashes = { dashed: "8 3", dotted: "2 3" }[borderTopStyle] ?? "none";
  const ends = { x1: box.left, x2: box.right, y1: box.top, y2: box.top };
  return svg("line", { ...ends, stroke, "stroke-width": borderTopWidth, "stroke-dasharray": dashes });
}

/** A box around a number, filled as high as the number is large. */
function* boxed(element, box) {
  const style = getComputedStyle(element);
  const high = (box.height * parseFloat(style.getPropertyValue("--cf-fill") || 0)) / 100;
  const filled = { ...where(box), y: box.bottom - high, height: high };
  if (high) yield [box, svg("rect", { ...filled, fill: style.getPropertyValue("--cf-a"), "fill-opacity": 0.45 })];
  yield [box, svg("rect", { ...where(box), fill: "none", stroke: style.borderTopColor })];
}

/** The parts of an interactive figure: pictures, drawings, boxes, keys and words. */
function* drawn(figure, scale) {
  const boxes = ".cf-numbers span";
  const words = ".cf-title, .cf-numbers, .cf-axis, .cf-legend";
  for (const part of figure.querySelectorAll(`canvas, img, svg, ${boxes}, .cf-key, ${words}`)) {
    const box = part.getBoundingClientRect();
    if (!box.width) continue;
    if (part.matches("canvas, img")) yield [box, pictured(part, box)];
    else if (part.matches("svg")) yield [box, inked(part, box, scale)];
    else if (part.matches(".cf-key")) yield [box, key(part, box)];
    else if (part.matches(boxes)) yield* boxed(part, box);
    if (part.matches(words)) yield* written(part);
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
