// Writes, where there are decisions, how many there are, with buttons that review them, take the last one back and run
// again.

import { setText } from "../common/dom.js";
import { formatCount } from "../common/format.js";
import { memo } from "../common/memo.js";

/**
 * Creates the line.
 * @param {Element} root
 * @param {object} actions - see state/actions.js
 * @returns {function(object)} writes a state
 */
export function createDecisionLine(root, actions) {
  const line = root.querySelector(".decided"), $ = (selector) => line.querySelector(selector);
  let last = null;
  $(".review").onclick = actions.reviewDecisions;
  root.querySelector(".labels button").onclick = actions.reviewDecisions; // the review has the field for a file
  $(".run-again").onclick = actions.runAgain;
  $(".undo-decision").onclick = () => actions.undoDecision(last.id);
  const write = memo(({ decisions: { list } }) => {
    line.hidden = !list.length;
    last = list.at(-1);
    if (!last) return;
    setText($("b"), `${formatCount(list.length)} ${list.length === 1 ? "decision" : "decisions"}`);
    $(".undo-decision").title = `Take back the last one: ${describe(last)}`;
  });
  return ({ decisions }) => write({ decisions });
}

const ACTIONS = {
  "new-class": "added as class", "add-to-class": "added to class", remove: "removed from their set", ignore: "ignored",
};
const describe = ({ action, name, count }) => `${formatCount(count)} ${ACTIONS[action]} ${name}`.trim();
