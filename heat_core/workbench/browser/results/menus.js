// Opens and closes the menus. Escape closes a menu, and the keyboard's focus returns to where it was; a press of the
// pointer outside closes it, too. The name that the menus share in the HTML closes one where another is opened.

/**
 * Connects the menus.
 * @param {Element} root
 * @param {function()} focusResults - gives the focus to the current sample
 * @returns {{open: function(Element, Element), close: function(Element), stop: function()}} open opens a menu and gives
 *   the focus to a field in it; close gives it back; stop ends the observation of pointer and keys
 */
export function connectMenus(root, focusResults) {
  const openers = new WeakMap(); // menu → the element that had the focus when a key opened the menu
  const close = (menu) => {
    const opener = openers.get(menu);
    menu.open = false;
    openers.delete(menu);
    if (!opener) menu.querySelector("summary").focus();
    else if (opener.isConnected && !opener.closest(".results")) opener.focus();
    else focusResults();
  };
  const menus = root.querySelectorAll(".menu");
  const closeOthers = (e) => {
    for (const menu of menus) if (!e.composedPath().includes(menu)) menu.open = false;
  };
  const closeByKey = (e) => { // wherever the focus is: it is lost where a control of the menu is replaced
    if (e.key === "Escape" && !e.defaultPrevented) [...menus].filter((menu) => menu.open).forEach(close);
  };
  document.addEventListener("pointerdown", closeOthers);
  document.addEventListener("keydown", closeByKey);
  return {
    open(menu, field) {
      if (!menu.open) openers.set(menu, root.getRootNode().activeElement ?? root.querySelector(".results"));
      menu.open = true;
      field.focus();
    },
    close,
    stop() {
      document.removeEventListener("pointerdown", closeOthers);
      document.removeEventListener("keydown", closeByKey);
    },
  };
}
