// Keeps the keyboard's focus where the control that has it is replaced.

/**
 * Watches the controls in an element. Where the one with the focus is replaced, that of the same name gets the focus.
 * @param {Element} container
 * @param {string} selector - of the controls
 * @param {function(Element[], number)} restore - gives the focus to another element where no control has that name; its
 *   arguments are the controls and the place that the removed one had among them
 */
export function keepFocus(container, selector, restore) {
  let last = null; // {control, name, place} of the control that has the focus
  container.addEventListener("focusin", ({ target }) => {
    if (!target.matches(selector)) return;
    last = { control: target, name: nameOf(target), place: findControls(container, selector).indexOf(target) };
  });
  // The focus leaves a removed control, too; a moment later that control is no longer in the page.
  container.addEventListener("focusout", ({ target }) => queueMicrotask(() => {
    if (target.isConnected && last?.control === target) last = null;
  }));
  new MutationObserver(() => {
    if (!last || last.control.isConnected) return;
    const { name, place } = last, controls = findControls(container, selector);
    last = null;
    if (container.getRootNode().activeElement) return;
    const same = controls.find((control) => nameOf(control) === name);
    if (same) same.focus({ preventScroll: true });
    else restore(controls, place);
  }).observe(container, { childList: true, subtree: true });
}

/**
 * Returns the controls in an element that can be used.
 * @param {Element} container
 * @param {string} selector
 * @returns {Element[]}
 */
export const findControls = (container, selector) =>
  [...container.querySelectorAll(selector)].filter((control) => !control.disabled && !control.closest("[hidden]"));

const nameOf = (control) => control.querySelector(".label")?.textContent ?? control.ariaLabel ?? control.textContent;
