// What the theme's and Sphinx's HTML lacks.

// Formulas are set a few at a time: all at once, a slow phone would not answer meanwhile.
const FEW = 4;
const pause = () => new Promise((over) => setTimeout(over));

async function setFormulas() {
  const formulas = [...document.querySelectorAll(".math")];
  for (let first = 0; first < formulas.length; first += FEW) {
    await MathJax.typesetPromise(formulas.slice(first, first + FEW));
    await pause();
  }
}

(window.MathJax ??= {}).startup = { pageReady: setFormulas };

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

// A table that scrolls sideways is reached by the keyboard too. (Code is, by the theme.)
const reach = new ResizeObserver((entries) => {
  for (const { target } of entries)
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
});
for (const table of document.querySelectorAll(".bd-article table")) reach.observe(table);

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
