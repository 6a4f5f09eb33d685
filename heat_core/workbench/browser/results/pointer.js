// Handles the pointer on the samples of the results.

/**
 * Returns the handler of clicks on a sample: with Shift it selects all up to this one, with Ctrl or Command this
 * one alone, and else it inspects the sample, at which a range begins.
 * @param {number} number - of the sample
 * @param {object} actions - see state/actions.js
 * @returns {function(PointerEvent)}
 */
export const clickHandler = (number, actions) => (e) => {
  if (e.shiftKey) {
    actions.selectUpTo(number);
    document.getSelection().removeAllRanges(); // With Shift, a click also selects the text up to it.
  } else if (e.ctrlKey || e.metaKey) actions.toggleSample(number);
  else {
    actions.inspect(number);
    e.currentTarget.scrollIntoView({ block: "nearest" }); // On a narrow page, the inspector covers the lower part.
  }
};
