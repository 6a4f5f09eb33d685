// The rows of methods as a figure for a paper: SVG with its pictures inside, or PNG at twice the size.

import { pictureOfPoint } from "./pictures.js";
import { verdictOn } from "./verdicts.js";

const SIDE = 96, GAP = 6, NAME = 110, MOST = 24, FRAME = 4; // pictures in a row of the figure at most
const COLOURS = { right: "#009E73", wrong: "#D55E00", unknown: "#E69F00", known: "#0072B2" };

export const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** The figure as text. points: the first `MOST` are drawn; methods: see subset.js. */
export async function drawing(run, points, methods) {
  const own = Array.from(points.slice(0, MOST)), pictures = await Promise.all(own.map((i) => dataUrl(pictureOfPoint(run, i, SIDE * 2))));
  const width = NAME + own.length * (SIDE + GAP), height = methods.length * (SIDE + GAP) + 18, parts = [];
  methods.forEach((method, row) => {
    const y = row * (SIDE + GAP);
    parts.push(`<text x="0" y="${y + SIDE / 2 + 5}" font-size="15" font-weight="600">${escaped(method.title)}</text>`);
    own.forEach((i, column) => parts.push(one(run, i, method, pictures[column], NAME + column * (SIDE + GAP), y)));
  });
  own.forEach((i, column) => parts.push(`<text x="${NAME + column * (SIDE + GAP) + SIDE / 2}" y="${height - 5}" font-size="10" text-anchor="middle">${escaped(run.classes[run.seen[i]].slice(0, 16))}</text>`));
  const space = 'xmlns="http://www.w3.org/2000/svg" font-family="sans-serif"';
  return `<svg ${space} width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"><rect width="100%" height="100%" fill="#fff"/>${parts.join("")}</svg>`;
}

function one(run, i, method, url, x, y) {
  const { kind, sign } = verdictOn(run, i, method.flagged(i)), colour = COLOURS[kind];
  const dash = kind === "wrong" || kind === "unknown" ? ' stroke-dasharray="7 4"' : ""; // a second cue beside the colour
  const inner = SIDE - 2 * FRAME, image = url ? `<image x="${x + FRAME}" y="${y + FRAME}" width="${inner}" height="${inner}" href="${url}"/>` : "";
  const frame = `<rect x="${x + FRAME / 2}" y="${y + FRAME / 2}" width="${SIDE - FRAME}" height="${SIDE - FRAME}" fill="none" stroke="${colour}" stroke-width="${FRAME}"${dash}/>`;
  return `${image}${frame}<circle cx="${x + SIDE - 14}" cy="${y + 14}" r="9" fill="${colour}"/><text x="${x + SIDE - 14}" y="${y + 18}" font-size="12" text-anchor="middle" fill="#fff">${sign}</text>`;
}

async function dataUrl(address) {
  if (!address) return null;
  const answer = await fetch(address);
  if (!answer.ok) return null;
  const reader = new FileReader(), read = new Promise((done) => (reader.onload = () => done(reader.result)));
  reader.readAsDataURL(await answer.blob());
  return read;
}

/** Hand a figure to the browser's downloads. kind: "svg" or "png". */
export async function saveFigure(text, kind, name) {
  const svg = new Blob([text], { type: "image/svg+xml" });
  download(kind === "svg" ? svg : await asPng(svg), `${name}.${kind}`);
}

function download(blob, name) {
  const url = URL.createObjectURL(blob), link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

async function asPng(svg) {
  const image = new Image(), url = URL.createObjectURL(svg);
  image.src = url;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: 2 * image.width, height: 2 * image.height });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(url);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}
