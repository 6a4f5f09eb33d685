// Pictures, fetched from the server of the page, which the browser keeps.

import { element } from "../common/format.js";

const SIDES = [96, 192, 384, 768, 1536]; // those that the server makes (app/server/served.py)

/** The address of a sample's picture, at least `side` CSS pixels wide on this screen; empty where there are none.
 *  run.pictures: one address a set, or null. */
export function pictureOf(run, set, row, side) {
  if (!run.pictures) return "";
  const wanted = side * Math.min(globalThis.devicePixelRatio || 1, 2);
  return `${run.pictures[set]}&row=${row}&side=${SIDES.find((s) => s >= wanted) ?? SIDES.at(-1)}`;
}

/** The address of point i's picture. */
export const pictureOfPoint = (run, i, side) => pictureOf(run, run.sets[run.set[i]].key, rowOf(run, i), side);

/** Where point i stands in its set: samples are numbered through the sets. */
const rowOf = (run, i) => run.number[i] - run.starts[run.set[i]];

/** A picture, or the words that there is none. */
export function picture(url, alt = "") {
  if (!url) return element("span", { className: "gone", textContent: "no picture" });
  const img = element("img", { alt, decoding: "async", draggable: false });
  img.onerror = () => img.replaceWith(element("span", { className: "gone", textContent: "no picture" }));
  img.src = url;
  return img;
}
