// Writes the tooltip of the point under the pointer: its picture, set, verdict, predicted class and score.

import { element } from "../common/dom.js";
import { createPicture, pointPictureUrl } from "../common/pictures.js";
import { createClassLabels, describeVerdict } from "../common/verdicts.js";

const WIDTH = 178, HEIGHT = 210; // CSS pixels
const GAP = 18; // CSS pixels between the point and the tooltip, so that its neighbours stay visible
const PICTURE_SIDE = 150; // CSS pixels

/**
 * Writes the tooltip of point i.
 * @param {HTMLElement} tooltip
 * @param {object} run
 * @param {number} i
 * @param {number} score
 * @param {boolean} isFlagged - whether the point is called out-of-distribution
 */
export function writeTooltip(tooltip, run, i, score, isFlagged) {
  const { sign, description } = describeVerdict(run, i, isFlagged), url = pointPictureUrl(run, i, PICTURE_SIDE);
  const before = tooltip.querySelector("img"); // An equal picture is kept, because a new one would flicker.
  tooltip.replaceChildren(
    before?.dataset.address === url ? before : createPicture(url),
    element("div", { textContent: `${run.sets[run.set[i]].name} · ${sign} ${description}` }),
    element("div", { textContent: `predicted as ${run.classes[run.seen[i]]} · score ${score.toPrecision(3)}` }),
    ...createClassLabels(run, i),
    element("div", { textContent: run.ids[i] }),
  );
}

/**
 * Places the tooltip beside a position on the map, on the side that has room.
 * @param {HTMLElement} tooltip
 * @param {Surface} surface - of the map
 * @param {number[]} position - [x, y] in CSS pixels
 */
export function placeTooltip(tooltip, surface, [x, y]) {
  tooltip.style.left = `${x > surface.width / 2 ? x - WIDTH - GAP : x + GAP}px`;
  tooltip.style.top = `${Math.max(4, Math.min(y - 60, surface.height - HEIGHT))}px`;
}
