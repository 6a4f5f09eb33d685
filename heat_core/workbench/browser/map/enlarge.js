// Enlarges the map: it moves from its column above the pictures, in the middle of the page, and back. Lasso, pointer and
// keys work in either place, because the elements stay the same.

/**
 * Connects the button that enlarges the map; Escape within the map makes it small again.
 * @param {Element} root
 */
export function connectEnlarging(root) {
  const panel = root.querySelector(".map-panel"), button = root.querySelector(".enlarge");
  const place = document.createComment("the map's place");
  const setEnlarged = (isEnlarged) => {
    const focused = root.getRootNode().activeElement;
    if (isEnlarged) {
      panel.replaceWith(place);
      root.querySelector(".answers").prepend(panel);
    } else place.replaceWith(panel);
    button.setAttribute("aria-pressed", isEnlarged);
    button.textContent = isEnlarged ? "Reduce" : "Enlarge";
    if (panel.contains(focused)) focused.focus({ preventScroll: true }); // An element that moves loses the focus.
    panel.scrollIntoView({ block: "nearest" });
  };
  button.onclick = () => setEnlarged(!place.isConnected);
  panel.addEventListener("keydown", (e) => {
    if (e.key !== "Escape" || !place.isConnected) return;
    e.preventDefault();
    e.stopPropagation(); // The map would also clear its selection.
    setEnlarged(false);
  }, { capture: true });
}
