// The legend that counts, with FPR95 and AUROC beside it: a row per set, their average, and the training sample.

import { counting, element, percent, writeText } from "../common/format.js";

const COLUMNS = 4;

/** Make the rows of a run. toggle(key): show or hide a set. */
export function setRows(root, run, toggle) {
  const body = root.querySelector(".numbers tbody");
  body.replaceChildren();
  for (const s of run.sets) {
    const button = addRow(body, COLUMNS, switchOf(s.name, () => toggle(s.key)));
    Object.assign(button.querySelector(".swatch").style, { background: s.colour + "66", borderColor: s.colour });
  }
  if (run.truth) addRow(body, COLUMNS, "average").parentElement.className = "average";
  if (!run.background.length) return;
  const training = addRow(body, 1, switchOf("ID train, on the map", () => toggle("train")));
  training.colSpan = COLUMNS;
  training.parentElement.className = "train";
  Object.assign(training.querySelector(".swatch").style, { background: run.palette.train + "66", borderColor: run.palette.train });
}

/** A row that begins with `first`; returns its first cell. */
function addRow(body, columns, first) {
  const row = body.insertRow();
  for (let c = 0; c < columns; c++) row.insertCell();
  row.cells[0].append(first);
  return row.cells[0];
}

function switchOf(name, onclick) {
  const button = element("button", { type: "button", onclick });
  const label = element("span", { className: "label", textContent: name, title: name });
  button.append(element("span", { className: "swatch" }), label);
  return button;
}

/** Write counts and metrics: exact ones where they are known, else those of the bins, marked as rough. */
export function writeNumbers(root, { run, off, threshold, alpha, scores, line, rough, exact }) {
  const rows = root.querySelector(".numbers tbody").rows, counts = countBySet(run, (i) => scores[i] > line);
  const known = exact && exact.line === threshold && exact.alpha === alpha; // else: counted among what is drawn
  const metrics = run.sets.map((_, i) => (i && run.truth ? (exact ? exact.sets[i] : rough[i]) : null)), oods = metrics.slice(1);
  run.sets.forEach((s, i) => {
    const [, count] = rows[i].cells;
    writeText(count, (known ? [exact.sets[i].flagged, s.total] : [counts[i], s.shown]).map(counting).join(" / "));
    writeMetrics(rows[i], metrics[i], exact);
    press(rows[i], !off.includes(s.key));
  });
  const mean = (name) => oods.reduce((sum, m) => sum + m[name], 0) / oods.length;
  if (run.truth) writeMetrics(rows[run.sets.length], { fpr95: mean("fpr95"), auroc: mean("auroc") }, exact);
  press([...rows].find((row) => row.className === "train"), !off.includes("train"));
  writeText(root.querySelector(".note"), noteOf(run, exact));
}

function countBySet(run, counts) {
  const found = run.sets.map(() => 0);
  for (let i = 0; i < run.n; i++) if (counts(i)) found[run.set[i]]++;
  return found;
}

/** metrics: null = none, as ID has none. */
function writeMetrics(row, metrics, exact) {
  const cells = [row.cells[2], row.cells[3]], values = metrics ? [metrics.fpr95, metrics.auroc] : [];
  cells.forEach((cell, c) => {
    writeText(cell, metrics ? (exact ? "" : "≈ ") + percent(values[c]) : "–");
    cell.classList.toggle("rough", Boolean(metrics && !exact));
  });
}

const press = (row, pressed) => row?.cells[0].firstChild.setAttribute("aria-pressed", pressed);

function noteOf(run, exact) {
  const parts = [], drawn = `${counting(run.n)} of ${counting(run.total)} samples are drawn`;
  if (run.n < run.total) parts.push(`${drawn}, every set with its share; exact numbers are of all.`);
  if (!exact) parts.push("≈ from histogram bins; exact when you let go.");
  return parts.join(" ");
}
