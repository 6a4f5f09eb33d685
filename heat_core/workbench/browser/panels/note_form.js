// Creates the form for tags and the note of the inspected sample.

import { element } from "../common/dom.js";
import { offeredTags } from "../common/tags.js";

const SAVE_DELAY_MS = 600; // after the last key, until a note is saved

/**
 * Creates the form.
 * @param {object} detail - of the sample, see heat_core/workbench/sample_detail.py
 * @param {object} tags - of the run
 * @param {object} actions - see state/actions.js
 * @param {{number: ?number, value: string, isFocused: boolean}} draft - the note that is being written, which outlives
 *   the form, because each answer of Python creates a new one
 * @returns {HTMLElement}
 */
export function createNoteForm(detail, tags, actions, draft) {
  const { list, field } = createTagControls(detail, tags, actions);
  return element("div", { className: "note-form" }, list, field, createNote(detail, actions, draft));
}

function createTagControls(detail, tags, actions) {
  const field = element("input", { type: "text", placeholder: "another tag", ariaLabel: "Another tag" });
  const list = element("div", { className: "row" }), chosen = new Set(detail.tags);
  const setTag = (tag, isTagged) => {
    if (isTagged) chosen.add(tag);
    else chosen.delete(tag);
    write();
    actions.setTag(detail.number, tag, isTagged);
  };
  const createTagButton = (tag) => {
    const button = element("button", { type: "button", className: "chip", textContent: tag });
    button.setAttribute("aria-pressed", chosen.has(tag));
    button.onclick = () => setTag(tag, !chosen.has(tag));
    return button;
  };
  const write = () => list.replaceChildren(...[...new Set([...offeredTags(tags), ...chosen])].map(createTagButton));
  write();
  field.onkeydown = (e) => {
    if (e.key === "Enter" && field.value.trim()) {
      setTag(field.value.trim(), true);
      field.value = "";
    }
    e.stopPropagation();
  };
  return { list, field };
}

function createNote({ number, note: savedNote }, actions, draft) {
  const value = draft.number === number ? draft.value : savedNote;
  const note = element("textarea", { value, placeholder: "A note", ariaLabel: "A note", rows: 2 });
  let timer;
  const save = () => {
    clearTimeout(timer);
    if (draft.number === number && draft.value !== savedNote) actions.saveNote(number, draft.value);
  };
  note.onkeydown = (e) => e.stopPropagation();
  note.oninput = () => {
    Object.assign(draft, { number, value: note.value });
    clearTimeout(timer);
    timer = setTimeout(save, SAVE_DELAY_MS);
  };
  note.onfocus = () => {
    draft.isFocused = true;
  };
  note.onblur = () => {
    if (!note.isConnected) return;
    draft.isFocused = false;
    save();
  };
  if (draft.isFocused && draft.number === number) queueMicrotask(() => note.focus());
  return note;
}
