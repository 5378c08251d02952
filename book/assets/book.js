// What the theme's and Sphinx's HTML lacks for a screen reader.

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
