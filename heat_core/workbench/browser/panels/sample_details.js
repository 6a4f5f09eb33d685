// Creates Python's details of the inspected sample: the reason for its verdict, p-values, the parts of the score,
// neighbours, manifest columns, the note form, and its rank under every method.

import { element } from "../common/dom.js";
import { formatCount, formatPercent, formatShare } from "../common/format.js";
import { createPicture, pictureUrl } from "../common/pictures.js";
import { createNoteForm } from "./note_form.js";
import { createPositionMaps } from "./position_maps.js";
import { createWaterfall } from "./waterfall.js";

const NEIGHBOUR_SIDE = 96; // CSS pixels

/**
 * Creates the elements of the details.
 * @param {object} run
 * @param {object} detail - see heat_core/workbench/sample_detail.py
 * @param {object} tags - of the run
 * @param {object} actions - see state/actions.js
 * @param {Element} pictureContainer - the element that holds the picture, for position maps
 * @param {object} noteDraft - see `createNoteForm`
 * @returns {HTMLElement[]}
 */
export function createSampleDetails(run, detail, tags, actions, pictureContainer, noteDraft) {
  const waterfall = createWaterfall(detail.parts, detail.score, detail.threshold);
  return [
    element("p", { className: "reason", textContent: detail.reason }),
    createPValues(detail.p),
    createButtons(detail, actions),
    detail.where && createPositionMaps(detail.where, pictureContainer),
    createSection("Score breakdown", waterfall, true),
    createNeighbours(run, "Nearest known training images", detail.training, actions),
    detail.others && createNeighbours(run, "Nearest among the other images", detail.others, actions),
    detail.columns.length && createSection("Columns of its list", createColumnList(detail.columns), true),
    run.truth && createSection("Tags and note", createNoteForm(detail, tags, actions, noteDraft), true),
    createSection("Percentile by method", createRanks(detail.shares), false),
  ].filter(Boolean);
}

function createButtons(detail, actions) {
  const showSimilar = () => actions.setQuery({ question: "all", like: detail.key, values: {}, excluded: {}, brush: null, find: "" });
  const button = (textContent, onclick) => element("button", { type: "button", textContent, onclick });
  const buttons = [];
  if (detail.others) buttons.push(button("Similar images", showSimilar));
  if (detail.can_tell_where) buttons.push(button("Heatmap", actions.requestPositionMaps));
  return element("div", { className: "row" }, ...buttons);
}

function createSection(title, content, isOpen) {
  return element("details", { open: isOpen }, element("summary", { textContent: title }), content);
}

/** Creates the list of manifest columns; columns holds [name, text] of each, which are untrusted texts. */
const createColumnList = (columns) => element("dl", { className: "said" }, ...columns.flatMap(([name, text]) =>
  [element("dt", { textContent: name }), element("dd", { textContent: text || "–" })]));

/** Creates the p-values: [{name: of the class, or empty for all classes; p; of: the number of ID samples}]. A known
 *  test image is itself among the images that it is compared with. */
function createPValues(pValues) {
  const lines = pValues.map(({ name, p, of: count }) => {
    const group = name ? `known test images predicted as ${name}` : "known test images";
    const smallest = (1 / (count + 1)).toPrecision(2);
    const formula = "(1 + how many score at least as high) / (n + 1)";
    const title = `${formula}, n = ${formatCount(count)}; the smallest is ${smallest}`;
    return element("div", { textContent: `${formatShare(p)} % of ${group} look at least this unusual (p = ${p.toPrecision(2)})`, title });
  });
  return element("div", { className: "p-values" }, ...lines);
}

/** Creates the section of neighbours: {sentence} where there are none, or {images: [{set, row, sample, cosine, same,
 *  number}]}. */
function createNeighbours(run, title, neighbours, actions) {
  if (neighbours.sentence)
    return createSection(title, element("p", { className: "faint", textContent: neighbours.sentence }), true);
  const cells = neighbours.images.map((image) => createNeighbour(run, image, actions));
  const duplicate = neighbours.images.find((image) => image.same), warnings = [];
  if (duplicate) {
    const textContent = `The same picture is in ${duplicate.where}: ${duplicate.sample}.`;
    warnings.push(element("p", { className: "warning", textContent }));
  }
  const content = element("div", {}, ...warnings, element("div", { className: "neighbours" }, ...cells));
  return createSection(title, content, true);
}

function createNeighbour(run, { set, row, sample, cosine, same, number }, actions) {
  const cell = element("button", { type: "button", className: "neighbour", title: sample, disabled: number === null });
  const caption = { textContent: same ? "same picture" : cosine.toFixed(3), className: same ? "same" : "" };
  cell.append(createPicture(pictureUrl(run, set, row, NEIGHBOUR_SIDE)), element("span", caption));
  if (number !== null) cell.onclick = () => actions.inspect(number);
  return cell;
}

function createRanks(shares) {
  return element("div", { className: "ranks" }, ...shares.flatMap(({ title, share, flagged }) => {
    const bar = element("span", { className: flagged ? "fill beyond" : "fill" });
    bar.style.width = `${100 * share}%`;
    const tooltip = `more unusual than ${formatPercent(share)} % of known test images`;
    const track = element("span", { className: "track", title: tooltip }, bar);
    return [element("span", { textContent: title }), track, element("span", { textContent: formatPercent(share) })];
  }));
}
