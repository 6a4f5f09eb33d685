// Describes verdicts (in- or out-of-distribution) with the same texts and signs everywhere.

import { element } from "./dom.js";

// The style class, the sign and the description of each verdict.
const VERDICTS = {
  kept: ["right", "✓", "known, kept"],
  flagged: ["wrong", "✗", "known, flagged by mistake"],
  missed: ["wrong", "✗", "unknown, missed"],
  caught: ["right", "✓", "unknown, caught"],
  calledUnknown: ["unknown", "?", "called unknown"],
  calledKnown: ["known", "✓", "called known"],
};

/**
 * Describes a verdict on point i.
 * @param {object} run
 * @param {number} i
 * @param {boolean} isFlagged - whether the method calls the point out-of-distribution
 * @returns {{kind: string, sign: string, description: string}} kind is a class of the style sheet
 */
export function describeVerdict(run, i, isFlagged) {
  const [kind, sign, description] = VERDICTS[verdictName(run, run.isOod[i], isFlagged)];
  return { kind, sign, description };
}

function verdictName(run, isOod, isFlagged) {
  if (!isOod) return isFlagged ? "flagged" : "kept";
  if (run.truth) return isFlagged ? "caught" : "missed";
  return isFlagged ? "calledUnknown" : "calledKnown";
}

/**
 * Names the verdicts of some methods on point i, for those who do not see their badges.
 * @param {object} run
 * @param {number} i
 * @param {object[]} methods - see `methodOf` in compute/query.js
 * @returns {string}
 */
export const nameVerdicts = (run, i, methods) =>
  methods.map((method) => `${method.title}: ${describeVerdict(run, i, method.isFlagged(i)).description}`).join(", ");

/**
 * Returns the true class of point i.
 * @param {object} run
 * @param {number} i
 * @returns {string} empty where it is not known
 */
export const trueClassOf = (run, i) => run.labels[run.label[i]];

/**
 * Names the true class of point i, for those who do not see its label.
 * @param {object} run
 * @param {number} i
 * @returns {string[]} empty where it is not known
 */
export function nameTrueClass(run, i) {
  const label = trueClassOf(run, i);
  if (!label) return [];
  return [run.misclassified[i] ? `wrong class, it is ${label}` : `true class ${label}`];
}

/**
 * Creates a label for the picture of a known image that is taken for another class.
 * @param {object} run
 * @param {number} i
 * @returns {HTMLElement[]} empty for every other image
 */
export function createClassLabels(run, i) {
  if (!run.misclassified[i]) return [];
  return [element("span", { className: "wrong-class", textContent: `✗ is ${trueClassOf(run, i)}` })];
}

/**
 * Creates a badge: the sign of a method's verdict on point i in its colour.
 * @param {object} run
 * @param {number} i
 * @param {object} method - see `methodOf` in compute/query.js
 * @param {boolean} isNamed - whether the badge shows the method's name
 * @returns {HTMLElement}
 */
export function createBadge(run, i, method, isNamed) {
  const { kind, sign, description } = describeVerdict(run, i, method.isFlagged(i));
  const mark = element("span", { className: `mark ${kind}`, textContent: sign });
  const badge = element("span", { className: "badge", title: `${method.title}: ${description}` }, mark);
  if (isNamed) badge.append(method.title);
  return badge;
}
