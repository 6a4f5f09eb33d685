// Reads the facets by which a subset breaks down, as heat_core.analysis.facets does. A sample has at most one value of
// a facet; tags and decisions are the exceptions.

import { memo } from "../common/memo.js";

const MISSING = { folder: 65535, cluster: 255, column: 255, quality: 255 }; // the code of a point without a value
const COLUMN_PREFIX = "column:"; // of the facet of a manifest's column

/** The decisions of a run about which there are none, or where none can be made. */
export const NO_DECISIONS = Object.freeze({ list: [], numbers: {} });

/** The facets that every run has: name → title. */
const TITLES = {
  set: "Set", folder: "Folder", seen: "Predicted class", part: "Main score contribution", cluster: "Cluster of the map",
};
const GIVEN_TITLES = { tag: "Tag", decision: "Decision" }; // what people gave to samples

/**
 * Lists the names of a run's facets in the order in which they are shown: those of every run, image quality, columns of
 * manifests, and what people gave to samples.
 * @param {{run: object}} inputs
 * @returns {string[]}
 */
export const facetNames = memo(({ run }) => {
  const keysOf = (list) => list.map(({ key }) => key);
  return [...Object.keys(TITLES), ...keysOf(run.quality), ...keysOf(run.columns), ...Object.keys(GIVEN_TITLES)];
});

/**
 * Returns the title of a facet. The title of a manifest's column is untrusted text.
 * @param {object} run
 * @param {string} name
 * @returns {string}
 */
export const facetTitle = (run, name) =>
  TITLES[name] ?? GIVEN_TITLES[name] ?? run.quality.find(({ key }) => key === name)?.title
    ?? name.slice(COLUMN_PREFIX.length);

/**
 * Returns a facet of a state.
 * @param {{run: object, parts: ?object, tags: object, decisions: object}} state
 * @param {string} name
 * @returns {?{values: string[], titles: string[], codes: ArrayLike<number>, missing: number, members: number[][]}}
 *   codes hold the position of each point's value, `missing` where it has none; tags and decisions have, instead of
 *   codes, the members of each value; null where the run has no such facet
 */
export function facetOf({ run, parts, tags, decisions }, name) {
  switch (name) {
    case "set":
      return { values: run.sets.map((set) => set.key), titles: run.sets.map((set) => set.name), codes: run.set };
    case "folder":
      return folderFacet(run);
    case "seen":
      return { values: run.classes, titles: run.classes, codes: run.seen };
    case "part":
      return parts && { values: parts.names, titles: parts.names, codes: parts.codes };
    case "cluster":
      return { values: run.clusters, titles: run.clusters, codes: run.cluster, missing: MISSING.cluster };
    case "tag":
      return givenFacet(run, tags);
    case "decision":
      return givenFacet(run, decisions.numbers);
    default:
      return listedFacet(run, "column", run.columns, name) ?? listedFacet(run, "quality", run.quality, name);
  }
}

function folderFacet(run) {
  const titles = folderTitles({ folders: run.folders, sets: run.sets });
  return { values: run.folders, titles, codes: run.folder, missing: MISSING.folder };
}

function givenFacet(run, given) {
  const values = Object.keys(given), members = Object.values(given).map((numbers) => drawnPoints(run, numbers));
  return { values, titles: values.map((tag) => tag || "note only"), members };
}

/** Returns a facet of a list in the header of the run, such as its columns; null where the list does not hold it. */
function listedFacet(run, kind, list, name) {
  const position = list.findIndex(({ key }) => key === name);
  if (position < 0) return null;
  const { values } = list[position];
  return { values, titles: values, codes: run[`${kind}-${position}`], missing: MISSING[kind] };
}

/** Returns each folder's name, followed by its set's name where folders of several sets have the same name. */
const folderTitles = memo(({ folders, sets }) => {
  const split = folders.map((folder) => [folder.slice(0, folder.indexOf("/")), folder.slice(folder.indexOf("/") + 1)]);
  const byName = Map.groupBy(split, ([, name]) => name);
  const setName = (key) => sets.find((set) => set.key === key)?.name ?? key;
  return split.map(([key, name]) => (byName.get(name).length > 1 ? `${name} · ${setName(key)}` : name));
});

/**
 * Returns the points of samples, without samples that are not drawn.
 * @param {object} run
 * @param {Iterable<number>} numbers - numbers of samples
 * @returns {number[]}
 */
export const drawnPoints = (run, numbers) =>
  Array.from(numbers, (number) => run.pointOf[number]).filter((i) => i >= 0);

/**
 * Marks the points that have one of some values of a facet.
 * @param {object} run
 * @param {?object} facet - see `facetOf`
 * @param {string[]} accepted - values
 * @returns {Uint8Array} 0 or 1 for each point
 */
export function hasValue(run, facet, accepted) {
  const flags = new Uint8Array(run.n);
  if (facet?.members) {
    const members = facet.members.filter((_, v) => accepted.includes(facet.values[v]));
    for (const i of members.flat()) flags[i] = 1;
  } else if (facet) {
    const isAccepted = Uint8Array.from(facet.values, (value) => accepted.includes(value));
    for (let i = 0; i < run.n; i++) flags[i] = isAccepted[facet.codes[i]] ?? 0;
  }
  return flags;
}
