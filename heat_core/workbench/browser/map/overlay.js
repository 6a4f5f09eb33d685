// Draws the overlay of the map: the lasso during its gesture, and rings around the hovered and the inspected point.

/**
 * Draws the overlay.
 * @param {Surface} surface
 * @param {?number[]} lassoPath - CSS pixels [x0, y0, x1, y1, …]
 * @param {number[][]} rings - [x, y, radius] of each ring in CSS pixels
 * @param {string} colour - of all lines
 */
export function drawOverlay(surface, lassoPath, rings, colour) {
  const context = surface.clear();
  context.strokeStyle = colour;
  if (lassoPath) drawLasso(context, lassoPath);
  for (const [x, y, radius] of rings) {
    context.lineWidth = radius / 4;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.stroke();
  }
}

function drawLasso(context, path) {
  context.lineWidth = 1.5;
  context.setLineDash([5, 4]);
  context.beginPath();
  for (let i = 0; i < path.length; i += 2) context.lineTo(path[i], path[i + 1]);
  context.closePath();
  context.stroke();
  context.setLineDash([]);
}
