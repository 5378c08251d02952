// In place of the theme's file of this name, 1.5 MB that replace each icon by an SVG.
// The theme's style sheet brings the same icons as fonts, and they are enough.
