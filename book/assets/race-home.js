// The race on the home page: small, and without a notebook that holds its state.
import race, { style } from "./race.js";

const host = document.querySelector("#race");
const sheet = document.createElement("style");
sheet.textContent = style;
document.head.append(sheet);

const traits = new Map(Object.entries(JSON.parse(host.dataset.traits)));
const listeners = new Map();
const model = {
  get: (name) => traits.get(name),
  set(name, value) {
    if (traits.get(name) === value) return;
    traits.set(name, value);
    for (const call of [...(listeners.get(`change:${name}`) ?? [])]) call();
  },
  on: (event, call) => listeners.set(event, [...(listeners.get(event) ?? []), call]),
  off: (event, call) => listeners.set(event, (listeners.get(event) ?? []).filter((each) => each !== call)),
  save_changes() {},
};
host.replaceChildren();
race.render({ model, el: host });
