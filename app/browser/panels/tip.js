// The tip beside the point under the pointer: its picture, its set and verdict, its class and score.

import { picture, pictureOfPoint } from "../results/pictures.js";
import { verdictOn } from "../results/verdicts.js";
import { element } from "../common/format.js";

const WIDTH = 178, HEIGHT = 210, GAP = 18; // CSS pixels: beside the point, not on it or its neighbours

/** Show point i of a run. */
export function writeTip(tip, run, i, score, called) {
  const { sign, words } = verdictOn(run, i, called), url = pictureOfPoint(run, i, 150);
  const before = tip.querySelector("img"); // the same picture once more would flicker
  tip.replaceChildren(
    before?.getAttribute("src") === url ? before : picture(url),
    element("div", { textContent: `${run.sets[run.set[i]].name} · ${sign} ${words}` }),
    element("div", { textContent: `taken for ${run.classes[run.seen[i]]} · score ${score.toPrecision(3)}` }),
    element("div", { textContent: run.ids[i] }),
  );
}

/** Put the tip beside a place of the map, where there is room. */
export function placeTip(tip, surface, [x, y]) {
  tip.style.left = `${x > surface.width / 2 ? x - WIDTH - GAP : x + GAP}px`;
  tip.style.top = `${Math.max(4, Math.min(y - 60, surface.height - HEIGHT))}px`;
}
