// Draws the rows of methods as an SVG figure for a paper, with its pictures embedded.

import { fetchPicture, pointPictureUrl } from "../common/pictures.js";
import { describeVerdict } from "../common/verdicts.js";
import { escapeText, svgDocument } from "./svg.js";

const SIDE = 96, GAP = 6, NAME_WIDTH = 110, FRAME = 4, CAPTION_HEIGHT = 18;
const MAX_PICTURES = 24; // in a row
const COLOURS = { right: "#009E73", wrong: "#D55E00", unknown: "#E69F00", known: "#0072B2" };

/**
 * Draws the figure.
 * @param {object} run
 * @param {Uint32Array} points - in order; the first `MAX_PICTURES` are drawn
 * @param {object[]} methods - see `methodOf` in compute/query.js
 * @returns {Promise<string>} SVG
 */
export async function rowsFigure(run, points, methods) {
  const drawn = Array.from(points.slice(0, MAX_PICTURES));
  const pictures = await Promise.all(drawn.map((i) => fetchAsDataUrl(pointPictureUrl(run, i, SIDE * 2))));
  const width = NAME_WIDTH + drawn.length * (SIDE + GAP), height = methods.length * (SIDE + GAP) + CAPTION_HEIGHT;
  const parts = [], xOf = (column) => NAME_WIDTH + column * (SIDE + GAP);
  methods.forEach((method, row) => {
    const y = row * (SIDE + GAP);
    const name = escapeText(method.title);
    parts.push(`<text x="0" y="${y + SIDE / 2 + 5}" font-size="15" font-weight="600">${name}</text>`);
    parts.push(...drawn.map((i, column) => svgPicture(run, i, method, pictures[column], xOf(column), y)));
  });
  parts.push(...drawn.map((i, column) => svgCaption(run.classes[run.seen[i]], xOf(column) + SIDE / 2, height - 5)));
  return svgDocument(width, height, parts);
}

const svgCaption = (text, x, y) =>
  `<text x="${x}" y="${y}" font-size="10" text-anchor="middle">${escapeText(text.slice(0, 16))}</text>`;

function svgPicture(run, i, method, url, x, y) {
  const { kind, sign } = describeVerdict(run, i, method.isFlagged(i)), colour = COLOURS[kind];
  // The dashes distinguish verdicts for readers who cannot distinguish the colours.
  const dash = kind === "wrong" || kind === "unknown" ? ' stroke-dasharray="7 4"' : "";
  const inner = SIDE - 2 * FRAME, outer = SIDE - FRAME, badgeX = x + SIDE - 14;
  const parts = [];
  if (url) parts.push(`<image x="${x + FRAME}" y="${y + FRAME}" width="${inner}" height="${inner}" href="${url}"/>`);
  parts.push(
    `<rect x="${x + FRAME / 2}" y="${y + FRAME / 2}" width="${outer}" height="${outer}" ` +
      `fill="none" stroke="${colour}" stroke-width="${FRAME}"${dash}/>`,
    `<circle cx="${badgeX}" cy="${y + 14}" r="9" fill="${colour}"/>`,
    `<text x="${badgeX}" y="${y + 18}" font-size="12" text-anchor="middle" fill="#fff">${sign}</text>`,
  );
  return parts.join("");
}

/** Fetches a picture as a data URL; null where there is none. */
async function fetchAsDataUrl(url) {
  const picture = await fetchPicture(url);
  if (!picture) return null;
  const reader = new FileReader(), loaded = new Promise((resolve) => (reader.onload = () => resolve(reader.result)));
  reader.readAsDataURL(picture);
  return loaded;
}
