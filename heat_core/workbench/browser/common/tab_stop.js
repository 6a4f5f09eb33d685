// Makes a group of controls one stop of the Tab key: arrow keys, Home and End move within the group.

import { findControls, keepFocus } from "./keep_focus.js";

const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };

/**
 * Connects a group, whose controls may be replaced at any time.
 * @param {Element} group
 * @param {string} selector - of the controls in the group
 * @param {function()} leave - gives the focus to another element where the last control is gone
 */
export function connectTabStop(group, selector, leave) {
  const clamp = (controls, place) => controls[Math.min(Math.max(place, 0), controls.length - 1)];
  let current = null;
  const writeStops = () => {
    const controls = findControls(group, selector), chosen = controls.find((control) => control.ariaChecked === "true");
    const stop = chosen ?? (controls.includes(current) ? current : controls[0]);
    for (const control of controls) control.tabIndex = control === stop ? 0 : -1;
  };
  group.addEventListener("focusin", (e) => {
    if (e.target.matches(selector)) current = e.target;
    writeStops();
  });
  group.addEventListener("keydown", (e) => {
    if (!Object.hasOwn(STEPS, e.key) || !e.target.matches(selector)) return;
    const controls = findControls(group, selector), next = clamp(controls, controls.indexOf(e.target) + STEPS[e.key]);
    next.focus();
    if (next.role === "radio") next.click();
    e.preventDefault();
  });
  keepFocus(group, selector, (controls, place) => (controls.length ? clamp(controls, place).focus() : leave()));
  const attributeFilter = ["aria-checked", "hidden", "disabled"];
  new MutationObserver(writeStops).observe(group, { childList: true, subtree: true, attributeFilter });
  writeStops();
}
