// Keys of the whole workbench: arrows and j k move, space marks, t tags, 1 to 9 tag quickly, f shows full size.

const TYPING = "input:not([type=range]):not([type=checkbox]), textarea, select";
const OWN = "canvas, input[type=range]"; // where arrows mean something else

/** read: {perRow, tags: those offered, layout}; act: see actions.js; see: {reveal, enlarge}. */
export function wireKeys(root, read, act, see) {
  root.addEventListener("keydown", (e) => {
    const at = e.target;
    if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || at.matches(TYPING)) return;
    const done = (moves(e, at, read, act, see) ?? does(e, at, read, act, see)) !== undefined;
    if (done) e.preventDefault();
  });
}

function moves(e, at, read, act, see) {
  const row = read.perRow, steps = { j: 1, k: -1 };
  if (!at.matches(OWN)) Object.assign(steps, { ArrowRight: 1, ArrowLeft: -1, ArrowDown: row, ArrowUp: -row });
  if (!(e.key in steps)) return undefined;
  act.step(steps[e.key]);
  see.reveal();
  return true;
}

function does(e, at, read, act, see) {
  if (e.key === " " && at.closest(".results, .inspector .large") && read.looked !== null) {
    act.mark(Number(at.dataset.number ?? read.looked));
    return true;
  }
  if (e.key === "t" && read.truth) return see.tag();
  if (e.key === "f" && read.looked !== null) return see.enlarge();
  if (read.truth && /^[1-9]$/.test(e.key) && read.tags[e.key - 1] && !at.matches(OWN)) {
    act.tagLooked(read.tags[e.key - 1]);
    return true;
  }
  return undefined;
}
