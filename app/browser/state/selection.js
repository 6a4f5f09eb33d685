// Which points are selected: {bits: 0 or 1 for each point, count}, made anew by every gesture.

import { unpackBits } from "../compute/core.js";

/** Nothing selected among n points. */
export const nothing = (n) => ({ bits: new Uint8Array(n), count: 0 });

/** These points selected among n. */
export function fromPoints(points, n) {
  const bits = new Uint8Array(n);
  for (const i of points) bits[i] = 1;
  return { bits, count: points.length };
}

/** The selection that Python sent as text; "" = nothing. */
export function fromText(text, n) {
  if (!text) return nothing(n);
  const bits = unpackBits(text, new Uint8Array(n));
  return { bits, count: bits.reduce((a, b) => a + b, 0) };
}

/** `next`, or `before` where both hold the same points: what follows from a selection then stays as it is. */
export const settled = (before, next) =>
  before.count === next.count && before.bits.length === next.bits.length && before.bits.every((b, i) => b === next.bits[i])
    ? before
    : next;

/** Among the points that are shown, those that `fits` accepts are set, added or removed. */
export function selecting(before, shown, fits, how) {
  const bits = how === "set" ? new Uint8Array(before.bits.length) : Uint8Array.from(before.bits);
  let count = 0;
  for (let i = 0; i < bits.length; i++) {
    if (shown(i) && fits(i)) bits[i] = how === "remove" ? 0 : 1;
    count += bits[i];
  }
  return { bits, count };
}
