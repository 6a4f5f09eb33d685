// Writes the headline: how many images answer the question, of how many, and the share with its interval. It follows
// every frame.

import { setText } from "../common/dom.js";
import { formatCount, formatPercent } from "../common/format.js";
import { baselineOf, questionOf } from "../compute/query.js";
import { wilsonInterval } from "../compute/rates.js";

/**
 * Creates the headline.
 * @param {Element} root
 * @returns {function(object, object)} writes a state and its subset, see `computeSubset` in compute/subset.js
 */
export function createHeadline(root) {
  const [finding, overall] = [".headline .finding", ".headline .overall-share"].map((selector) => root.querySelector(selector));
  const title = root.querySelector(".findings .finding");
  return (state, { share, shareOfAll, count }) => {
    const isNarrowed = share.population !== shareOfAll.population || share.bad !== shareOfAll.bad;
    setText(finding, describe(state, share, count));
    setText(title, describe(state, shareOfAll, count));
    const phrase = phraseOf(state);
    setText(overall, isNarrowed && phrase ? `${percent(shareOfAll)} % without the filters` : "");
  };
}

const percent = ({ bad, population }) => formatPercent(population ? bad / population : 0);

/** Returns how the images that answer the question are counted, such as "missed"; none where every image answers. */
function phraseOf({ run, query }) {
  const baseline = run.methods.find(({ key }) => key === baselineOf(run, query))?.title;
  return run.phrases[questionOf(run, query)]?.replace("{}", baseline);
}

function describe(state, share, count) {
  const phrase = phraseOf(state), { bad, population } = share;
  if (!phrase) return `${formatCount(count)} images`;
  const [low, high] = wilsonInterval(bad, population).map(formatPercent);
  const among = state.run.n < state.run.total ? " among those drawn" : ""; // Python draws a sample of a large run.
  return `${formatCount(bad)} of ${formatCount(population)} ${phrase}${among}, ${percent(share)} % (${low}–${high})`;
}
