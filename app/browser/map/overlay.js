// Over the map: the lasso while it is drawn, and rings around the point under the pointer and the inspected one.

/** path: CSS pixels [x0, y0, …] or null; rings: [[x, y, radius], …]; colour: of the lines. */
export function drawOver(surface, path, rings, colour) {
  const g = surface.cleared();
  g.strokeStyle = colour;
  if (path) drawPath(g, path);
  for (const [x, y, radius] of rings) {
    g.lineWidth = radius / 4;
    g.beginPath();
    g.arc(x, y, radius, 0, 2 * Math.PI);
    g.stroke();
  }
}

function drawPath(g, path) {
  g.lineWidth = 1.5;
  g.setLineDash([5, 4]);
  g.beginPath();
  for (let i = 0; i < path.length; i += 2) g.lineTo(path[i], path[i + 1]);
  g.closePath();
  g.stroke();
  g.setLineDash([]);
}
