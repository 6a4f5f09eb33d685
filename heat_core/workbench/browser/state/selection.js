// Computes with selections of points, {bits: 0 or 1 for each point, count}. A selection is never changed; each gesture
// makes a new one.

import { unpackBits } from "../compute/packed_bits.js";

/**
 * Returns the selection of nothing among n points.
 * @param {number} n
 * @returns {{bits: Uint8Array, count: number}}
 */
export const emptySelection = (n) => ({ bits: new Uint8Array(n), count: 0 });

/**
 * Returns the selection of some points among n.
 * @param {ArrayLike<number>} points
 * @param {number} n
 * @returns {{bits: Uint8Array, count: number}}
 */
export function selectionFromPoints(points, n) {
  const bits = new Uint8Array(n);
  for (const i of points) bits[i] = 1;
  return { bits, count: points.length };
}

/**
 * Returns the selection that Python sent as text.
 * @param {string} text - packed bits in base64; empty for nothing
 * @param {number} n
 * @returns {{bits: Uint8Array, count: number}}
 */
export function selectionFromText(text, n) {
  if (!text) return emptySelection(n);
  const bits = unpackBits(text, new Uint8Array(n));
  return { bits, count: bits.reduce((a, b) => a + b, 0) };
}

/**
 * Returns the earlier selection where both hold the same points, so that nothing that depends on it is computed again.
 * @param {object} before
 * @param {object} next
 * @returns {object} `before` or `next`
 */
export function keepIfEqual(before, next) {
  const isEqual = before.count === next.count && before.bits.length === next.bits.length
    && before.bits.every((bit, i) => bit === next.bits[i]);
  return isEqual ? before : next;
}

/**
 * Returns a selection after a gesture, which concerns the visible points only.
 * @param {object} before
 * @param {function(number): boolean} isVisible
 * @param {function(number): boolean} isInside - whether the gesture includes a point
 * @param {string} mode - "set" replaces the selection, "add" adds to it, "remove" removes from it
 * @returns {{bits: Uint8Array, count: number}}
 */
export function changeSelection(before, isVisible, isInside, mode) {
  const bits = mode === "set" ? new Uint8Array(before.bits.length) : Uint8Array.from(before.bits);
  let count = 0;
  for (let i = 0; i < bits.length; i++) {
    if (isVisible(i) && isInside(i)) bits[i] = mode === "remove" ? 0 : 1;
    count += bits[i];
  }
  return { bits, count };
}
