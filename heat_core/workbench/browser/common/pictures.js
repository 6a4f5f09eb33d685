// Creates pictures and their addresses. The browser fetches pictures from the server of the page and caches them; in a
// notebook there is no such server, and they come from Python by messages (picture_queue.js).

import { element } from "./dom.js";

const SIDES = [96, 192, 384, 768, 1536]; // the sizes that the server makes (heat_core/workbench/pictures.py)

const loaders = new Map(); // first part of an address → function that gets the pictures of such addresses

/** The width of a picture in full size, in CSS pixels. */
export const FULL_SIDE = 1536;

/**
 * Returns the address of a sample's picture.
 * @param {object} run - its `pictures` hold one address for each set, or are null
 * @param {string} set - the key of the set
 * @param {number} row - the position of the sample in its set
 * @param {number} side - the least width in CSS pixels on this screen
 * @returns {string} empty where the run has no pictures
 */
export function pictureUrl(run, set, row, side) {
  if (!run.pictures) return "";
  const least = side * Math.min(globalThis.devicePixelRatio || 1, 2);
  return `${run.pictures[set]}&row=${row}&side=${SIDES.find((s) => s >= least) ?? SIDES.at(-1)}`;
}

/**
 * Returns the address of the picture of point i.
 * @param {object} run
 * @param {number} i
 * @param {number} side - the least width in CSS pixels
 * @returns {string}
 */
export const pointPictureUrl = (run, i, side) => pictureUrl(run, run.sets[run.set[i]].key, rowInSet(run, i), side);

/** Returns the position of point i in its set; samples are numbered consecutively through the sets. */
const rowInSet = (run, i) => run.number[i] - run.starts[run.set[i]];

/**
 * Registers how pictures are got that no server has.
 * @param {string} prefix - the first part of their addresses, up to the first slash
 * @param {function(string, function(): boolean): Promise<?string>} load - see picture_queue.js
 * @returns {function()} ends that
 */
export function registerPictures(prefix, load) {
  loaders.set(prefix, load);
  return () => loaders.delete(prefix);
}

const loaderOf = (url) => loaders.get(url.split("/", 1)[0]);

/**
 * Creates an image, or a note that there is none where the address is empty or cannot be loaded. Its data-address is
 * the address.
 * @param {string} url
 * @param {string} alt
 * @returns {HTMLElement}
 */
export function createPicture(url, alt = "") {
  if (!url) return createPlaceholder();
  const image = element("img", { alt, decoding: "async", draggable: false }), load = loaderOf(url);
  const write = (source) => {
    if (source) image.src = source;
    else image.replaceWith(createPlaceholder());
  };
  image.dataset.address = url;
  image.onerror = () => write(null);
  if (load) load(url, () => image.isConnected).then(write);
  else write(url);
  return image;
}

/**
 * Fetches a picture.
 * @param {string} url
 * @returns {Promise<?Blob>} null where there is none
 */
export async function fetchPicture(url) {
  const source = url && loaderOf(url) ? await loaderOf(url)(url, () => true) : url;
  if (!source) return null;
  const response = await fetch(source);
  return response.ok ? response.blob() : null;
}

const createPlaceholder = () => element("span", { className: "gone", textContent: "no picture" });
