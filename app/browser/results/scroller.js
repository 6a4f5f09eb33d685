// A list of which only the rows in sight are in the page, so that it may be as long as it likes.

const BEYOND = 2; // rows above and below that are made already

/** place: what scrolls. Returns {show(count, height, make): `make(row)` gives the elements of a row, each with a `key`
 *  that says what it shows; reveal(row): scroll until it is in sight}. */
export function createScroller(place) {
  const inner = document.createElement("div");
  inner.className = "inner";
  place.replaceChildren(inner);
  let now = { count: 0, height: 1, make: () => null }, made = new Map();
  const fill = () => {
    const { count, height, make } = now, top = place.scrollTop;
    const first = Math.max(Math.floor(top / height) - BEYOND, 0);
    const last = Math.min(Math.ceil((top + place.clientHeight) / height) + BEYOND, count);
    const next = new Map();
    for (let row = first; row < last; row++) {
      const element = made.get(row) ?? make(row);
      element.style.top = `${row * height}px`;
      if (!made.has(row)) inner.append(element);
      next.set(row, element);
    }
    for (const [row, element] of made) if (!next.has(row)) element.remove();
    made = next;
  };
  place.addEventListener("scroll", fill, { passive: true });
  new ResizeObserver(fill).observe(place);
  return {
    show(count, height, make) {
      for (const element of made.values()) element.remove();
      made = new Map();
      now = { count, height, make };
      inner.style.height = `${count * height}px`;
      fill();
    },
    reveal(row) {
      const { height } = now, top = row * height;
      if (top < place.scrollTop) place.scrollTop = top;
      else if (top + height > place.scrollTop + place.clientHeight) place.scrollTop = top + height - place.clientHeight;
    },
    top: () => (place.scrollTop = 0),
    get rows() { return made.values(); },
  };
}
