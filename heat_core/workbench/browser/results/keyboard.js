// Handles the keys of the whole workbench: arrows, Home, End and j k inspect another sample, with Shift they select all
// up to it; space selects, t tags, 1 to 9 give a tag at once, Ctrl+Z undoes the last tagging, f shows a picture in full
// size, Escape closes the inspector and then deselects.

const TEXT_FIELDS = "input:not([type=range]):not([type=checkbox]), textarea, select";
const HAS_OWN_KEYS = "canvas, input[type=range]"; // elements in which arrows and digits have another meaning

/**
 * Connects the keys with the actions.
 * @param {Element} root
 * @param {object} current - reads the current state: perRow, tags (those that are offered), inspected, selectedCount,
 *   canUndo, truth
 * @param {object} actions - see state/actions.js
 * @param {{reveal: function(), openTagMenu: function(), enlarge: function()}} panels
 */
export function connectKeyboard(root, current, actions, panels) {
  root.addEventListener("keydown", (e) => {
    if (e.defaultPrevented || e.altKey || e.target.matches(TEXT_FIELDS)) return;
    if (handleKey(e, current, actions, panels)) e.preventDefault();
  });
}

function handleKey(e, current, actions, panels) {
  if (!e.ctrlKey && !e.metaKey)
    return inspectNext(e, current, actions, panels) || actOnSample(e, current, actions, panels);
  if (e.key !== "z" || !current.canUndo) return false;
  actions.undoTagging();
  return true;
}

/** Inspects another sample, and with Shift selects all up to it; returns whether the key is one for that. */
function inspectNext({ key, target, shiftKey }, current, actions, panels) {
  const { perRow } = current, steps = { j: 1, k: -1, J: 1, K: -1 };
  if (!target.matches(HAS_OWN_KEYS))
    Object.assign(steps, { ArrowRight: 1, ArrowLeft: -1, ArrowDown: perRow, ArrowUp: -perRow });
  if (target.closest(".results")) Object.assign(steps, { Home: -Infinity, End: Infinity });
  if (!Object.hasOwn(steps, key)) return false;
  actions.step(steps[key], shiftKey);
  panels.reveal();
  return true;
}

/** Selects, tags or enlarges a sample; returns whether the key is one for that. */
function actOnSample({ key, target }, { inspected, selectedCount, truth, tags }, actions, panels) {
  const number = target.dataset.number ?? inspected;
  if (key === "Enter" && target.matches(".cell.line")) {
    target.click(); // A row of the table is no button.
  } else if (key === " " && target.closest(".results, .inspector .large") && number !== null) {
    actions.toggleSample(Number(number));
  } else if (key === "t" && truth) {
    panels.openTagMenu();
  } else if (key === "f" && inspected !== null) {
    panels.enlarge();
  } else if (key === "Escape" && target.closest(".results") && inspected !== null) {
    actions.inspect(null);
  } else if (key === "Escape" && target.closest(".results") && selectedCount) {
    actions.deselectSamples();
  } else if (truth && /^[1-9]$/.test(key) && tags[key - 1] && !target.matches(HAS_OWN_KEYS)) {
    actions.tagInspected(tags[key - 1]);
  } else {
    return false;
  }
  return true;
}
