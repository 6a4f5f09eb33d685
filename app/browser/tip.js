// The tip beside the point under the pointer: its picture, its set and verdict, its class and score.

import { verdictOf } from "./looks.js";
import { element } from "./words.js";

const VERDICTS = ["✓ kept", "✗ flagged by mistake", "✗ missed", "✓ caught"];
const WIDTH = 178, GAP = 14; // CSS pixels

/** Show point i of a run; thumb: what is known of its picture, or undefined while that is asked for. */
export function writeTip(tip, run, i, score, called, thumb) {
  const set = run.sets[run.set[i]], verdict = VERDICTS[verdictOf(run.set[i], called)];
  tip.replaceChildren(
    picture(tip, thumb),
    element("div", { textContent: `${set.name} · ${verdict}` }),
    element("div", { textContent: `taken for ${run.classes[run.seen[i]]} · score ${score.toPrecision(3)}` }),
    element("div", { textContent: thumb?.id ?? "" }),
  );
}

/** Put the tip beside a place of the map, where there is room. */
export function placeTip(tip, surface, [x, y]) {
  tip.style.left = `${x > surface.width / 2 ? x - WIDTH : x + GAP}px`;
  tip.style.top = `${Math.max(4, Math.min(y - 60, surface.height - 200))}px`;
}

function picture(tip, thumb) {
  if (!thumb?.url) return element("img", { alt: thumb ? "no picture" : "" });
  const before = tip.querySelector("img"); // the same picture once more would flicker
  return before?.getAttribute("src") === thumb.url ? before : element("img", { src: thumb.url, alt: "" });
}
