// Writes the slider of the false-positive rate α. The rate stays where β changes, and the threshold follows.

import { setText } from "../common/dom.js";
import { formatRate } from "../common/format.js";
import { alphaAt, alphaPosition } from "../compute/sliders.js";

const POSITION_TOLERANCE = 0.004; // one step of the slider

/**
 * Creates the slider.
 * @param {Element} root
 * @param {object} actions - see state/actions.js
 * @returns {function(number, number)} writes the α of the threshold in force and the number of ID samples
 */
export function createFalseAlarmRate(root, actions) {
  const $ = (selector) => root.querySelector(`.rate ${selector}`), slider = $(".alpha");
  let lastCount = 1;
  slider.oninput = () => actions.setAlpha(alphaAt(Number(slider.value), lastCount));
  slider.onchange = actions.sendSettings;
  return (alpha, idCount) => {
    lastCount = idCount;
    const position = Math.min(Math.max(alphaPosition(alpha), 0), 1);
    const isElsewhere = Math.abs(position - slider.value) > POSITION_TOLERANCE;
    if (isElsewhere && alphaAt(Number(slider.value), idCount) !== alpha) slider.value = position;
    slider.setAttribute("aria-valuetext", formatRate(alpha));
    setText($(".at"), `α ${formatRate(alpha)}`);
    $(".least").title = "p is the share of known test images that look at least as unusual as an image:"
      + ` with ${idCount} of them it is at least 1 / ${idCount + 1}, and no smaller α flags an image`;
    setText($(".least"), `smallest possible p-value: ${(1 / (idCount + 1)).toPrecision(2)}`);
  };
}
