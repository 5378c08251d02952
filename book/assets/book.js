// What the theme's and Sphinx's HTML lacks.

// MathJax is fetched when a formula comes near, or else after a while, for whoever prints.
// Formulas are set a few at a time: all at once, a slow phone would not answer meanwhile.
const FEW = 4;
const formulas = [...document.querySelectorAll(".math")];
const waiting = document.querySelector('script[type="later"]');
const pause = (ms) => new Promise((over) => setTimeout(over, ms));

async function setFormulas() {
  for (let first = 0; first < formulas.length; first += FEW) {
    await MathJax.typesetPromise(formulas.slice(first, first + FEW));
    await pause();
  }
}

async function formulaNear() {
  const near = new Promise((seen) => {
    const watch = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && seen(),
      { rootMargin: "150% 0px" },
    );
    for (const formula of formulas) watch.observe(formula);
  });
  await Promise.race([near, pause(15_000)]);
}

async function fetchMathJax() {
  const script = document.createElement("script");
  script.src = waiting.src;
  const fetched = new Promise((loaded) => script.addEventListener("load", loaded));
  waiting.replaceWith(script);
  await fetched;
  await MathJax.startup.promise;
}

if (waiting) {
  (window.MathJax ??= {}).startup = { pageReady: setFormulas };
  let done;
  // Whoever must have them at once calls it: the PDF, and the tests.
  window.formulasSet = () => (done ??= fetchMathJax());
  formulaNear().then(window.formulasSet);
}

// For a screen reader.

// The logo and the search button stand in no landmark.
const sidebar = document.querySelector("#pst-primary-sidebar");
sidebar?.setAttribute("role", "complementary");
sidebar?.setAttribute("aria-label", "The book");

// Sphinx gives the works cited a role that ARIA has dropped.
for (const entry of document.querySelectorAll('[role="doc-biblioentry"]'))
  entry.setAttribute("role", "listitem");

// The empty corner of a table heads nothing.
for (const corner of document.querySelectorAll("th:empty"))
  corner.replaceWith(document.createElement("td"));

// What scrolls sideways is reached by the keyboard too. (All is measured before anything is
// changed: a browser would lay the page out anew between the two.)
const reach = (elements) => {
  const scroll = elements.map((element) => element.scrollWidth > element.clientWidth);
  for (const [k, element] of elements.entries())
    if (scroll[k]) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
};
const sizes = new ResizeObserver((entries) => reach(entries.map(({ target }) => target)));
for (const wide of document.querySelectorAll(".bd-article :is(table, figure)")) sizes.observe(wide);
// Of code the theme sees to it, but before its font has come, with which a line may be longer.
document.fonts.ready.then(() => reach([...document.querySelectorAll(".bd-article pre")]));

// Each figure has an address of its own, and files that say whose it is.
const beside = document.currentScript.src;
const files = () => import(new URL("figure-files.js", beside));

function figureTools(figure) {
  const named = figure.querySelector(".caption-number")?.textContent.trim() ?? "this figure";
  const tools = document.createElement("p");
  tools.className = "figure-tools";
  const told = document.createElement("span");
  told.setAttribute("role", "status");
  const add = (label, description, act) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.setAttribute("aria-label", description);
    button.addEventListener("click", () =>
      act().then(
        (words) => (told.textContent = words),
        () => (told.textContent = "This did not work in this browser."),
      ),
    );
    tools.append(button);
  };
  add("Copy link", `Copy link to ${named}`, async () => {
    await navigator.clipboard.writeText(`${location.href.replace(/#.*/, "")}#${figure.id}`);
    return "Copied.";
  });
  for (const kind of ["PNG", "SVG"])
    add(kind, `${kind} of ${named}, CC BY 4.0`, async () => {
      await (await files()).save(figure, kind);
      return "Saved, with its licence inside.";
    });
  tools.append(told);
  figure.querySelector("figcaption").append(tools);
}

for (const figure of document.querySelectorAll(".bd-article .cell_output figure[id]")) figureTools(figure);
