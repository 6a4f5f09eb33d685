// Formats numbers as text, and reads numbers from text.

const grouped = new Intl.NumberFormat("en");

/**
 * Formats a number with a true minus sign, and infinities as +∞ and −∞.
 * @param {number} value
 * @returns {string}
 */
export function formatNumber(value) {
  if (value === Infinity) return "+∞";
  return value === -Infinity ? "−∞" : String(value).replace("-", "−");
}

/**
 * Formats a share as a percentage with one decimal, without the percent sign.
 * @param {number} share - a share from 0 to 1
 * @returns {string}
 */
export const formatPercent = (share) => (100 * share).toFixed(1);

/**
 * Formats the confidence of a prediction.
 * @param {number} confidence - a share from 0 to 1; NaN where it is not known
 * @returns {string}
 */
export const formatConfidence = (confidence) =>
  (Number.isNaN(confidence) ? "not given" : `${formatPercent(confidence)} %`);

/**
 * Formats a share as a percentage with two significant digits or more, without the percent sign.
 * @param {number} share - a share from 0 to 1
 * @returns {string}
 */
export const formatShare = (share) => (share < 0.1 ? formatPercent(share) : (100 * share).toFixed(0));

/**
 * Formats a count with commas between the thousands.
 * @param {number} count
 * @returns {string}
 */
export const formatCount = (count) => grouped.format(count);

/**
 * Formats a number with its sign.
 * @param {number} value
 * @param {number} digits - the number of decimals
 * @returns {string}
 */
export const formatSigned = (value, digits = 2) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(digits);

/**
 * Formats a false-positive rate as a percentage with two significant digits.
 * @param {number} alpha - a share from 0 to 1
 * @returns {string}
 */
export const formatRate = (alpha) => `${Number((100 * alpha).toPrecision(2))} %`;

/**
 * Reads β as a person types it or as Python writes it.
 * @param {string} text
 * @returns {number} NaN where the text is no number
 */
export function parseNumber(text) {
  const plain = String(text).trim().replace("−", "-").replace("∞", "inf").toLowerCase();
  if (/^\+?inf(inity)?$/.test(plain)) return Infinity;
  if (/^-inf(inity)?$/.test(plain)) return -Infinity;
  return plain === "" ? NaN : Number(plain);
}
