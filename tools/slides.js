// Slides by reveal.js, with figures that are moved by the arrows too.
Reveal.initialize({
  width: 1280, height: 720, margin: 0.02, center: false, hash: true, transition: "none",
  // In a figure the arrows move its parts; elsewhere they turn the slides.
  keyboardCondition: (event) =>
    !(document.activeElement.closest(".figure") && /^(Arrow|Home|End| )/.test(event.key)),
});
// A figure that is too high for its slide is made smaller.
const fitting = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const slide = target.closest("section");
    for (let zoom = 1; zoom > 0.3 && slide.scrollHeight > slide.clientHeight; zoom -= 0.05)
      target.style.zoom = zoom;
  }
});
for (const figure of document.querySelectorAll(".figure")) fitting.observe(figure);
