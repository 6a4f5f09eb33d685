// Memoizes functions of named inputs: a result is computed again only when an input changes.

/**
 * Compares two objects field by field with Object.is.
 * @param {object} a
 * @param {object} b
 * @returns {boolean} whether both hold the same values under the same names
 */
export function shallowEqual(a, b) {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.is(a[name], b[name]));
}

/**
 * Wraps a function so that it keeps its last result and returns it while its inputs stay the same.
 * @param {function(object): any} compute - a function of one object of named inputs
 * @returns {function(object): any}
 */
export function memo(compute) {
  let lastInputs = null, result;
  return (inputs) => {
    if (lastInputs && shallowEqual(lastInputs, inputs)) return result;
    result = compute(inputs);
    lastInputs = inputs; // This comes after the call, so that a call that threw is tried again.
    return result;
  };
}

/**
 * Returns a function that returns an earlier object as long as a new one has equal fields, to keep its identity stable.
 * @returns {function(object): object}
 */
export const stableObject = () => memo((fields) => fields);
