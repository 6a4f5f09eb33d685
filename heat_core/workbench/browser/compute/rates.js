// Computes the share of a question with its interval, as heat_core.findings.slices does.

const Z = 1.959963984540054; // the 97.5 % quantile of the normal distribution

/**
 * Returns the 95 % interval (Wilson) of a share, as heat_core.metrics.wilson_interval does.
 * @param {number} hits
 * @param {number} total
 * @returns {number[]} [low, high], shares from 0 to 1
 */
export function wilsonInterval(hits, total) {
  if (!total) return [0, 1];
  const share = hits / total, z2 = Z * Z, centre = (share + z2 / (2 * total)) / (1 + z2 / total);
  const half = (Z / (1 + z2 / total)) * Math.sqrt((share * (1 - share)) / total + z2 / (4 * total * total));
  return [Math.max(centre - half, 0), Math.min(centre + half, 1)];
}

/**
 * Returns which images the share of a question is counted among, as heat_core.findings.slices.population_mask does.
 * @param {object} run
 * @param {string} question
 * @returns {string} "known" or "ood", those of the OOD sets or those of the others; "every" for both
 */
export function populationOf(run, question) {
  if (!run.truth) return "ood";
  if (["flagged", "misclassified", "mislabelled"].includes(question)) return "known";
  return ["duplicates", "tagged", "all"].includes(question) ? "every" : "ood";
}

/**
 * Returns a test of whether point i is among the images that the share of a question is counted among.
 * @param {object} run
 * @param {string} question
 * @returns {function(number): boolean}
 */
export function populationTest(run, question) {
  const population = populationOf(run, question);
  return population === "every" ? () => true : (i) => run.isOod[i] === (population === "ood" ? 1 : 0);
}
