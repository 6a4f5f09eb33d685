// A picture in full size: the wheel and + − zoom, dragging moves, Escape or a click beside it ends that.

import { element } from "../common/format.js";

export function createLightbox(root) {
  const dialog = root.querySelector("dialog.lightbox");
  let zoom = 1, x = 0, y = 0, from = null;
  const place = () => (dialog.querySelector("img").style.transform = `translate(${x}px, ${y}px) scale(${zoom})`);
  const by = (factor) => ((zoom = Math.min(Math.max(zoom * factor, 0.5), 20)), place());
  dialog.onwheel = (e) => (e.preventDefault(), by(e.deltaY < 0 ? 1.2 : 1 / 1.2));
  dialog.onkeydown = (e) => {
    if (e.key === "+" || e.key === "=") by(1.3);
    if (e.key === "-") by(1 / 1.3);
    if (e.key === "f") dialog.close();
    e.stopPropagation();
  };
  dialog.onpointerdown = (e) => (from = [e.clientX - x, e.clientY - y]);
  dialog.onpointermove = (e) => from && (([x, y] = [e.clientX - from[0], e.clientY - from[1]]), place());
  dialog.onpointerup = () => (from = null);
  dialog.onclick = (e) => e.target === dialog && dialog.close();
  return (url) => {
    [zoom, x, y] = [1, 0, 0];
    dialog.replaceChildren(element("img", { src: url, alt: "", draggable: false }), closing(dialog));
    dialog.showModal();
  };
}

const closing = (dialog) =>
  element("button", { type: "button", className: "close", textContent: "✕", ariaLabel: "Close", onclick: () => dialog.close() });
