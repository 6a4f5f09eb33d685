// Provides a virtual list: only the rows in view are in the page, so that the number of rows does not matter.

const EXTRA_ROWS = 2; // rows above and below the view that are created in advance

/**
 * Creates a virtual list, which is as high as all of its rows: the page scrolls, or whatever element the page lies in.
 * @param {Element} container
 * @param {function()} onRows - is called after rows were added or removed
 * @returns {{show: function(number, number, function(number): Element), reveal: function(number), scrollToTop:
 *   function(), rows: Iterable<Element>, stop: function()}} show takes the number of rows, their height in CSS pixels
 *   and a function that creates a row; reveal scrolls until a row is in view; scrollToTop scrolls back to the first
 *   row; rows are those in the page; stop ends the observation of the page
 */
export function createVirtualList(container, onRows) {
  const content = document.createElement("div");
  content.className = "inner";
  container.replaceChildren(content);
  let list = { count: 0, height: 1, createRow: () => null }, rows = new Map();
  const fill = () => {
    const { count, height, createRow } = list, { top } = content.getBoundingClientRect();
    const first = Math.max(Math.floor(-top / height) - EXTRA_ROWS, 0);
    const last = Math.min(Math.ceil((innerHeight - top) / height) + EXTRA_ROWS, count);
    const next = new Map();
    for (let row = first; row < last; row++) {
      const element = rows.get(row) ?? createRow(row);
      element.style.top = `${row * height}px`;
      if (!rows.has(row)) content.append(element);
      next.set(row, element);
    }
    const hasFocus = container.contains(container.getRootNode().activeElement);
    for (const [row, element] of rows) if (!next.has(row)) element.remove();
    rows = next;
    // Where the focused row was removed, the keys would go to the page.
    if (hasFocus && !container.contains(container.getRootNode().activeElement)) container.focus({ preventScroll: true });
    onRows();
  };
  const stop = observeView(container, fill);
  return {
    show(count, height, createRow) {
      for (const element of rows.values()) element.remove();
      rows = new Map();
      list = { count, height, createRow };
      content.style.height = `${count * height}px`;
      fill();
    },
    reveal(row) {
      const place = document.createElement("div"); // stands in for the row, which may not be in the page yet
      Object.assign(place.style, { top: `${row * list.height}px`, height: `${list.height}px` });
      content.append(place);
      place.scrollIntoView({ block: "nearest" });
      place.remove();
      fill(); // The event of scrolling comes later, and the row is used now.
    },
    scrollToTop() {
      if (container.getBoundingClientRect().top < 0) container.scrollIntoView({ block: "start" });
      container.scrollLeft = 0;
    },
    get rows() { return rows.values(); },
    stop,
  };
}

/** Calls a function when another part of an element may be in view; returns a function that ends that. */
function observeView(container, onChange) {
  const observer = new ResizeObserver(onChange), anyScroll = { capture: true, passive: true };
  observer.observe(container);
  document.addEventListener("scroll", onChange, anyScroll); // captured, since any element around it may scroll
  addEventListener("resize", onChange);
  return () => {
    observer.disconnect();
    document.removeEventListener("scroll", onChange, anyScroll);
    removeEventListener("resize", onChange);
  };
}
