// What follows from inputs is worked out again only when one of them is another one.

/** Whether two objects hold the same values under the same names. */
export function same(a, b) {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.is(a[name], b[name]));
}

/** `run({…})`, or its last answer where no input is another one than the last time. */
export function memo(run) {
  let last = null, answer;
  return (inputs) => {
    if (last && same(last, inputs)) return answer;
    answer = run(inputs);
    last = inputs; // after: what threw is tried again
    return answer;
  };
}
