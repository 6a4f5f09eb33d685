// Lists the tags that buttons and number keys offer.

const SUGGESTED = ["new class", "known", "ignore"];

/**
 * Lists the suggested tags and, after them, the other tags that the run has.
 * @param {object} tags - tag → numbers of the samples that have it
 * @returns {string[]}
 */
export const offeredTags = (tags) => [...new Set([...SUGGESTED, ...Object.keys(tags).filter(Boolean)])];
