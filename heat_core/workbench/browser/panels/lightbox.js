// Shows a picture in full size. The wheel and + − zoom, dragging moves the picture, and Escape, f or a click
// beside the picture closes the lightbox.

import { element } from "../common/dom.js";
import { createPicture } from "../common/pictures.js";

const LEAST_ZOOM = 0.5, LARGEST_ZOOM = 20;

/**
 * Creates the lightbox.
 * @param {Element} root
 * @returns {function(string)} shows the picture of an address
 */
export function createLightbox(root) {
  const dialog = root.querySelector("dialog.lightbox");
  let zoom = 1, x = 0, y = 0, dragOrigin = null;
  const write = () => {
    dialog.firstElementChild.style.transform = `translate(${x}px, ${y}px) scale(${zoom})`;
  };
  const zoomBy = (factor) => {
    zoom = Math.min(Math.max(zoom * factor, LEAST_ZOOM), LARGEST_ZOOM);
    write();
  };
  dialog.onwheel = (e) => {
    e.preventDefault();
    zoomBy(e.deltaY < 0 ? 1.2 : 1 / 1.2);
  };
  dialog.onkeydown = (e) => {
    if (e.key === "+" || e.key === "=") zoomBy(1.3);
    if (e.key === "-") zoomBy(1 / 1.3);
    if (e.key === "f") dialog.close();
    e.stopPropagation();
  };
  dialog.onpointerdown = (e) => {
    dragOrigin = [e.clientX - x, e.clientY - y];
  };
  dialog.onpointermove = (e) => {
    if (!dragOrigin) return;
    [x, y] = [e.clientX - dragOrigin[0], e.clientY - dragOrigin[1]];
    write();
  };
  dialog.onpointerup = () => {
    dragOrigin = null;
  };
  dialog.onclick = (e) => e.target === dialog && dialog.close();
  return (url) => {
    [zoom, x, y] = [1, 0, 0];
    dialog.replaceChildren(createPicture(url), createCloseButton(dialog));
    dialog.showModal();
  };
}

function createCloseButton(dialog) {
  const button = element("button", { type: "button", className: "close", textContent: "✕", ariaLabel: "Close" });
  button.onclick = () => dialog.close();
  return button;
}
