// The false-alarm rate: a slider in α beside the line, which stays where β moves.

import { alphaAt, placeOfAlpha } from "../compute/core.js";
import { counting, writeText } from "../common/format.js";

/** A rate in percent, with two digits that mean something. */
export const rateText = (alpha) => `${Number((100 * alpha).toPrecision(2))} %`;

/** A function of (α of the line that holds, how many ID samples there are) that writes them. act: see actions.js. */
export function createRate(root, act) {
  const slider = root.querySelector(".rate .alpha"), at = root.querySelector(".rate .at"), least = root.querySelector(".rate .least");
  let count = 1;
  slider.oninput = () => act.setAlpha(alphaAt(Number(slider.value), count));
  slider.onchange = act.tell;
  return (alpha, known) => {
    count = known;
    const place = Math.min(Math.max(placeOfAlpha(alpha), 0), 1);
    if (Math.abs(place - slider.value) > 0.004 && alphaAt(Number(slider.value), known) !== alpha) slider.value = place;
    slider.setAttribute("aria-valuetext", rateText(alpha));
    writeText(at, `α ${rateText(alpha)}`);
    writeText(least, `smallest p of ${counting(known)}: ${(1 / (known + 1)).toPrecision(2)}`);
  };
}
