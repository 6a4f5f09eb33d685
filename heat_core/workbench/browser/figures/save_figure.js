// Saves an SVG figure as a file: as SVG, or as PNG at twice its size.

import { element } from "../common/dom.js";

/**
 * Starts the download of a figure.
 * @param {string} text - SVG
 * @param {string} format - "svg" or "png"
 * @param {string} name - of the file, without its extension
 */
export async function saveFigure(text, format, name) {
  const svg = new Blob([text], { type: "image/svg+xml" });
  download(format === "svg" ? svg : await convertToPng(svg), `${name}.${format}`);
}

function download(blob, name) {
  const url = URL.createObjectURL(blob);
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

async function convertToPng(svg) {
  const image = new Image(), url = URL.createObjectURL(svg);
  image.src = url;
  await image.decode();
  const canvas = element("canvas", { width: 2 * image.width, height: 2 * image.height });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(url);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
