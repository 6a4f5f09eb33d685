// Writes, where the run has no map, why there is none, with a button that makes it where that is possible.

import { memo } from "../common/memo.js";

/**
 * Creates the note.
 * @param {Element} root
 * @param {object} actions - see state/actions.js
 * @returns {function(object)} writes a state
 */
export function createMapNote(root, actions) {
  const note = root.querySelector(".no-map"), button = note.querySelector("button");
  button.onclick = () => {
    button.disabled = true; // Python's next answer says that the map is being made.
    actions.makeMap();
  };
  const write = memo(({ run, mapNote }) => {
    root.querySelector(".live").dataset.map = run.map; // The style sheet hides the map or the note.
    note.querySelector("p").textContent = mapNote?.sentence ?? "";
    button.hidden = !mapNote?.can_make;
    button.disabled = false;
  });
  return ({ run, mapNote }) => write({ run, mapNote });
}
