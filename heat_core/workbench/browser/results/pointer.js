// Handles the pointer on the samples of the results.

/**
 * Returns the handler of clicks on a sample: with Shift it marks all up to this one, with Ctrl or Command this one
 * alone, and else it inspects the sample.
 * @param {number} number - of the sample
 * @param {object} actions - see state/actions.js
 * @returns {function(PointerEvent)}
 */
export const clickHandler = (number, actions) => (e) => {
  if (e.shiftKey) {
    actions.markUpTo(number);
    getSelection().removeAllRanges(); // With Shift, a click also selects the text up to it.
  } else if (e.ctrlKey || e.metaKey) actions.toggleMark(number);
  else {
    actions.inspect(number);
    e.currentTarget.scrollIntoView({ block: "nearest" }); // On a narrow page, the inspector covers the lower part.
  }
};
