// The same samples in one row per method (Figs. 5, 8, 9), or one line a sample with its reason; a click inspects one.

const NAME_WIDTH = 76, CELL = 76;
const grids = new WeakMap();

export default function ({ data, parentElement: root, setTriggerValue }) {
  const place = root.querySelector(".gallery");
  const draw = () => render(place, data, (number) => setTriggerValue("inspect", number));
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
const element = (tag, properties = {}) => Object.assign(document.createElement(tag), properties);
const picture = (s) => (s.url ? element("img", { src: s.url, alt: "", loading: "lazy" }) : element("span", { className: "gone", textContent: "no picture" }));
const mark = (right) => element("span", { className: `mark ${right ? "right" : "wrong"}`, textContent: right ? "✓" : "✗" });
const words = (s, right) => (s.ood ? (right ? "detected" : "missed") : right ? "kept" : "flagged by mistake");

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
      block.append(element("div", { className: "method", textContent: method }));
      part.forEach((s, at) => {
        const right = s.right[m] === "1";
        const cell = element("button", { type: "button", className: `cell ${right ? "right" : "wrong"}`, title: s.why });
        cell.setAttribute("aria-label", `${s.name}: ${words(s, right)} by ${method}. ${s.why}`);
        cell.setAttribute("aria-current", s.number === data.chosen);
        cell.append(picture(s), mark(right));
        cell.style.gridColumn = at + 2;
        cell.onclick = () => inspect(s.number);
        block.append(cell);
      });
    });
    block.append(element("div"));
    part.forEach((s, at) => {
      const caption = element("div", { className: "caption", textContent: s.caption, title: s.why });
      caption.style.gridColumn = at + 2;
      block.append(caption);
    });
    place.append(block);
  }
}

function line(s, data, inspect) {
  const row = element("button", { type: "button", className: "line" });
  row.setAttribute("aria-current", s.number === data.chosen);
  const text = element("span");
  text.append(element("b", { textContent: s.name }), element("br"), s.why);
  const verdicts = element("span", { className: "verdicts" });
  data.methods.forEach((method, m) => {
    const right = s.right[m] === "1", one = element("span", { title: `${words(s, right)} by ${method}` });
    one.append(mark(right), method);
    verdicts.append(one);
  });
  row.append(picture(s), text, verdicts);
  row.onclick = () => inspect(s.number);
  return row;
}
