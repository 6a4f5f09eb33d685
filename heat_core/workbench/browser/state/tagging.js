// Remembers which samples were tagged or untagged, so that the last step can be undone exactly: a sample that had the
// tag before keeps it.

/**
 * Returns the numbers of the samples that have a tag after the steps that Python may not have answered yet.
 * @param {object} tags - tag → numbers, as Python answered last
 * @param {object[]} steps - see `taggingStep`, in order
 * @param {string} tag
 * @returns {Set<number>}
 */
function taggedSamples(tags, steps, tag) {
  const tagged = new Set(Object.hasOwn(tags, tag) ? tags[tag] : []);
  for (const step of steps.filter((other) => other.tag === tag))
    for (const number of step.numbers) tagged[step.isTagged ? "add" : "delete"](number);
  return tagged;
}

/**
 * Returns a step of tagging.
 * @param {{tags: object, taggings: object[]}} state
 * @param {string} tag
 * @param {boolean} isTagged - whether the tag is added or removed
 * @param {number[]} numbers - of the samples that the step is about
 * @returns {{tag: string, isTagged: boolean, numbers: number[]}} numbers: those of them that the step changes
 */
export function taggingStep({ tags, taggings }, tag, isTagged, numbers) {
  const tagged = taggedSamples(tags, taggings, tag);
  return { tag, isTagged, numbers: numbers.filter((number) => tagged.has(number) !== isTagged) };
}
