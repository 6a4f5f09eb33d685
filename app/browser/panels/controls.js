// β, the priors that take part and their weights, colour and tools: the state written into controls, and what is done
// to them handed on.

import { betaAt, positionOf } from "../compute/core.js";
import { memo } from "../common/memo.js";
import { element, number, parse } from "../common/format.js";

/** Returns a function that writes the state into the controls. read: {beta}; act: see actions.js. */
export function wireControls(root, read, act) {
  wireBeta(root, read, act);
  const $ = (selector) => root.querySelector(selector), buttons = (name) => root.querySelectorAll(`[data-${name}]`);
  $(".weigh").onclick = act.toggleWeights;
  $(".colour").onchange = (e) => act.setColour(e.target.value);
  $(".in-view").onclick = act.selectInView;
  $(".clear").onclick = act.clear;
  for (const button of buttons("tool")) button.onclick = () => act.setTool(button.dataset.tool);
  for (const button of buttons("zoom")) button.onclick = () => act.zoom(button.dataset.zoom);
  return writing(root, act);
}

function wireBeta(root, read, act) {
  const slider = root.querySelector(".slider"), exactly = root.querySelector(".exactly");
  slider.oninput = () => act.setBeta(betaAt(slider.value / 100));
  slider.onchange = act.tell;
  exactly.onchange = () => {
    const beta = parse(exactly.value);
    if (!Number.isNaN(beta)) (act.setBeta(beta), act.tell());
    writeBeta(root, read.beta); // also where it is the same β, written otherwise
  };
  root.querySelector(".zero").onclick = () => (act.setBeta(0), act.tell());
}

function writing(root, act) {
  const $ = (selector) => root.querySelector(selector);
  const beta = memo(({ beta }) => writeBeta(root, beta));
  const colour = memo(({ colour }) => void ($(".colour").value = colour));
  const tool = memo(({ tool }) => writeTool(root, tool));
  // Made anew only where there are others, since that takes the keyboard's focus away.
  const priors = memo(({ run, weighed }) => {
    setPriors($(".priors"), run.priors, weighed, act);
    $(".weigh").setAttribute("aria-expanded", weighed);
  });
  const values = memo(({ taking, weights }) => writePriors($(".priors"), taking, weights));
  return (state) => {
    beta({ beta: state.beta });
    colour({ colour: state.colour });
    tool({ tool: state.tool });
    priors({ run: state.run, weighed: state.weights !== null });
    values({ run: state.run, taking: state.taking, weights: state.weights });
  };
}

function writeBeta(root, beta) {
  const slider = root.querySelector(".slider"), at = String(Math.round(positionOf(beta) * 200) / 2);
  if (slider.value !== at && betaAt(slider.value / 100) !== beta) slider.value = at;
  slider.setAttribute("aria-valuetext", `β = ${number(beta)}`);
  root.querySelector(".exactly").value = number(beta);
  root.querySelector(".meaning").textContent = meaningOf(beta);
}

function meaningOf(beta) {
  if (beta === 0) return "mean of the energies";
  if (beta === Infinity) return "the largest energy";
  if (beta === -Infinity) return "the smallest energy";
  return beta > 0 ? "leans to the largest energy" : "leans to the smallest energy";
}

function writeTool(root, tool) {
  root.querySelector(".map").classList.toggle("pan", tool === "pan");
  for (const button of root.querySelectorAll("[data-tool]"))
    button.setAttribute("aria-checked", button.dataset.tool === tool);
}

/** Make a box for every prior and, where they are weighed, a field for its weight. */
function setPriors(place, priors, weighed, act) {
  for (const old of place.querySelectorAll("label")) old.remove();
  priors.forEach((prior, j) => {
    const label = element("label"), box = element("input", { type: "checkbox" });
    box.onchange = () => act.take(j, box.checked);
    label.append(box, `HEAT-${prior.title}`);
    if (weighed) label.append(weightField(prior, (weight) => act.weigh(j, weight)));
    place.append(label);
  });
}

function weightField(prior, weigh) {
  const field = element("input", { type: "number", min: 0.1, step: 0.1, ariaLabel: `weight of ${prior.title}` });
  field.onchange = () => weigh(Number(field.value));
  return field;
}

function writePriors(place, taking, weights) {
  const summary = place.closest("details").querySelector("summary"), count = taking.filter(Boolean).length;
  summary.textContent = `Composed: ${count} of ${taking.length}${weights ? ", weighed" : ""}`;
  place.querySelectorAll("[type=checkbox]").forEach((box, j) => (box.checked = taking[j]));
  place.querySelectorAll("[type=number]").forEach((field, j) => (field.value = weights[j]));
}
