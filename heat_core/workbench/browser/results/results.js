// Shows the samples of the subset as a grid, a table, or one row for each method.

import { memo } from "../common/memo.js";
import { gridColumns, gridRowCreator, gridRowHeight } from "./picture_grid.js";
import { methodBlockCreator, methodBlockHeight, methodColumns } from "./method_rows.js";
import { marksOfSamples, writeMarks } from "./sample_marks.js";
import { ROW_HEIGHT, createTableHead, tableColumns, tableRowCreator } from "./table.js";
import { createVirtualList } from "./virtual_list.js";

/** For each layout: the samples in a row, the height of a row, the function that creates a row, and a head if there is
 *  one. */
const layouts = {
  grid(run, points, methods, { size, width, actions }) {
    const perRow = gridColumns(width, size), createRow = gridRowCreator(run, points, methods, perRow, size, actions);
    return { perRow, height: gridRowHeight(size), createRow };
  },
  table(run, points, methods, { width, order, scoring, actions }) {
    const columns = tableColumns(run, scoring, methods, width);
    const createRow = tableRowCreator(run, points, columns, methods, actions);
    return { perRow: 1, height: ROW_HEIGHT, createRow, head: createTableHead(columns, methods, order, actions) };
  },
  rows(run, points, methods, { size, width, actions }) {
    const perRow = methodColumns(width, size);
    const createRow = methodBlockCreator(run, points, methods, perRow, size, actions);
    return { perRow, height: methodBlockHeight(methods.length, size), createRow };
  },
};

const NONE_ANSWERS = "No image answers this question.";
const NONE_FITS = "No image answers this question and passes the filters above: take one off, or ask another question.";
const TAB_STOP = '[data-number][tabindex="0"]';

/**
 * Creates the results.
 * @param {Element} root
 * @param {object} actions - see state/actions.js
 * @param {function()} requestFrame
 * @returns {{update: function, reveal: function(), focus: function(), perRow: number, stop: function()}} update draws a
 *   state; reveal scrolls to the inspected sample; focus gives the keyboard's focus to it or the first sample; perRow is
 *   the number of samples in a row; stop ends the observation of the size
 */
export function createResults(root, actions, requestFrame) {
  const container = root.querySelector(".results"), head = root.querySelector(".head");
  const list = createVirtualList(container, () => writeState()), empty = root.querySelector(".empty");
  let perRow = 1, points = [], inspectedPoint = -1, shown = null; // shown: what the cells show of the state
  const draw = memo(({ run, layout, size, order, width, points: ordered, methods, scoring }) => {
    const arranged = layouts[layout](run, ordered, methods, { size, width, order, scoring, actions });
    const focused = container.getRootNode().activeElement?.closest(".results [data-number]")?.dataset.number;
    head.replaceChildren(...(arranged.head ? [arranged.head] : []));
    [perRow, points] = [arranged.perRow, ordered];
    list.show(Math.ceil(points.length / perRow), arranged.height, numberedRows(arranged, points.length));
    writeState();
    // The new elements replace the one that had the keyboard's focus.
    if (focused) (container.querySelector(`[data-number="${focused}"]`) ?? container).focus({ preventScroll: true });
  });
  const scrollToTop = memo(list.scrollToTop);
  const writeState = () => shown && writeCells(list.rows, shown);
  const focus = () => (container.querySelector(TAB_STOP) ?? container).focus();
  const stopWatching = watchContainer(container, head, requestFrame);
  return {
    /** Draws a state. points: in order; methods: see compute/query.js, a new list where a verdict changed; scoring: one
     *  object as long as the scores stay the same. */
    update(state, orderedPoints, methods, scoring) {
      const { run, layout, size, query, selection } = state, { question, order, values, excluded, brush, find, like } = query;
      const { inspected, selectedSamples, tags, decisions } = state;
      shown = { inspected, selectedSamples, marks: marksOfSamples({ run, tags, decisions: decisions.numbers }) };
      inspectedPoint = run.pointOf[inspected] ?? -1;
      scrollToTop({ run, question, order, values, excluded, brush, find, like, selection, layout });
      // The table alone shows numbers that follow from the scores.
      const scoringShown = layout === "table" ? { scoring } : {};
      draw({ run, layout, size, order, width: container.clientWidth, points: orderedPoints, methods, ...scoringShown });
      writeState();
      empty.hidden = points.length > 0;
      empty.textContent = isFiltered(state) ? NONE_FITS : NONE_ANSWERS;
    },
    reveal() {
      const position = points.indexOf(inspectedPoint);
      if (position >= 0) list.reveal(Math.floor(position / perRow));
      writeState();
      if (container.contains(container.getRootNode().activeElement)) focus();
    },
    focus,
    get perRow() { return perRow; },
    stop() {
      stopWatching();
      list.stop();
    },
  };
}

/** Draws the results again where their width changes, on which the number of columns depends, and scrolls the head of the
 *  table sideways with them; returns a function that ends the first. */
function watchContainer(container, head, requestFrame) {
  const observer = new ResizeObserver(requestFrame);
  observer.observe(container);
  container.onscroll = () => head.scrollTo({ left: container.scrollLeft });
  return () => observer.disconnect();
}

const isFiltered = ({ query: { values, excluded, brush, find, like }, selection }) =>
  [...Object.keys(values), ...Object.keys(excluded), brush, find, like, selection.count].some(Boolean);

const cellsOf = (row) => (row.matches("[data-number]") ? [row] : [...row.querySelectorAll("[data-number]")]);

/** Wraps the function that creates a row, so that every cell has the attributes of its place among all samples: only
 *  some are in the page. */
const numberedRows = ({ perRow, createRow }, count) => (number) => {
  const row = createRow(number), first = number * perRow, shown = Math.min(perRow, count - first);
  for (const [k, cell] of cellsOf(row).entries())
    Object.assign(cell, { ariaPosInSet: first + (k % shown) + 1, ariaSetSize: count });
  return row;
};

/** Writes into all cells of some rows whether they are inspected or selected, and their tags. One of them is a stop of
 *  the Tab key: the inspected one where it is in the page, else the first. */
function writeCells(rows, { inspected, selectedSamples, marks }) {
  const cells = [...rows].flatMap(cellsOf);
  for (const cell of cells) {
    const number = Number(cell.dataset.number);
    cell.setAttribute("aria-current", number === inspected);
    cell.setAttribute("aria-selected", selectedSamples.has(number));
    writeMarks(cell, marks.get(number) ?? []);
    cell.tabIndex = -1;
  }
  const stop = cells.find((cell) => Number(cell.dataset.number) === inspected) ?? cells[0];
  if (stop) stop.tabIndex = 0;
}
