// Writes what the badges on the pictures mean.

import { memo } from "../common/memo.js";

/**
 * Creates the legend.
 * @param {Element} root
 * @returns {function(object, object[])} writes a run and the methods whose verdicts are shown
 */
export function createBadgeLegend(root) {
  const legend = root.querySelector(".badge-key");
  const write = memo(({ run, titles }) => {
    const signs = run.truth ? "✓ right, ✗ wrong" : "✓ called known, ? called unknown";
    legend.textContent = `Badges: ${titles}, from the left; ${signs}.`;
  });
  return (run, methods) => write({ run, titles: methods.map(({ title }) => title).join(", ") });
}
