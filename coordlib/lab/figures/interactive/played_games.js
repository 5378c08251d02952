const TRAITS = ["views", "game", "at"];
const PACE = 120; // milliseconds a frame

/** What each agent sees at one frame of a game, and what it was paid so far. */
export function compute({ views, rows, columns, game, at }) {
  const [, things, agents] = views.find(([name]) => name === game);
  return agents.map(([agent, stored, scores]) => {
    const last = scores.length - 1;
    const shown = Math.min(at, last);
    // Two cells share a byte.
    const cells = Array.from(bytes(stored)).flatMap((byte) => [byte >> 4, byte & 15]);
    const board = cells.slice(shown * rows * columns, (shown + 1) * rows * columns);
    return { agent, board, score: scores[shown], last, over: at > last, things };
  });
}

function render({ model, el }) {
  const [rows, columns] = [model.get("rows"), model.get("columns")];
  const views = model.get("views");
  const ui = frame(el, "Two agents play the same game", "Choose a game and let it run, or move through it with the slider.", 2);
  const line = ui.root.querySelector(".cf-line");
  const boards = views[0][2].map(([agent]) => picture(rows, columns, agent, `the board of ${agent}`));
  ui.panels.append(...boards.map((board) => board.element));
  const legend = h("p", { class: "cf-legend" });
  const names = views.map(([name]) => [name, name.replace("_", " ")]);
  const length = (game) => Math.max(...views.find(([name]) => name === game)[2].map(([, , scores]) => scores.length));
  if (names.length > 1) ui.controls.append(choice(model, "game", "Game", names));
  const slide = slider(model, "at", "Frame", { min: 0, max: length(model.get("game")) - 1 });
  const play = button("Play", () => update(model, { playing: !model.get("playing") }));
  ui.controls.append(play, slide);
  ui.panels.after(legend);
  const color = (count) => (thing) => (thing ? HEAT(0.25 + (0.75 * thing) / count) : [0, 0, 0]);
  const stops = [
    follow(model, ["game"], () => {
      const [, things] = views.find(([name]) => name === model.get("game"));
      const last = length(model.get("game")) - 1;
      slide.querySelector("input").max = last;
      if (model.get("at") > last) update(model, { at: last });
      legend.replaceChildren(
        ...things.map((thing, k) => {
          const fill = `rgb(${color(things.length)(k + 1).map(Math.round)})`;
          const style = `display: inline-block; width: 0.9em; height: 0.9em; background: ${fill}; outline: 1px solid currentColor`;
          const key = h("span", { style, "aria-hidden": "true" });
          return h("span", { style: "display: inline-block; margin-inline: 0.5em" }, key, ` ${thing.replaceAll("_", " ")}`);
        }),
      );
    }),
    follow(model, TRAITS, () => {
      const found = compute({ rows, columns, ...state(model, TRAITS) });
      found.forEach(({ board, things }, k) => {
        boards[k].paint(board, color(things.length));
        const own = board.indexOf(1);
        const at = { x: own % columns, y: Math.floor(own / columns), width: 1, height: 1 };
        boards[k].marks.replaceChildren(...(own < 0 ? [] : [s("rect", { class: "cf-mark", ...at })]));
      });
      const said = found.map(
        (r) => `${r.agent}: ${text(r.score)} ${r.score === 1 ? "point" : "points"}${r.over ? `, its record ends at frame ${r.last}` : ""}.`,
      );
      ui.say(`${model.get("game").replace("_", " ")}, frame ${model.get("at")}. ${said.join(" ")}`);
    }),
  ];
  let timer;
  stops.push(
    follow(model, ["playing"], () => {
      clearInterval(timer);
      const playing = model.get("playing");
      play.textContent = playing ? "Pause" : "Play";
      // A voice that reads every frame would never end.
      line.setAttribute("aria-live", playing ? "off" : "polite");
      if (!playing) return;
      if (model.get("at") >= length(model.get("game")) - 1) update(model, { at: 0 });
      timer = setInterval(() => {
        const last = length(model.get("game")) - 1;
        const at = Math.min(model.get("at") + 1, last);
        update(model, at === last ? { at, playing: false } : { at });
      }, PACE);
    }),
  );
  return () => {
    clearInterval(timer);
    for (const stop of stops) stop();
  };
}

export default { render };
