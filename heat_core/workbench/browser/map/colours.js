// Reads the colours of the page, and converts colours into pixels of an image, both plain and faded into the page.

import { parseHex } from "../common/colour.js";

const FADED_SHARE = 0.78; // the share of the page's colour in a faded colour
const RAMP_STEPS = 256;

const toPixel = ([r, g, b]) => (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
const mix = (a, b, share) => a.map((v, i) => Math.round(v + (b[i] - v) * share));

/**
 * Returns the colours and the font that the page's theme gives to an element.
 * @param {Element} element
 * @returns {{text: string, faint: string, background: string, border: string, font: string}}
 */
export function readPageColours(element) {
  const style = getComputedStyle(element), property = (name) => style.getPropertyValue(name).trim();
  const text = property("--st-text-color") || "#222222", background = property("--st-background-color");
  return {
    text,
    faint: `${text}b0`,
    background: background.length === 7 ? background : "#ffffff",
    border: property("--st-border-color") || "#8886",
    font: property("--st-font") || "sans-serif",
  };
}

function plainAndFaded(colours, background) {
  const page = parseHex(background);
  return {
    plain: Uint32Array.from(colours, toPixel),
    faded: Uint32Array.from(colours, (colour) => toPixel(mix(colour, page, FADED_SHARE))),
  };
}

/**
 * Returns the pixels of a list of colours.
 * @param {string[]} colours - as "#rrggbb"
 * @param {string} background - the page's colour, as "#rrggbb"
 * @returns {{plain: Uint32Array, faded: Uint32Array}}
 */
export const palettePixels = (colours, background) => plainAndFaded(colours.map(parseHex), background);

/**
 * Returns the pixels of the steps of a colour ramp.
 * @param {string[]} colours - from low to high, as "#rrggbb"
 * @param {string} background - the page's colour, as "#rrggbb"
 * @returns {{plain: Uint32Array, faded: Uint32Array}}
 */
export function rampPixels(colours, background) {
  const stops = colours.map(parseHex);
  const steps = Array.from({ length: RAMP_STEPS }, (_, i) => {
    const position = (i / (RAMP_STEPS - 1)) * (stops.length - 1), stop = Math.min(position | 0, stops.length - 2);
    return mix(stops[stop], stops[stop + 1], position - stop);
  });
  return plainAndFaded(steps, background);
}

/**
 * Returns the step of a ramp at a share.
 * @param {number} share - from 0 up to, but without, 1
 * @returns {number}
 */
export const rampStep = (share) => (share * RAMP_STEPS) | 0;
