// What the theme's and Sphinx's HTML lacks.

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

// The theme listens to the first toggle of a page, which is in a header that is hidden.
for (const side of ["primary", "secondary"]) {
  const [heard, ...shown] = document.querySelectorAll(`.${side}-toggle`);
  for (const toggle of shown) toggle.addEventListener("click", () => heard.click());
}

// What scrolls is reached by the keyboard too. Sizes are told when all is laid out, of what is
// folded when it is opened; a font may change what fits and no size. (All is read before
// anything is changed: a browser would lay the page out anew between the two.)
const scrolls = (e) => e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight;
const reach = (elements) => {
  const scroll = elements.map(scrolls);
  for (const [k, element] of elements.entries())
    if (scroll[k]) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
};
const mayScroll = document.querySelectorAll(
  ".bd-article :is(pre, table, figure, div.math, .pst-scrollable-table-container, .cell_output > .output)",
);
const sizes = new ResizeObserver((entries) => reach(entries.map(({ target }) => target)));
for (const element of mayScroll) sizes.observe(element);
document.fonts.ready.then(() => reach([...mayScroll].filter((e) => e.checkVisibility())));

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
    add(kind, `${kind} of ${named}, with its licence`, async () => {
      await (await files()).save(figure, kind);
      return "Saved, with its licence inside.";
    });
  tools.append(told);
  figure.querySelector("figcaption").append(tools);
}

for (const figure of document.querySelectorAll(".bd-article .cell_output figure[id]")) figureTools(figure);
