// Provides the parts that the SVG figures share.

/**
 * Escapes text for SVG.
 * @param {string} text
 * @returns {string}
 */
export const escapeText = (text) => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);

/**
 * Returns an SVG document with a white background.
 * @param {number} width
 * @param {number} height
 * @param {string[]} parts - SVG elements
 * @param {string} attributes - further attributes of the document
 * @returns {string}
 */
export const svgDocument = (width, height, parts, attributes = "") =>
  `<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif"${attributes} ` +
  `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">` +
  `<rect width="100%" height="100%" fill="#fff"/>${parts.join("")}</svg>`;

/**
 * Returns the legend of a figure as SVG elements.
 * @param {string[][]} entries - [colour, name] of each entry
 * @returns {string[]}
 */
export const svgLegend = (entries) => entries.map(([colour, name], i) =>
  `<circle cx="12" cy="${14 + 17 * i}" r="5" fill="${colour}"/>` +
  `<text x="22" y="${18 + 17 * i}">${escapeText(name)}</text>`);
