// The same samples in one row per method (Figs. 5, 8, 9), or one line a sample with its reason; a click inspects one.

import { element } from "./words.js";

const NAME_WIDTH = 70, CELL = 72, GAP = 8; // CSS pixels, as in gallery.css
const observers = new WeakMap(); // where it is mounted → what watches its width
const drawn = new WeakMap(); // place → what it shows, without which one is inspected

export default function ({ data, parentElement: root, setTriggerValue }) {
  const place = root.querySelector(".gallery"), inspect = (number) => setTriggerValue("inspect", number);
  observers.get(root)?.disconnect();
  let columns = columnsIn(place);
  const observer = new ResizeObserver(() => {
    const now = columnsIn(place);
    if (now !== columns) draw(place, data, (columns = now), inspect);
  });
  observer.observe(place);
  observers.set(root, observer);
  draw(place, data, columns, inspect);
  return () => observer.disconnect();
}

const columnsIn = (place) => Math.max(2, Math.floor((place.clientWidth - NAME_WIDTH) / (CELL + GAP)));

function draw(place, data, columns, inspect) {
  const content = JSON.stringify({ ...data, chosen: null, columns });
  if (drawn.get(place) !== content) {
    const render = data.layout === "list" ? lines : blocks;
    place.replaceChildren(...render(data, inspect, columns));
  }
  drawn.set(place, content); // drawing the same again would take the keyboard's focus away
  for (const cell of place.querySelectorAll("[data-number]"))
    cell.setAttribute("aria-current", Number(cell.dataset.number) === data.chosen);
}

// ---- a sample and the verdicts on it --------------------------------------------------------------------------------

// A verdict: right or wrong where the truth is known, else unknown or known to the model.
const VERDICTS = { 1: ["right", "✓"], 0: ["wrong", "✗"], u: ["unknown", "?"], k: ["known", "✓"] };

function mark(verdict) {
  const [name, sign] = VERDICTS[verdict];
  return element("span", { className: `mark ${name}`, textContent: sign });
}

function words({ ood }, verdict) {
  if (verdict === "u") return "called unknown";
  if (verdict === "k") return "taken for known";
  return Number(verdict) ? (ood ? "detected" : "kept") : ood ? "missed" : "flagged by mistake";
}

function picture({ url }) {
  if (!url) return element("span", { className: "gone", textContent: "no picture" });
  return element("img", { src: url, alt: "", loading: "lazy" });
}

// ---- a row per method, in blocks as wide as the page ----------------------------------------------------------------

function blocks(data, inspect, columns) {
  const starts = [];
  for (let start = 0; start < data.samples.length; start += columns) starts.push(start);
  return starts.map((start) => block(data.samples.slice(start, start + columns), data.methods, inspect, columns));
}

function block(samples, methods, inspect, columns) {
  const grid = element("div", { className: "block" });
  grid.style.gridTemplateColumns = `${NAME_WIDTH}px repeat(${columns}, minmax(0, ${CELL}px))`;
  methods.forEach((method, m) => {
    const label = element("div", { className: "method", textContent: method });
    label.style.gridColumn = 1; // a new row, also where the one before is not full
    grid.append(label, ...samples.map((s, at) => inColumn(cell(s, method, s.verdicts[m], inspect), at)));
  });
  for (const [at, s] of samples.entries()) {
    const caption = inColumn(element("div", { className: "caption", textContent: s.caption, title: s.why }), at);
    caption.style.gridRow = methods.length + 1;
    grid.append(caption);
  }
  return grid;
}

function cell(s, method, verdict, inspect) {
  const button = element("button", { type: "button", className: `cell ${VERDICTS[verdict][0]}`, title: s.why });
  button.setAttribute("aria-label", `${s.name}: ${words(s, verdict)} by ${method}. ${s.why}`);
  button.dataset.number = s.number;
  button.append(picture(s), mark(verdict));
  button.onclick = () => inspect(s.number);
  return button;
}

/** An element in the column of the sample at a place of its block; the first column holds the methods' names. */
function inColumn(child, at) {
  child.style.gridColumn = at + 2;
  return child;
}

// ---- a line per sample ----------------------------------------------------------------------------------------------

const lines = (data, inspect) => data.samples.map((s) => line(s, data.methods, inspect));

function line(s, methods, inspect) {
  const row = element("button", { type: "button", className: "line", onclick: () => inspect(s.number) });
  row.dataset.number = s.number;
  const text = element("span"), verdicts = element("span", { className: "verdicts" });
  text.append(element("b", { textContent: s.name }), element("br"), s.why);
  methods.forEach((method, m) => {
    const one = element("span", { title: `${words(s, s.verdicts[m])} by ${method}` });
    one.append(mark(s.verdicts[m]), method);
    verdicts.append(one);
  });
  row.append(picture(s), text, verdicts);
  return row;
}
