// The middle: the subset as grid, table or rows of methods.

import { columnsOf, rowHeight, rowOfPictures } from "./grid.js";
import { memo } from "../common/memo.js";
import { blockHeight, blockOfRows, columnsOfRows } from "./rows.js";
import { createScroller } from "./scroller.js";
import { columnsFor, head, LINE, lineOfTable } from "./table.js";

const ways = {
  grid(run, points, methods, { size, width, act }) {
    const columns = columnsOf(width, size), make = rowOfPictures(run, points, methods, columns, size, act);
    return { perRow: columns, height: rowHeight(size), make };
  },
  table(run, points, methods, { order, found, act }) {
    const columns = columnsFor(run, found), make = lineOfTable(run, points, columns, methods, act);
    return { perRow: 1, height: LINE, make, head: head(columns, methods, order, act) };
  },
  rows(run, points, methods, { size, width, act }) {
    const columns = columnsOfRows(width, size), make = blockOfRows(run, points, methods, columns, size, act);
    return { perRow: columns, height: blockHeight(methods.length, size), make };
  },
};

/** {part: draws a frame, reveal: scroll to the inspected sample, perRow: samples a row, stop}. request: for a frame. */
export function createResults(root, act, request) {
  const place = root.querySelector(".results"), titles = root.querySelector(".head"), scroller = createScroller(place);
  let perRow = 1, shown = [], looking = -1;
  const draw = memo(({ run, layout, size, order, width, points, methods, h, line, found }) => {
    const way = ways[layout](run, points, methods, { size, width, order, found, act });
    const focused = place.getRootNode().activeElement?.closest(".results [data-number]")?.dataset.number;
    titles.replaceChildren(...(way.head ? [way.head] : []));
    [perRow, shown] = [way.perRow, points];
    scroller.show(Math.ceil(points.length / perRow), way.height, way.make);
    // The keyboard stays where it was.
    if (focused) (place.querySelector(`[data-number="${focused}"]`) ?? place).focus({ preventScroll: true });
  });
  const begin = memo(() => scroller.top());
  const observer = new ResizeObserver(request); // another width has other columns
  observer.observe(place);
  place.addEventListener("scroll", () => mark(scroller.rows), { passive: true });
  let marked = new Set(), looked = null;
  const mark = (rows) => {
    for (const row of rows)
      for (const cell of row.matches("[data-number]") ? [row] : row.querySelectorAll("[data-number]")) {
        cell.setAttribute("aria-current", Number(cell.dataset.number) === looked);
        cell.setAttribute("aria-selected", marked.has(Number(cell.dataset.number)));
      }
  };
  return {
    /** points: in order; methods: see subset.js, another list where one of them says otherwise; found: see scoring.js. */
    part(state, points, methods, found) {
      const { run, layout, size, ask, selection } = state, { question, order, values, brush, find, like } = ask;
      [marked, looked, looking] = [state.marked, state.looked, run.pointOf[state.looked] ?? -1];
      begin({ run, question, order, values, brush, find, like, selection, layout });
      const { h, line } = found, width = place.clientWidth;
      draw({ run, layout, size, order, width, points, methods, ...(layout === "table" ? { h, line, found } : {}) });
      mark(scroller.rows);
    },
    reveal() {
      const at = shown.indexOf(looking);
      if (at >= 0) scroller.reveal(Math.floor(at / perRow));
    },
    get perRow() { return perRow; },
    stop: () => observer.disconnect(),
  };
}
