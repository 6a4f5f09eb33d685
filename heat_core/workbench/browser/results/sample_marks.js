// Writes the marks of tags and decisions into the corner of a sample's picture, and into the sample's accessible name.

import { lightnessOf, parseHex } from "../common/colour.js";
import { element } from "../common/dom.js";
import { memo } from "../common/memo.js";
import { offeredTags } from "../common/tags.js";

const MOST_MARKS = 3; // in a corner
const DARK_TEXT_FROM = 150; // lightness of a mark's colour (0 to 255) from which dark text is easier to read
const NOTE = { sign: "✎", name: "note" };

/**
 * Lists the marks of all samples that have a tag, a note or a decision.
 * @param {{run: object, tags: object, decisions: object}} inputs - the last two: name → numbers of samples
 * @returns {Map<number, object[]>} number of the sample → its marks {sign, name, colour, isDecision}
 */
export const marksOfSamples = memo(({ run, tags, decisions }) => {
  const marks = new Map(), order = offeredTags(tags), colours = run.palette.classes;
  const addMark = (mark, numbers) => {
    for (const number of numbers) marks.set(number, [...(marks.get(number) ?? []), mark]);
  };
  for (const [tag, numbers] of Object.entries(tags)) {
    const mark = tag ? { sign: initialOf(tag), name: `tagged ${tag}` } : NOTE;
    addMark({ ...mark, colour: colours[Math.max(order.indexOf(tag), 0) % colours.length] }, numbers);
  }
  for (const [title, numbers] of Object.entries(decisions))
    addMark({ sign: initialOf(title), name: `decided: ${title}`, colour: run.palette.train, isDecision: true }, numbers);
  return marks;
});

const initialOf = (text) => [...text.trim()][0]?.toUpperCase() ?? "?";

const names = new WeakMap(); // cell → its accessible name without marks

/**
 * Writes the marks of a sample into its cell, unless it has them already.
 * @param {HTMLElement} cell
 * @param {object[]} marks - see `marksOfSamples`
 */
export function writeMarks(cell, marks) {
  const text = marks.map((mark) => mark.name).join(", ");
  if ((cell.dataset.marks ?? "") === text) return;
  if (!names.has(cell)) names.set(cell, cell.ariaLabel);
  cell.dataset.marks = text;
  cell.ariaLabel = [names.get(cell), text].filter(Boolean).join(", ");
  cell.querySelector(".tag-marks")?.remove();
  if (marks.length) cell.querySelector(".frame, .thumb").append(createCorner(marks, text));
}

function createCorner(marks, title) {
  const corner = element("span", { className: "tag-marks", title }, ...marks.slice(0, MOST_MARKS).map(createMark));
  if (marks.length > MOST_MARKS) corner.append(`+${marks.length - MOST_MARKS}`);
  return corner;
}

function createMark({ sign, colour, isDecision }) {
  const mark = element("span", { className: isDecision ? "tag-mark decision" : "tag-mark", textContent: sign });
  Object.assign(mark.style, { background: colour, color: lightnessOf(parseHex(colour)) < DARK_TEXT_FROM ? "#fff" : "#000" });
  return mark;
}
