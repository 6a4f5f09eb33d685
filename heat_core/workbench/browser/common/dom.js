// Creates and updates elements of the page.

/**
 * Creates an element.
 * @param {string} tag
 * @param {object} properties - properties to assign to the element
 * @param {...(Node|string)} children
 * @returns {HTMLElement}
 */
export const element = (tag, properties = {}, ...children) => {
  const created = Object.assign(document.createElement(tag), properties);
  created.append(...children);
  return created;
};

/**
 * Sets the text of an element only where it differs, because setting the same text again triggers a new page layout.
 * @param {HTMLElement} target
 * @param {string} text
 */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}
