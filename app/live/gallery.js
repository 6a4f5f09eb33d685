// The same samples in one row per method (Figs. 5, 8, 9), or one line a sample with its reason; a click inspects one.

const NAME_WIDTH = 70, CELL = 72;
const grids = new WeakMap();

const drawn = new WeakMap(); // place → what it shows, without which one is inspected

export default function ({ data, parentElement: root, setTriggerValue }) {
  const place = root.querySelector(".gallery");
  const draw = () => {
    const content = JSON.stringify({ ...data, chosen: null, columns: columnsIn(place) });
    if (drawn.get(place) !== content) render(place, data, (number) => setTriggerValue("inspect", number));
    drawn.set(place, content); // drawing the same again would take the keyboard's focus away
    for (const cell of place.querySelectorAll("[data-number]")) cell.setAttribute("aria-current", Number(cell.dataset.number) === data.chosen);
  };
  grids.get(root)?.disconnect();
  let columns = 0;
  const observer = new ResizeObserver(() => {
    const now = columnsIn(place);
    if (now !== columns) (columns = now), draw();
  });
  observer.observe(place);
  grids.set(root, observer);
  columns = columnsIn(place);
  draw();
  return () => observer.disconnect();
}

const columnsIn = (place) => Math.max(2, Math.floor((place.clientWidth - NAME_WIDTH) / (CELL + 8)));
const picture = (s) => (s.url ? element("img", { src: s.url, alt: "", loading: "lazy" }) : element("span", { className: "gone", textContent: "no picture" }));
// A verdict: right or wrong where the truth is known, else unknown or known to the model.
const VERDICTS = { 1: ["right", "✓"], 0: ["wrong", "✗"], u: ["unknown", "?"], k: ["known", "✓"] };
const mark = (verdict) => element("span", { className: `mark ${VERDICTS[verdict][0]}`, textContent: VERDICTS[verdict][1] });
const words = (s, verdict) =>
  ({ u: "called unknown", k: "taken for known", 1: s.ood ? "detected" : "kept", 0: s.ood ? "missed" : "flagged by mistake" })[verdict];

function render(place, data, inspect) {
  place.replaceChildren();
  if (data.layout === "list") {
    for (const s of data.samples) place.append(line(s, data, inspect));
    return;
  }
  const columns = columnsIn(place);
  for (let start = 0; start < data.samples.length; start += columns) {
    const part = data.samples.slice(start, start + columns), block = element("div", { className: "block" });
    block.style.gridTemplateColumns = `${NAME_WIDTH}px repeat(${columns}, minmax(0, ${CELL}px))`;
    data.methods.forEach((method, m) => {
      const label = element("div", { className: "method", textContent: method });
      label.style.gridColumn = 1; // a new row, also where the one before is not full
      block.append(label);
      part.forEach((s, at) => {
        const verdict = s.verdicts[m];
        const cell = element("button", { type: "button", className: `cell ${VERDICTS[verdict][0]}`, title: s.why });
        cell.setAttribute("aria-label", `${s.name}: ${words(s, verdict)} by ${method}. ${s.why}`);
        cell.dataset.number = s.number;
        cell.append(picture(s), mark(verdict));
        cell.style.gridColumn = at + 2;
        cell.onclick = () => inspect(s.number);
        block.append(cell);
      });
    });
    part.forEach((s, at) => {
      const caption = element("div", { className: "caption", textContent: s.caption, title: s.why });
      caption.style.gridColumn = at + 2;
      caption.style.gridRow = data.methods.length + 1;
      block.append(caption);
    });
    place.append(block);
  }
}

function line(s, data, inspect) {
  const row = element("button", { type: "button", className: "line" });
  row.dataset.number = s.number;
  const text = element("span");
  text.append(element("b", { textContent: s.name }), element("br"), s.why);
  const verdicts = element("span", { className: "verdicts" });
  data.methods.forEach((method, m) => {
    const one = element("span", { title: `${words(s, s.verdicts[m])} by ${method}` });
    one.append(mark(s.verdicts[m]), method);
    verdicts.append(one);
  });
  row.append(picture(s), text, verdicts);
  row.onclick = () => inspect(s.number);
  return row;
}
