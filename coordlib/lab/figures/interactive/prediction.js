// A guess before the answer, and at the end of a chapter all guesses beside the answers.
// Guesses are kept by the browser. They go to no server, to no kernel and into no notebook.

const STORE = "where-is-it.guesses";
const NEWS = "where-is-it-guessed";

/** All guesses on this device, by question; where nothing can be kept, those of this page. */
function guesses() {
  let all = globalThis[STORE];
  try {
    all ??= JSON.parse(localStorage.getItem(STORE));
  } catch {
    // Nothing can be kept, or what was kept is no JSON.
  }
  return Object(all) === all ? all : {};
}

function keep(all) {
  try {
    if (Object.keys(all).length) localStorage.setItem(STORE, JSON.stringify(all));
    else localStorage.removeItem(STORE);
    delete globalThis[STORE];
  } catch {
    globalThis[STORE] = all; // it lives as long as the page
  }
  window.dispatchEvent(new Event(NEWS));
}

/** Make an element; no line of its words begins with a per cent sign. */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.map((child) => child.replace?.(/(\d) %/g, "$1\u00a0%") ?? child));
  return element;
}

const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const minus = (number) => String(number).replace("-", "−");
const place = (n, columns) => `row ${Math.floor(n / columns)}, column ${n % columns}`;

/** What a guess says in words, and whether it is right. */
export function judge(question, guess) {
  const { kind, answer } = question;
  if (kind === "choice") return { said: guess, right: [].concat(answer).includes(guess) };
  if (kind === "number") {
    const right = Math.abs(guess - answer) <= question.within;
    return { said: `${minus(guess)} ${question.number[0]}`.trim(), right };
  }
  return { said: place(guess, question.columns), right: Boolean(bytes(question.mask)[guess]) };
}

/** Radio buttons, a number, or a picture to point at; `read` gives the guess, or null. */
const KINDS = {
  choice({ choices, key }) {
    const inputs = choices.map((value) => h("input", { type: "radio", name: key, value, required: "" }));
    const labels = inputs.map((input, n) => h("label", {}, input, h("span", {}, choices[n])));
    return {
      parts: labels,
      read: () => inputs.find((input) => input.checked)?.value ?? null,
      write: (guess) => inputs.forEach((input) => (input.checked = input.value === guess)),
    };
  },
  number({ number: [unit, low, high] }) {
    const input = h("input", { type: "number", min: low, max: high, step: "any", required: "" });
    const told = `${unit ? `${unit}, ` : ""}${minus(low)} to ${minus(high)}`;
    return {
      parts: [h("label", {}, input, h("span", {}, told))],
      read: () => (input.value === "" ? null : Number(input.value)),
      write: (guess) => (input.value = guess ?? ""),
    };
  },
  picture({ picture, mask, rows, columns }) {
    const values = bytes(picture);
    const hits = bytes(mask);
    const canvas = h("canvas", { width: columns, height: rows, tabindex: 0, role: "application" });
    const context = canvas.getContext("2d");
    let at = null;
    let open = false;
    const draw = () => {
      const image = context.createImageData(columns, rows);
      values.forEach((v, n) => {
        const color = open && hits[n] ? [230, 159, 0] : [v, v, v];
        image.data.set([...(n === at ? [86, 180, 233] : color), 255], 4 * n);
      });
      context.putImageData(image, 0, 0);
      const where = at === null ? "no place chosen" : place(at, columns);
      canvas.setAttribute("aria-label", `Picture of ${rows} by ${columns} pixels, ${where}. Arrow keys choose a place.`);
      told.textContent = at === null ? "Click on the picture, or use the arrow keys." : `Your place: ${where}.`;
    };
    const told = h("p", { class: "guess-place", "aria-live": "polite" });
    const go = (i, j) => {
      if (open) return;
      at = Math.min(Math.max(i, 0), rows - 1) * columns + Math.min(Math.max(j, 0), columns - 1);
      draw();
    };
    canvas.addEventListener("click", (event) => {
      const box = canvas.getBoundingClientRect();
      go(Math.floor(((event.clientY - box.top) / box.height) * rows), Math.floor(((event.clientX - box.left) / box.width) * columns));
    });
    const arrows = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    canvas.addEventListener("keydown", (event) => {
      if (!(event.key in arrows)) return;
      event.preventDefault();
      const start = at ?? Math.floor(rows / 2) * columns + Math.floor(columns / 2);
      const [down, right] = at === null ? [0, 0] : arrows[event.key];
      go(Math.floor(start / columns) + down, (start % columns) + right);
    });
    return {
      parts: [canvas, told],
      read: () => at,
      write: (guess) => {
        at = guess;
        open = guess !== null;
        draw();
      },
    };
  },
};

function renderQuestion(el, question) {
  const { key, because, told } = question;
  const input = KINDS[question.kind](question);
  const button = h("button", {}, "Commit");
  const field = h("fieldset", {}, h("legend", {}, question.question), ...input.parts);
  const answer = h("div", { class: "guess-answer", "aria-live": "polite" });
  const form = h("form", {}, field, button);
  // On paper there is nothing to press.
  const paper = h("p", { class: "guess-paper" }, `Measured: ${told}. ${because}`);
  el.append(h("div", { class: "guess", id: `guess-${key}` }, form, answer, paper));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const guess = input.read();
    if (guess !== null && !field.disabled) keep({ ...guesses(), [key]: guess });
  });
  let before; // a choice that is not committed yet stays when another question is
  return () => {
    const guess = guesses()[key] ?? null;
    const open = guess !== null;
    if (guess !== before) input.write(guess);
    before = guess;
    field.disabled = open;
    // It keeps the keyboard's place, so it does not go.
    button.setAttribute("aria-disabled", open);
    button.textContent = open ? "Committed" : "Commit";
    if (!open) return answer.replaceChildren();
    const { said, right } = judge(question, guess);
    const verdict = h("p", {}, `${right ? "✓ Right" : "✗ Not so"}. You said: ${said}. Measured: `, h("b", {}, told), ".");
    answer.replaceChildren(verdict, ...(because ? [h("p", {}, because)] : []));
  };
}

function renderScore(el, questions) {
  const line = h("p", { "aria-live": "polite" });
  const rows = h("tbody");
  const heads = ["Question", "You", "Measured"].map((name) => h("th", { scope: "col" }, name));
  const table = h("table", {}, h("thead", {}, h("tr", {}, ...heads)), rows);
  const forget = (label, left) => {
    const button = h("button", { type: "button" }, label);
    button.addEventListener("click", () => keep(left()));
    return button;
  };
  const asked = new Set(questions.map(({ key }) => key));
  const others = () => Object.entries(guesses()).filter(([key]) => !asked.has(key));
  const note = h("p", { class: "guess-note" }, "Guesses are kept by this browser, on this device alone.");
  const buttons = h("div", { class: "guess-forget" },
    forget("Forget my answers", () => Object.fromEntries(others())),
    forget("Forget those of all chapters", () => ({})));
  el.append(h("div", { class: "guess", role: "group", "aria-label": "You against the measurement" }, line, table, note, buttons));
  return () => {
    const all = guesses();
    const judged = questions.map((q) => (all[q.key] == null ? null : judge(q, all[q.key])));
    const made = judged.filter(Boolean);
    const right = made.filter((each) => each.right).length;
    const left = questions.length - made.length;
    line.textContent = made.length
      ? `You were right ${right} of ${made.length} times.${left ? ` ${left} still to guess.` : ""}`
      : "You have not guessed yet: each question above takes one guess.";
    rows.replaceChildren(...questions.map((q, n) => {
      const guess = judged[n];
      const link = h("a", { href: `#guess-${q.key}` }, q.question);
      const cells = guess ? [`${guess.right ? "✓" : "✗"} ${guess.said}`, q.told] : ["not yet", "?"];
      return h("tr", {}, h("th", { scope: "row" }, link), ...cells.map((cell) => h("td", {}, cell)));
    }));
  };
}

function render({ model, el }) {
  const asked = model.get("asked");
  const draw = model.get("closing") ? renderScore(el, asked) : renderQuestion(el, asked[0]);
  draw();
  const events = [NEWS, "storage"]; // the second: from another tab, or another cell's frame
  for (const event of events) window.addEventListener(event, draw);
  return () => events.forEach((event) => window.removeEventListener(event, draw));
}

export default { render };
