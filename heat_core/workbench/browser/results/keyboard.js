// Handles the keys of the whole workbench: arrows and j k inspect another sample, space marks, t tags, 1 to 9 give a
// tag at once, f shows a picture in full size, Escape closes the inspector.

const TEXT_FIELDS = "input:not([type=range]):not([type=checkbox]), textarea, select";
const HAS_OWN_KEYS = "canvas, input[type=range]"; // elements in which arrows and digits have another meaning

/**
 * Connects the keys with the actions.
 * @param {Element} root
 * @param {object} current - reads the current state: perRow, tags (those that are offered), inspected, truth
 * @param {object} actions - see state/actions.js
 * @param {{reveal: function(), openTagMenu: function(), enlarge: function()}} panels
 */
export function connectKeyboard(root, current, actions, panels) {
  root.addEventListener("keydown", (e) => {
    if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || e.target.matches(TEXT_FIELDS)) return;
    const isHandled = inspectNext(e, current, actions, panels) || actOnSample(e, current, actions, panels);
    if (isHandled) e.preventDefault();
  });
}

/** Inspects another sample; returns whether the key is one for that. */
function inspectNext({ key, target }, current, actions, panels) {
  const { perRow } = current, steps = { j: 1, k: -1 };
  if (!target.matches(HAS_OWN_KEYS))
    Object.assign(steps, { ArrowRight: 1, ArrowLeft: -1, ArrowDown: perRow, ArrowUp: -perRow });
  if (!Object.hasOwn(steps, key)) return false;
  actions.step(steps[key]);
  panels.reveal();
  return true;
}

/** Marks, tags or enlarges a sample; returns whether the key is one for that. */
function actOnSample({ key, target }, { inspected, truth, tags }, actions, panels) {
  if (key === "Enter" && target.matches(".cell.line")) {
    target.click(); // A row of the table is no button.
  } else if (key === " " && target.closest(".results, .inspector .large") && inspected !== null) {
    actions.toggleMark(Number(target.dataset.number ?? inspected));
  } else if (key === "t" && truth) {
    panels.openTagMenu();
  } else if (key === "f" && inspected !== null) {
    panels.enlarge();
  } else if (key === "Escape" && target.closest(".results") && inspected !== null) {
    actions.inspect(null);
  } else if (truth && /^[1-9]$/.test(key) && tags[key - 1] && !target.matches(HAS_OWN_KEYS)) {
    actions.tagInspected(tags[key - 1]);
  } else {
    return false;
  }
  return true;
}
