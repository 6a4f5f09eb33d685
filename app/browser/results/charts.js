// Histogram and map as files for a paper: the same numbers that are on the screen, as SVG.

import { isWrong, look, palettes, staticLooks, verdictOf } from "../map/point_style.js";
import { escaped } from "./figure.js";
import { shown } from "../compute/points.js";

const WIDE = 720, HIGH = 360, PAD = 34, BINS = 96, SIDE = 65535;
const SPACE = 'xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="12"';

const page = (width, height, parts) =>
  `<svg ${SPACE} width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"><rect width="100%" height="100%" fill="#fff"/>${parts.join("")}</svg>`;

/** The histogram of the sets that are shown, each as a share of itself. */
export function histogramFile({ run, off }, { h, line }) {
  const sets = run.sets.map((set, i) => ({ ...set, shares: sharesOf(h.counts[i], h.bins) })).filter((s) => !off.includes(s.key));
  const top = Math.max(...sets.flatMap((s) => Array.from(s.shares)), 1e-9), floor = HIGH - PAD, step = (WIDE - 2 * PAD) / BINS;
  const x = (score) => PAD + ((Math.asinh(score) - h.low) / (h.step * h.bins)) * (WIDE - 2 * PAD);
  const outline = ({ shares }) => Array.from(shares, (share, b) => {
    const y = (floor - (share / top) * (floor - 2 * PAD)).toFixed(1);
    return `L${(PAD + b * step).toFixed(1)} ${y}H${(PAD + (b + 1) * step).toFixed(1)}`;
  }).join("");
  const parts = sets.map((s) => `<path d="M${PAD} ${floor}${outline(s)}V${floor}Z" fill="${s.colour}" fill-opacity=".3" stroke="${s.colour}"/>`);
  const ticks = [-100, -10, -5, -2, -1, 0, 1, 2, 5, 10, 20, 50, 100, 1000].filter((t) => x(t) > PAD && x(t) < WIDE - PAD);
  parts.push(
    `<path d="M${x(line).toFixed(1)} ${PAD}V${floor}" stroke="#222" stroke-width="2" stroke-dasharray="5 4"/>`,
    `<text x="${x(line) + 6}" y="${PAD}">threshold ${line.toPrecision(3)}</text>`,
    ...ticks.map((t) => `<text x="${x(t).toFixed(1)}" y="${floor + 16}" text-anchor="middle">${t}</text>`),
    `<text x="${WIDE / 2}" y="${HIGH - 4}" text-anchor="middle">HEAT score (asinh scale)</text>`,
    ...legend(sets.map((s) => [s.colour, s.name])),
  );
  return page(WIDE, HIGH, parts);
}

/** The points of the map that are shown, in their colours; wrong verdicts as crosses, over the others. */
export function mapFile({ run, off, colour }, found) {
  const pixels = palettes(run, "#ffffff"), way = look(colour, pixels, run, staticLooks(run), found), isShown = shown({ run, off });
  const dots = new Map(), crosses = new Map(), place = (v) => (PAD + (v / SIDE) * (WIDE - 2 * PAD)).toFixed(1);
  for (let i = 0; i < run.n; i++) {
    if (!isShown(i)) continue;
    const x = place(run.xy[2 * i]), y = place(SIDE - run.xy[2 * i + 1]), wrong = isWrong(verdictOf(run.set[i], found.scores[i] > found.line));
    const paths = wrong ? crosses : dots, ink = way.plain[way.index[i]];
    paths.set(ink, `${paths.get(ink) ?? ""}${wrong ? `M${x} ${y}m-3 -3l6 6m-6 0l6 -6` : `M${x} ${y}h0`}`);
  }
  const drawn = (paths, width) => Array.from(paths, ([ink, d]) =>
    `<path d="${d}" fill="none" stroke="${hex(ink)}" stroke-width="${width}" stroke-linecap="round"/>`);
  const names = { dataset: run.sets.map((s) => [s.colour, s.name]), verdict: run.palette.verdicts }[colour] ?? [];
  return page(WIDE, WIDE, [...drawn(dots, run.n > 20_000 ? 2 : 4), ...drawn(crosses, 1.6), ...legend(names)]);
}

const hex = (ink) => "#" + [ink, ink >> 8, ink >> 16].map((v) => (v & 255).toString(16).padStart(2, "0")).join("");

const legend = (entries) => entries.map(([colour, name], i) =>
  `<circle cx="12" cy="${14 + 17 * i}" r="5" fill="${colour}"/><text x="22" y="${18 + 17 * i}">${escaped(name)}</text>`);

function sharesOf(counts, bins) {
  const total = counts.reduce((a, b) => a + b, 0) || 1, shares = new Float64Array(BINS);
  counts.forEach((count, b) => (shares[Math.floor((b * BINS) / bins)] += count / total));
  return shares;
}
