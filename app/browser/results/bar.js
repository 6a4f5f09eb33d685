// Above the results: how many there are, layout, order, size, methods; what is done with them.

import { memo } from "../common/memo.js";
import { baselineOf, methodsOf } from "../compute/subset.js";
import { counting, element } from "../common/format.js";

const SUGGESTED = ["new class", "known", "ignore"];

/** The tags that keys and buttons offer: those that the run has, after those that are suggested. */
export const offered = (tags) => [...new Set([...SUGGESTED, ...Object.keys(tags).filter(Boolean)])];

/** A function of the state and the subset that writes the bar. save(what, kind): hand out a figure of the rows, the
 *  histogram or the map, as svg or png. */
export function createBar(root, act, save) {
  const $ = (selector) => root.querySelector(selector);
  for (const button of root.querySelectorAll("[data-layout]")) button.onclick = () => act.setLayout(button.dataset.layout);
  $(".order").onchange = (e) => act.ask({ order: e.target.value, like: null });
  $(".size").oninput = (e) => act.setSize(Number(e.target.value));
  $(".size").onchange = act.tell;
  $(".unmark").onclick = act.unmark;
  for (const button of root.querySelectorAll("[data-save]")) button.onclick = () => save(...button.dataset.save.split(" "));
  wireTags(root, act);
  wireRun(root, act);
  return writing(root, act);
}

function wireTags(root, act) {
  const field = root.querySelector(".new-tag");
  const give = () => {
    if (field.value.trim()) act.tag(field.value.trim());
    field.value = "";
    root.querySelector(".tagging").removeAttribute("open");
  };
  root.querySelector(".give").onclick = give;
  field.onkeydown = (e) => {
    if (e.key === "Enter") give();
    if (e.key === "Escape") root.querySelector(".tagging").removeAttribute("open");
    e.stopPropagation();
  };
}

function wireRun(root, act) {
  const name = root.querySelector(".run-name");
  const make = (role) => () => act.newRun(role, name.value.trim() || name.placeholder);
  root.querySelector(".as-ood").onclick = make("ood");
  root.querySelector(".as-class").onclick = make("class");
  name.onkeydown = (e) => e.stopPropagation();
}

function writing(root, act) {
  const $ = (selector) => root.querySelector(selector);
  const orders = memo(({ run }) => {
    const options = { ...run.orders, "": "by a column of the table" };
    $(".order").replaceChildren(...Object.entries(options).map(([value, textContent]) =>
      element("option", { value, textContent, disabled: !value }))); // a column is chosen in the table's head
  });
  const values = memo(({ layout, size, order, like }) => {
    for (const b of root.querySelectorAll("[data-layout]")) b.setAttribute("aria-checked", b.dataset.layout === layout);
    $(".size").value = size;
    $(".sized").hidden = layout === "table";
    const known = [...$(".order").options].some((o) => o.value === order);
    $(".order").value = known ? order : "";
  });
  const methods = memo(({ run, ask }) => writeMethods($(".methods"), run, ask, act));
  const tags = memo(({ tags }) => writeTags(root, tags, act));
  return (state, count) => {
    const { run, ask, layout, size, marked } = state;
    orders({ run });
    values({ run, layout, size, order: ask.order, like: ask.like });
    methods({ run, ask });
    tags({ tags: state.tags });
    const about = marked.size || count;
    $(".count").textContent = `${counting(count)} of ${counting(run.truth ? run.n : run.n - run.sets[0].shown)}`;
    $(".unmark").hidden = !marked.size;
    $(".unmark").textContent = `${counting(marked.size)} marked ✕`;
    for (const which of root.querySelectorAll(".about")) which.textContent = marked.size ? `${counting(about)} marked` : `all ${counting(about)}`;
    for (const summary of root.querySelectorAll(".doing > summary")) summary.classList.toggle("off", !about);
    $(".run-name").placeholder = ask.values.tag?.[0] ?? state.run.questions[ask.question]?.replace("{}", "baseline").toLowerCase() ?? "subset";
    $(".live").dataset.truth = run.truth; // what needs it is hidden without (inspect.css)
    for (const link of root.querySelectorAll("[data-take]")) {
      const { path, of } = run.take; // after the address of the page, which may name another batch
      const addressed = () => (link.href = `${path}${location.search || "?"}&${of}&kind=${link.dataset.take}`);
      link.onpointerdown = link.onfocus = addressed; // the address of the page follows what is done
      addressed();
    }
  };
}

function writeMethods(place, run, ask, act) {
  const shown = methodsOf(run, ask), all = [...run.methods, { key: "heat", title: "HEAT" }];
  const boxes = all.map(({ key, title }) => {
    const box = element("input", { type: "checkbox", checked: shown.includes(key) });
    box.onchange = () => act.toggleMethod(key, shown);
    const note = key === baselineOf(run, ask) ? " (baseline)" : "";
    return element("label", {}, box, title + note);
  });
  place.replaceChildren(...boxes);
}

function writeTags(root, tags, act) {
  const known = offered(tags);
  root.querySelector("#known-tags").replaceChildren(...known.map((value) => element("option", { value })));
  const quick = known.slice(0, 9).map((tag, i) => {
    const button = element("button", { type: "button", textContent: `${i + 1} · ${tag}`, onclick: () => act.tag(tag) });
    return button;
  });
  root.querySelector(".quick").replaceChildren(...quick);
}
