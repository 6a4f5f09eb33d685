// Makes a group of controls one stop of the Tab key: arrow keys, Home and End move within the group.

const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };

/**
 * Connects a group. Its controls may be replaced at any time; where the one with the keyboard's focus is, the focus
 * stays on that of the same name, or else of the same place.
 * @param {Element} group
 * @param {string} selector - of the controls in the group
 * @param {Element} fallback - gets the focus where the focused control goes and none is left
 */
export function connectTabStop(group, selector, fallback) {
  let last = null; // {control, name, place} of the control that had the focus last, until the focus leaves the group
  const controls = () => [...group.querySelectorAll(selector)].filter((c) => !c.disabled && !c.closest("[hidden]"));
  const write = () => {
    const all = controls(), chosen = all.find((control) => control.ariaChecked === "true");
    const stop = chosen ?? (all.includes(last?.control) ? last.control : all[0]);
    for (const control of all) control.tabIndex = control === stop ? 0 : -1;
  };
  const remember = (control) => {
    last = { control, name: nameOf(control), place: controls().indexOf(control) };
    write();
  };
  const keepFocus = () => {
    if (!last || last.control.isConnected || group.getRootNode().activeElement) return write();
    const all = controls(), same = all.find((control) => nameOf(control) === last.name);
    const next = same ?? all[Math.min(last.place, all.length - 1)] ?? fallback;
    last = null;
    write();
    next?.focus({ preventScroll: true });
  };
  group.addEventListener("focusin", (e) => e.target.matches(selector) && remember(e.target));
  // The focus leaves a control that is removed, too; then the control is no longer in the page a moment later.
  group.addEventListener("focusout", ({ target }) => queueMicrotask(() => {
    if (target.isConnected && last?.control === target) last = null;
  }));
  group.addEventListener("keydown", (e) => {
    if (!Object.hasOwn(STEPS, e.key) || !e.target.matches(selector)) return;
    const all = controls(), place = all.indexOf(e.target) + STEPS[e.key];
    const next = all[Math.min(Math.max(place, 0), all.length - 1)];
    next.focus();
    if (next.role === "radio") next.click();
    e.preventDefault();
  });
  const attributeFilter = ["aria-checked", "hidden", "disabled"];
  new MutationObserver(keepFocus).observe(group, { childList: true, subtree: true, attributeFilter });
  write();
}

const nameOf = (control) => control.querySelector(".label")?.textContent ?? control.textContent;
