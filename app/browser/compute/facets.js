// What a subset breaks down by, as heat_core.analysis.facets has it: each sample has one value of a facet, but for tags.

import { memo } from "../common/memo.js";

const NONE = { folder: 65535, cluster: 255, column: 255 }; // in place of a value
const COLUMN = "column:"; // before the name of a column of manifests

/** The facets that every run has: name → title. */
const FACETS = {
  set: "Set", folder: "Folder", seen: "Taken for", part: "Responsible part", cluster: "Cluster of the map", tag: "Tag",
};

/** The facets of a run in the order in which they are shown; what its manifests say comes before the tags. */
export const namesOf = memo(({ run }) => {
  const [tag, ...others] = Object.keys(FACETS).reverse();
  return [...others.reverse(), ...run.columns.map((c) => c.key), tag];
});

/** A facet's title; a column's is a foreign text. */
export const titleOf = (name) => FACETS[name] ?? name.slice(COLUMN.length);

/** A facet of a state: {values, titles: their texts, codes: the value of every point, none}; null where there is none.
 *  Tags have members instead of codes: for each value the points that have it. */
export function facetOf({ run, parts, tags }, name) {
  switch (name) {
    case "set":
      return { values: run.sets.map((s) => s.key), titles: run.sets.map((s) => s.name), codes: run.set };
    case "folder":
      return { values: run.folders, titles: folderTitles({ folders: run.folders, sets: run.sets }), codes: run.folder, none: NONE.folder };
    case "seen":
      return { values: run.classes, titles: run.classes, codes: run.seen };
    case "part":
      return parts && { values: parts.names, titles: parts.names, codes: parts.codes };
    case "cluster":
      return { values: run.clusters, titles: run.clusters, codes: run.cluster, none: NONE.cluster };
    case "tag":
      return { values: Object.keys(tags), titles: Object.keys(tags).map((t) => t || "note only"), members: tagged(run, tags) };
    default:
      return columnOf(run, name);
  }
}

function columnOf(run, name) {
  const number = run.columns.findIndex((c) => c.key === name);
  if (number < 0) return null;
  const { values } = run.columns[number];
  return { values, titles: values, codes: run[`column-${number}`], none: NONE.column };
}

/** Each folder's own name; with its set's, where folders of several sets are called the same. */
const folderTitles = memo(({ folders, sets }) => {
  const split = folders.map((folder) => [folder.slice(0, folder.indexOf("/")), folder.slice(folder.indexOf("/") + 1)]);
  const inSets = Map.groupBy(split, ([, name]) => name);
  const titleOf = (key) => sets.find((s) => s.key === key)?.name ?? key;
  return split.map(([key, name]) => (inSets.get(name).length > 1 ? `${name} · ${titleOf(key)}` : name));
});

const tagged = (run, tags) =>
  Object.values(tags).map((numbers) => numbers.map((number) => run.pointOf[number]).filter((i) => i >= 0));

/** For every point, whether it has one of these values. */
export function among(run, facet, wanted) {
  const keep = new Uint8Array(run.n);
  if (facet?.members) {
    facet.values.forEach((value, v) => wanted.includes(value) && facet.members[v].forEach((i) => (keep[i] = 1)));
  } else if (facet) {
    const kept = Uint8Array.from(facet.values, (value) => wanted.includes(value));
    for (let i = 0; i < run.n; i++) keep[i] = kept[facet.codes[i]] ?? 0;
  }
  return keep;
}
