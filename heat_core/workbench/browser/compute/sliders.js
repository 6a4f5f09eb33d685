// Converts between the positions of sliders and their values, β and the false-positive rate α.

const [ALPHA_LOW, ALPHA_HIGH] = [-3, Math.log10(0.5)]; // powers of ten: 0.1 % to 50 %

/**
 * Returns the α of a slider position, rounded to two digits.
 * @param {number} position - from 0 to 1
 * @param {number} idCount - the number of ID samples, which bounds α from below by their smallest p
 * @returns {number}
 */
export function alphaAt(position, idCount) {
  const alpha = 10 ** (ALPHA_LOW + position * (ALPHA_HIGH - ALPHA_LOW));
  return Math.max(Number(alpha.toPrecision(2)), 1 / (idCount + 1));
}

/**
 * Returns the slider position of α, the inverse of `alphaAt`.
 * @param {number} alpha
 * @returns {number} from 0 to 1 where α is on the scale
 */
export const alphaPosition = (alpha) => (Math.log10(alpha) - ALPHA_LOW) / (ALPHA_HIGH - ALPHA_LOW);

/**
 * Returns the β of a slider position: 0 in the middle, ±∞ at the ends, with fine steps around 0.
 * @param {number} position - from -1 to 1
 * @returns {number}
 */
export function betaAt(position) {
  if (position <= -1) return -Infinity;
  if (position >= 1) return Infinity;
  return position === 0 ? 0 : Number((2 * Math.tan((position * Math.PI) / 2)).toPrecision(3));
}

/**
 * Returns the slider position of β, the inverse of `betaAt`.
 * @param {number} beta
 * @returns {number} from -1 to 1
 */
export function betaPosition(beta) {
  if (beta === Infinity) return 1;
  return beta === -Infinity ? -1 : (2 / Math.PI) * Math.atan(beta / 2);
}
