// Reads colours and computes how light they are.

/**
 * Reads a colour "#rrggbb".
 * @param {string} hex
 * @returns {number[]} red, green and blue from 0 to 255
 */
export const parseHex = (hex) => [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16));

/**
 * Returns the lightness of a colour from 0 to 255, weighted as the eye weighs red, green and blue.
 * @param {number[]} colour - red, green and blue from 0 to 255
 * @returns {number}
 */
export const lightnessOf = ([red, green, blue]) => 0.299 * red + 0.587 * green + 0.114 * blue;
