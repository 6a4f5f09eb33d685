// Provides the public interface of a workbench: read-only properties, and one function that takes Python's answers.

/**
 * Creates the public interface. `receive` takes an answer of Python. Tests and benchmarks read the rest: run, state,
 * selected ({bits, count}), subset and points (see `createSubset` in selectors.js), scores, cutoff, isExact (whether
 * the screen shows Python's exact numbers), stats (see renderer.js), and $ (an element by its selector).
 * @param {Element} root
 * @param {object} store
 * @param {{scoringOf: function, subsetOf: function}} selectors
 * @param {object} stats
 * @param {function(object)} receive
 * @returns {object} a frozen object
 */
export const createPublicApi = (root, store, { scoringOf, subsetOf }, stats, receive) =>
  Object.freeze({
    receive,
    stats,
    $: (selector) => root.querySelector(selector),
    get state() { return store.state; },
    get run() { return store.state.run; },
    get selected() { return store.state.selection; },
    get subset() { return subsetOf(store.state).subset; },
    get points() { return subsetOf(store.state).points; },
    get scores() { return scoringOf(store.state).scores; },
    get cutoff() { return scoringOf(store.state).cutoff; },
    get isExact() { return stats.painted === store.state && scoringOf(store.state).exact !== null; },
  });
