// What others see of a workbench: numbers to read, and one way in for Python's answers. No property can be set.

/** receive(message) takes an answer of Python; the rest is read by tests and measurements:
 *  run, state, selected {bits, count}, subset and points (see scoring.js), scores, line, isExact (the
 *  numbers on the screen are Python's),
 *  stats (see painting.js), $ (an element by its selector). */
export const facade = (root, store, scored, subset, stats, receive) =>
  Object.freeze({
    receive,
    stats,
    $: (selector) => root.querySelector(selector),
    get state() { return store.state; },
    get run() { return store.state.run; },
    get selected() { return store.state.selection; },
    get subset() { return subset(store.state).subset; },
    get points() { return subset(store.state).points; },
    get scores() { return scored(store.state).scores; },
    get line() { return scored(store.state).line; },
    get isExact() { return stats.painted === store.state && scored(store.state).exact !== null; },
  });
