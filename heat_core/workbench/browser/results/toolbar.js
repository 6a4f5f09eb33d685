// Writes the toolbar above the results: the count, layout, order, size and methods, and what can be done with the
// samples.

import { element, setText } from "../common/dom.js";
import { formatCount } from "../common/format.js";
import { memo } from "../common/memo.js";
import { offeredTags } from "../common/tags.js";
import { HEAT, baselineOf, methodsOf } from "../compute/query.js";

const COLUMN = "column", LIKE = "like"; // orders that are no option of the run

/**
 * Creates the toolbar.
 * @param {Element} root
 * @param {object} actions - see state/actions.js
 * @param {{close: function(Element)}} menus - see menus.js
 * @param {function(string, string)} saveFigure - saves a figure ("rows", "histogram" or "map") as "svg" or "png"
 * @returns {function(object, number)} writes a state and the number of samples in the subset
 */
export function createToolbar(root, actions, menus, saveFigure) {
  const $ = (selector) => root.querySelector(selector), $$ = (selector) => root.querySelectorAll(selector);
  for (const button of $$("[data-layout]")) button.onclick = () => actions.setLayout(button.dataset.layout);
  $(".order").onchange = (e) => actions.setQuery({ order: e.target.value, like: null });
  $(".size").oninput = (e) => actions.setSize(Number(e.target.value));
  $(".size").onchange = actions.sendSettings;
  $(".deselect").onclick = actions.deselectSamples;
  $(".undo").onclick = actions.undoTagging;
  for (const button of $$("[data-save]")) button.onclick = () => saveFigure(...button.dataset.save.split(" "));
  connectTagMenu(root, actions, menus);
  connectRunMenu(root, actions);
  return createWriter(root, actions);
}

function connectTagMenu(root, actions, menus) {
  const field = root.querySelector(".new-tag"), close = () => menus.close(root.querySelector(".tagging"));
  const submit = () => {
    if (field.value.trim()) actions.tag(field.value.trim());
    field.value = "";
    close();
  };
  root.querySelector(".give").onclick = submit;
  field.onkeydown = (e) => {
    if (e.key === "Enter") submit();
    if (e.key !== "Escape") e.stopPropagation();
  };
}

function connectRunMenu(root, actions) {
  const name = root.querySelector(".run-name");
  const startRun = (role) => () => actions.newRun(role, name.value.trim() || name.placeholder);
  root.querySelector(".as-ood").onclick = startRun("ood");
  root.querySelector(".as-class").onclick = startRun("class");
  name.onkeydown = (e) => e.key !== "Escape" && e.stopPropagation();
}

function createWriter(root, actions) {
  const $ = (selector) => root.querySelector(selector);
  const write = {
    orders: memo(({ run }) => writeOrders($(".order"), run)),
    layout: memo(({ layout, size, order, like }) => writeLayout(root, layout, size, like === null ? order : LIKE)),
    methods: memo(({ run, query }) => writeMethods($(".methods"), run, query, actions)),
    tags: memo(({ tags }) => writeTags(root, tags, actions)),
    undo: memo(({ taggings }) => writeUndo($(".undo"), taggings)),
  };
  return ({ run, query, layout, size, tags, taggings, selectedSamples }, count) => {
    write.orders({ run });
    write.layout({ run, layout, size, order: query.order, like: query.like });
    write.methods({ run, query });
    write.tags({ tags });
    $(".live").dataset.truth = run.truth; // The style sheet hides what needs true labels.
    writeCounts(root, run, count, selectedSamples.size);
    write.undo({ taggings });
    $(".run-name").placeholder = defaultSetName(run, query);
    for (const link of root.querySelectorAll("[data-take]")) writeDownloadLink(link, run);
  };
}

function writeOrders(select, run) {
  // The last two cannot be chosen here; they show what a click on a title or on "Similar images" has chosen.
  const others = { [COLUMN]: "by a column of the table", [LIKE]: "most similar first" };
  select.replaceChildren(...Object.entries({ ...run.orders, ...others }).map(([value, textContent]) =>
    element("option", { value, textContent, disabled: value in others })));
}

function writeLayout(root, layout, size, order) {
  const select = root.querySelector(".order");
  root.querySelector(".live").dataset.arranged = layout; // The style sheet makes the table wider than the grid.
  for (const button of root.querySelectorAll("[data-layout]"))
    button.setAttribute("aria-checked", button.dataset.layout === layout);
  root.querySelector(".size").value = size;
  root.querySelector(".sized").hidden = layout === "table";
  select.value = [...select.options].some((option) => option.value === order) ? order : COLUMN;
}

function writeCounts(root, run, count, selectedCount) {
  const $ = (selector) => root.querySelector(selector), affected = selectedCount || count;
  setText($(".count"), `${formatCount(count)} of ${formatCount(run.truth ? run.n : run.n - run.sets[0].shown)}`);
  $(".deselect").hidden = !selectedCount;
  setText($(".deselect"), `${formatCount(selectedCount)} selected ✕`);
  for (const text of root.querySelectorAll(".about"))
    text.textContent = selectedCount ? `${formatCount(affected)} selected` : `all ${formatCount(affected)}`;
  for (const summary of root.querySelectorAll(".doing > summary")) {
    summary.ariaDisabled = !affected;
    summary.tabIndex = affected ? 0 : -1;
  }
}

function writeUndo(button, taggings) {
  const step = taggings.findLast(({ isUndone }) => !isUndone);
  button.hidden = !step;
  if (!step) return;
  const what = `${formatCount(step.numbers.length)} ${step.isTagged ? "tagged" : "no longer tagged"} “${step.tag}”`;
  button.title = button.ariaLabel = `Undo: ${what} (Ctrl+Z)`;
}

const defaultSetName = (run, query) =>
  query.values.tag?.[0] ?? run.questions[query.question]?.replace("{}", "baseline").toLowerCase() ?? "subset";

/** Writes the address of a download. It holds the page's address, which follows the state, so that it is written again
 *  just before the link is used. */
function writeDownloadLink(link, run) {
  const { path, of: parameters } = run.take;
  const write = () => (link.href = `${path}${location.search || "?"}&${parameters}&kind=${link.dataset.take}`);
  link.onpointerdown = link.onfocus = write;
  write();
}

function writeMethods(container, run, query, actions) {
  const shown = methodsOf(run, query), all = [...run.methods, { key: HEAT, title: run.heat_title }];
  const boxes = all.map(({ key, title }) => {
    const box = element("input", { type: "checkbox", checked: shown.includes(key) });
    box.onchange = () => actions.toggleMethod(key, shown);
    const note = key === baselineOf(run, query) ? " (baseline)" : "";
    return element("label", {}, box, title + note);
  });
  container.replaceChildren(...boxes);
}

function writeTags(root, tags, actions) {
  const offered = offeredTags(tags);
  root.querySelector("#known-tags").replaceChildren(...offered.map((value) => element("option", { value })));
  const buttons = offered.slice(0, 9).map((tag, i) =>
    element("button", { type: "button", textContent: `${i + 1} · ${tag}`, onclick: () => actions.tag(tag) }));
  root.querySelector(".quick").replaceChildren(...buttons);
}
