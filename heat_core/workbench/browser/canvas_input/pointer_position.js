// Provides what the handlers of the pointer share.

/** The distance in CSS pixels up to which a press of the button is a click and not a drag. */
export const CLICK_DISTANCE = 4;

/**
 * Returns the position of the pointer within the element that handles an event.
 * @param {PointerEvent} e
 * @returns {number[]} [x, y] in CSS pixels
 */
export function pointerPosition(e) {
  const box = e.currentTarget.getBoundingClientRect();
  return [e.clientX - box.left, e.clientY - box.top];
}
