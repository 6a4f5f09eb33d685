// Defines the shapes of the map's points, as offsets of pixels.

// For each shape a test of whether a point of radius r covers an offset. Most points are discs; the cross stands for
// wrong verdicts.
const SHAPES = {
  disc: (x, y, r) => x * x + y * y <= r * r + 0.5,
  cross: (x, y, r) => Math.abs(Math.abs(x) - Math.abs(y)) <= r / 4,
  diamond: (x, y, r) => Math.abs(x) + Math.abs(y) <= r,
  square: (x, y, r) => Math.max(Math.abs(x), Math.abs(y)) <= r * 0.8,
  triangle: (x, y, r) => y <= r * 0.8 && Math.abs(x) <= (y + r) * 0.55,
  plus: (x, y, r) => Math.min(Math.abs(x), Math.abs(y)) <= r / 4,
  down: (x, y, r) => SHAPES.triangle(x, -y, r),
  ring: (x, y, r) => SHAPES.disc(x, y, r) && x * x + y * y > r * r * 0.3,
  frame: (x, y, r) => SHAPES.square(x, y, r) && Math.max(Math.abs(x), Math.abs(y)) > r * 0.55,
  bar: (_x, y, r) => Math.abs(y) <= r / 3,
  pole: (x, _y, r) => Math.abs(x) <= r / 3,
  kite: (x, y, r) => SHAPES.diamond(x, y, r) && Math.abs(x) + Math.abs(y) > r / 2,
};

/** The names of the shapes; points hold positions in this list. */
export const SHAPE_NAMES = Object.keys(SHAPES);

const LEAST_RADIUS = 2.5; // device pixels; every shape is a disc below, where shapes cannot be distinguished

/**
 * Returns what a point of a shape covers, as offsets in the pixels of an image.
 * @param {number} radius - device pixels
 * @param {string} shape
 * @param {number} width - of the image
 * @returns {Int32Array}
 */
export function shapeOffsets(radius, shape, width) {
  const offsets = [], reach = Math.max(Math.floor(radius), 0);
  const covers = radius >= LEAST_RADIUS ? SHAPES[shape] : SHAPES.disc;
  for (let y = -reach; y <= reach; y++)
    for (let x = -reach; x <= reach; x++) if (covers(x, y, radius)) offsets.push(y * width + x);
  return Int32Array.from(offsets);
}
