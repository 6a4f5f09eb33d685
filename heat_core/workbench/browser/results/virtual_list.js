// Provides a virtual list: only the rows in view are in the page, so that the number of rows does not matter.

const EXTRA_ROWS = 2; // rows above and below the view that are created in advance

/**
 * Creates a virtual list.
 * @param {Element} container - the element that scrolls
 * @returns {{show: function(number, number, function(number): Element), reveal: function(number), scrollToTop:
 *   function(), rows: Iterable<Element>}} show takes the number of rows, their height in CSS pixels and a function that
 *   creates a row; reveal scrolls until a row is in view; rows are those in the page
 */
export function createVirtualList(container) {
  const content = document.createElement("div");
  content.className = "inner";
  container.replaceChildren(content);
  let list = { count: 0, height: 1, createRow: () => null }, rows = new Map();
  const fill = () => {
    const { count, height, createRow } = list, top = container.scrollTop;
    const first = Math.max(Math.floor(top / height) - EXTRA_ROWS, 0);
    const last = Math.min(Math.ceil((top + container.clientHeight) / height) + EXTRA_ROWS, count);
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
  };
  container.addEventListener("scroll", fill, { passive: true });
  new ResizeObserver(fill).observe(container);
  return {
    show(count, height, createRow) {
      for (const element of rows.values()) element.remove();
      rows = new Map();
      list = { count, height, createRow };
      content.style.height = `${count * height}px`;
      fill();
    },
    reveal(row) {
      const { height } = list, top = row * height, { clientHeight } = container;
      if (top < container.scrollTop) container.scrollTop = top;
      else if (top + height > container.scrollTop + clientHeight) container.scrollTop = top + height - clientHeight;
      fill(); // The event of scrolling comes later, and the row is used now.
    },
    scrollToTop: () => (container.scrollTop = 0),
    get rows() { return rows.values(); },
  };
}
