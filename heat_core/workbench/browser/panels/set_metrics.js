// Writes the table of sets: counts of flagged samples, FPR95 and AUROC for each OOD set, and their average. Its rows
// show and hide sets, and the training sample of the map.

import { element, setText } from "../common/dom.js";
import { formatCount, formatPercent } from "../common/format.js";
import { HIDDEN_TRAINING } from "../compute/hit_test.js";

const COLUMNS = 4;

/**
 * Creates the rows of a run.
 * @param {Element} root
 * @param {object} run
 * @param {function(string)} toggleSet - shows or hides a set
 */
export function createSetRows(root, run, toggleSet) {
  const body = root.querySelector(".numbers tbody");
  body.replaceChildren();
  for (const { key, name, colour } of run.sets) addRow(body, COLUMNS, createSwitch(name, colour, () => toggleSet(key)));
  if (run.truth) addRow(body, COLUMNS, "average").className = "average";
  if (!run.background.length) return;
  const toggleTraining = () => toggleSet(HIDDEN_TRAINING);
  const training = addRow(body, 1, createSwitch("ID train, on the map", run.palette.train, toggleTraining));
  training.className = "train";
  training.cells[0].colSpan = COLUMNS;
}

/** Adds a row whose first cell holds some content, and returns the row. */
function addRow(body, columns, content) {
  const row = body.insertRow();
  for (let c = 0; c < columns; c++) row.insertCell();
  row.cells[0].append(content);
  return row;
}

function createSwitch(name, colour, onclick) {
  const swatch = element("span", { className: "swatch" });
  Object.assign(swatch.style, { background: `${colour}66`, borderColor: colour });
  const label = element("span", { className: "label", textContent: name, title: name });
  return element("button", { type: "button", onclick }, swatch, label);
}

/**
 * Writes counts and metrics: exact ones where Python has sent them, else those of the bins, marked as approximate.
 * @param {Element} root
 * @param {object} inputs - the run, settings and scores, see `createScoring` in state/selectors.js
 */
export function writeSetMetrics(root, { run, hidden, threshold, alpha, scores, cutoff, approximate, exact }) {
  const { rows } = root.querySelector(".numbers tbody"), drawnCounts = countFlagged(run, scores, cutoff);
  // The exact counts hold for one threshold only; elsewhere the drawn points are counted.
  const hasExactCounts = exact && exact.line === threshold && exact.alpha === alpha;
  const metrics = run.sets.map(({ ood }, i) => (ood && run.truth ? (exact ? exact.sets[i] : approximate[i]) : null));
  run.sets.forEach((set, i) => {
    const counts = hasExactCounts ? [exact.sets[i].flagged, set.total] : [drawnCounts[i], set.shown];
    setText(rows[i].cells[1], counts.map(formatCount).join(" / "));
    writeMetrics(rows[i], metrics[i], exact);
    setPressed(rows[i], !hidden.includes(set.key));
  });
  if (run.truth) writeMetrics(rows[run.sets.length], averageMetrics(metrics.filter(Boolean)), exact);
  setPressed([...rows].find((row) => row.className === "train"), !hidden.includes(HIDDEN_TRAINING));
  setText(root.querySelector(".note"), noteOf(run, exact));
}

function averageMetrics(metrics) {
  const average = (name) => metrics.reduce((sum, values) => sum + values[name], 0) / metrics.length;
  return { fpr95: average("fpr95"), auroc: average("auroc") };
}

function countFlagged(run, scores, cutoff) {
  const counts = run.sets.map(() => 0);
  for (let i = 0; i < run.n; i++) if (scores[i] > cutoff) counts[run.set[i]]++;
  return counts;
}

/** Writes the metrics of a row; metrics is null for sets of known images, which have none. */
function writeMetrics(row, metrics, exact) {
  const cells = [row.cells[2], row.cells[3]], values = metrics ? [metrics.fpr95, metrics.auroc] : [];
  cells.forEach((cell, c) => {
    setText(cell, metrics ? (exact ? "" : "≈ ") + formatPercent(values[c]) : "–");
    cell.classList.toggle("rough", Boolean(metrics && !exact));
  });
}

const setPressed = (row, isPressed) => row?.cells[0].firstChild.setAttribute("aria-pressed", isPressed);

function noteOf(run, exact) {
  const sentences = [], drawn = `${formatCount(run.n)} of ${formatCount(run.total)} samples are drawn`;
  if (run.n < run.total) sentences.push(`${drawn}, every set with its share; exact numbers are of all.`);
  if (!exact) sentences.push("≈ from histogram bins; exact when you let go.");
  return sentences.join(" ");
}
