// Which points are shown, under the pointer, in view, or within a lasso. Each answer is a point or a test of points.

import { inside } from "./core.js";
import { toScreen } from "../map/viewport.js";

/** For every set, whether it is shown. */
export const shownSets = (run, off) => run.sets.map((s) => !off.includes(s.key));

/** Whether point i is shown. */
export function shown({ run, off }) {
  const sets = shownSets(run, off);
  return (i) => sets[run.set[i]];
}

/** The place of point i on the screen, in CSS pixels. */
export function placing(surface, { run, where }) {
  const at = toScreen(surface, where), { xy } = run;
  return (i) => at(xy[2 * i], xy[2 * i + 1]);
}

/** The shown point nearest to a place, within `reach` CSS pixels, or -1. */
export function nearest(surface, state, x, y, reach = 9) {
  const isShown = shown(state), place = placing(surface, state);
  let best = -1, closest = reach * reach;
  for (let i = 0; i < state.run.n; i++) {
    if (!isShown(i)) continue;
    const [X, Y] = place(i), d = (X - x) ** 2 + (Y - y) ** 2;
    if (d < closest) (closest = d), (best = i);
  }
  return best;
}

/** Whether point i is in view. */
export function inView(surface, state) {
  const place = placing(surface, state);
  return (i) => {
    const [x, y] = place(i);
    return x >= 0 && y >= 0 && x <= surface.width && y <= surface.height;
  };
}

/** Whether point i lies within a path on the screen. */
export function within(surface, state, path) {
  const place = placing(surface, state);
  return (i) => inside(path, ...place(i));
}
