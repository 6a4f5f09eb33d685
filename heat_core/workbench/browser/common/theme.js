// Follows the page around a component, whose colours may be light or dark and may change at any time.

import { lightnessOf } from "./colour.js";

/**
 * Writes into an element's data-theme whether the page around it is "light" or "dark", now and after each change.
 * @param {HTMLElement} element
 * @param {function()} changed - called after each change
 * @returns {function()} ends that
 */
export function followTheme(element, changed) {
  const write = () => {
    const theme = isDark(surroundingColour(element)) ? "dark" : "light";
    if (!element.isConnected || element.dataset.theme === theme) return;
    element.dataset.theme = theme;
    changed();
  };
  const attributes = new MutationObserver(write), size = new ResizeObserver(write);
  for (const target of [document.documentElement, document.body]) attributes.observe(target, { attributes: true });
  size.observe(element); // Its first call comes when the element is in the page.
  return () => {
    attributes.disconnect();
    size.disconnect();
  };
}

/** Returns the colour of the nearest element around one that is not transparent; white where there is none. */
function surroundingColour(element) {
  for (let around = element; around; around = around.parentElement ?? around.getRootNode().host) {
    const [red, green, blue, opacity] = toPixel(getComputedStyle(around).backgroundColor);
    if (opacity > 127) return [red, green, blue];
  }
  return [255, 255, 255];
}

/** Converts a colour of a style sheet, in any notation, into red, green, blue and opacity from 0 to 255. */
function toPixel(colour) {
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return context.getImageData(0, 0, 1, 1).data;
}

const isDark = (colour) => lightnessOf(colour) < 128;
